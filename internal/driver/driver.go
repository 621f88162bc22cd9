// Package driver says what the engine needs of whatever runs containers. The
// engine decides; a driver does one thing at a time and reports what it sees.
//
// Every method is idempotent: doing again what is done already succeeds. All
// errors are *graft.Error with a message for people:
//
//	CodeNotFound     the container, network, volume or image does not exist
//	CodeConflict     a name or a host port is taken (the message says which)
//	CodeInvalid      the runtime does not accept the specification
//	CodeUnavailable  the runtime or a registry can't be reached; try again
//	CodeUpstream     anything else that the runtime answered
package driver

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/graftplatform/graft"
)

// Driver runs containers. It is safe for concurrent use.
type Driver interface {
	Observer
	Containers
	Restorer
	Resources
}

// Restorer makes containers be again as they were written down, and lets one
// take another's place.
type Restorer interface {
	// Recreate makes a container as a Container.Record says, under another
	// name, with all its networks and their aliases, not started. Its image
	// and networks must be present. Taken: CodeConflict.
	Recreate(ctx context.Context, record json.RawMessage, name string) error
	// Reconnect connects a container, running or not, to a network with the
	// settings that its Container.Record has of it: aliases, configured
	// addresses, links, options. An endpoint that is there stays as it is.
	// CodeInvalid when the record has no such network.
	Reconnect(ctx context.Context, id string, record json.RawMessage, network string) error
	// Move takes container from off endpoint's network and connects container
	// to, as Reconnect does if there is a record, else as Connect does. It is
	// the two in one, in less time where the runtime allows that.
	Move(ctx context.Context, from, to string, endpoint Endpoint, record json.RawMessage) error
}

// Observer sees what there is.
type Observer interface {
	// Info asks the runtime who it is, and so whether it answers.
	Info(ctx context.Context) (Info, error)
	// Observe returns everything there is, or an error; never a part of it.
	// Containers that vanish meanwhile are left out. The order is by name.
	Observe(ctx context.Context) (*Snapshot, error)
	// Watch calls fn for every change of a container, network or volume since
	// that time until ctx ends (nil) or the stream breaks (the error). Zero
	// since: from now on. The connected function, if not nil, is called once
	// when no later event can be missed. fn returns soon.
	Watch(ctx context.Context, since time.Time, connected func(), fn func(Event)) error
	// Logs copies the container's output to w, stdout and stderr merged in
	// order, until it ends or, with Follow, until the container or ctx does.
	Logs(ctx context.Context, id string, options LogOptions, w io.Writer) error
}

// Containers changes containers. Ids may be full ids or names.
type Containers interface {
	// Create makes a container that is not started, with all its endpoints,
	// and returns its id; on an error nothing is left. The image and the
	// networks must be present. A container of that name: CodeConflict.
	Create(ctx context.Context, spec ContainerSpec) (string, error)
	// Start of a running container does nothing. A container that could not
	// be started stays created.
	Start(ctx context.Context, id string) error
	// Stop sends the stop signal, waits the container's own grace period and
	// kills. A container that does not run or exist is stopped already.
	Stop(ctx context.Context, id string) error
	// Remove ends and removes a container and its anonymous volumes; named
	// volumes stay. A container that does not exist is removed already.
	Remove(ctx context.Context, id string) error
	// Rename to the name that it has does nothing. Taken: CodeConflict.
	Rename(ctx context.Context, id, name string) error
	// SetRestartPolicy changes the policy (as graft.Service.Restart) of a
	// container, running or not; the container is not restarted for it.
	SetRestartPolicy(ctx context.Context, id, policy string) error
	// Connect adds an endpoint; one that is there stays as it is.
	Connect(ctx context.Context, id string, endpoint Endpoint) error
	// Disconnect of an absent endpoint or network does nothing.
	Disconnect(ctx context.Context, id, network string) error
}

// Resources changes what containers need.
type Resources interface {
	// Pull makes an image (repository@digest) present; if it is already,
	// no registry is asked. progress may be nil.
	Pull(ctx context.Context, image string, progress func(PullProgress)) error
	// CreateNetwork and CreateVolume succeed when one of that name with all of
	// these labels exists; CodeConflict when one without them does.
	CreateNetwork(ctx context.Context, spec NetworkSpec) error
	// RemoveNetwork removes the network with that id or, if there is no such
	// id, every one of that name.
	RemoveNetwork(ctx context.Context, idOrName string) error
	CreateVolume(ctx context.Context, spec VolumeSpec) error
	RemoveVolume(ctx context.Context, name string) error
}

// Info is who the runtime says it is.
type Info struct {
	Name       string // "docker"
	Version    string
	APIVersion string // the one negotiated
	Platform   string // os/arch of the host, in OCI words: linux/amd64
}

// Snapshot is everything there was at one time. Snapshots may share memory:
// nobody changes one.
type Snapshot struct {
	Containers []Container
	Networks   []Network
	Volumes    []Volume
}

// State is a container's, in Docker's words.
type State string

const (
	StateCreated    State = "created"
	StateRunning    State = "running"
	StatePaused     State = "paused"
	StateRestarting State = "restarting"
	StateExited     State = "exited"
	StateRemoving   State = "removing"
	StateDead       State = "dead"
)

// Container is what a runtime knows of one container.
type Container struct {
	ID      string
	Name    string // without a leading slash
	Image   string // as it was asked for
	ImageID string
	// ImageDigest is the image as repository@digest, by which it can be pulled
	// again; empty when it came from no registry or is gone.
	ImageDigest string
	Labels      map[string]string

	State      State
	Health     string // starting, healthy, unhealthy; empty without a health check or when it does not run
	ExitCode   int    // of the last end
	OOMKilled  bool
	Error      string // why it did not start
	Restarts   int    // by the restart policy since it was started on purpose
	CreatedAt  time.Time
	StartedAt  time.Time // zero: never
	FinishedAt time.Time // zero: never ended

	Endpoints []Endpoint // networks it is configured for, running or not, by name
	// Addresses are the IP addresses that it has just now, in the order of
	// Endpoints; none when it does not run.
	Addresses []string
	// NetworkIDs are those of the networks that it was last on, as far as the
	// runtime has them: a network of the same name may be another one.
	NetworkIDs    []string
	Ports         []Port        // published ones as configured, running or not, in order
	Mounts        []Mount       // host paths and volumes as they are mounted, by target
	NetworkMode   string        // as configured: a network's name, host, none, container:…
	RestartPolicy string        // as graft.Service.Restart
	AutoRemove    bool          // the runtime removes it when it ends
	StopTimeout   time.Duration // how long a stop waits before it kills
	MemLimit      int64         // bytes, 0: none

	// Record is everything that the runtime knows, to be written down before
	// the container is touched. Other packages do not look inside.
	Record json.RawMessage
}

// Running is whether the container's process is there.
func (c *Container) Running() bool {
	return c.State == StateRunning || c.State == StatePaused
}

// ContainerSpec is a container to be created.
type ContainerSpec struct {
	Name        string
	Image       string // repository@digest
	Labels      map[string]string
	Entrypoint  []string // empty: the image's
	Command     []string // empty: the image's
	Environment map[string]string
	Mounts      []Mount
	Ports       []Port
	Endpoints   []Endpoint // the first is the primary network; at least one

	Restart         string // as graft.Service.Restart, never empty
	Healthcheck     *graft.Healthcheck
	Hostname        string
	User            string
	WorkingDir      string
	CapAdd          []string
	CapDrop         []string
	Devices         []string
	Privileged      bool
	ReadOnly        bool
	Tmpfs           []string
	MemLimit        int64 // bytes, 0: none
	CPUs            float64
	StopGracePeriod time.Duration // 0: the runtime's default
	StopSignal      string
}

// Endpoint is a container's place on a network.
type Endpoint struct {
	Network string
	// Aliases are what it was configured with, sorted. One that is the
	// container's name stays its name when the container is renamed.
	Aliases []string
	// IPv4Address and IPv6Address are those that it was configured with; empty:
	// the runtime chooses.
	IPv4Address string
	IPv6Address string
}

// Port is a published port.
type Port struct {
	HostIP        string // empty: all addresses
	HostPort      uint16 // 0: the runtime chooses
	ContainerPort uint16
	Protocol      string // tcp, udp, sctp
}

// Mount is a host path or a named volume in a container.
type Mount struct {
	Source string
	Target string
	Bind   bool   // Source is a host path
	Mode   string // ro, rw, z, Z or several of them with commas; empty: rw
}

// Network is what a runtime knows of one network.
type Network struct {
	ID     string
	Name   string
	Driver string
	// Internal networks lead nowhere else: containers that are on no other one
	// publish no port.
	Internal   bool
	EnableIPv6 bool
	Labels     map[string]string
}

// NetworkSpec is a network to be created.
type NetworkSpec struct {
	Name       string
	Driver     string
	EnableIPv6 bool
	Internal   bool
	Labels     map[string]string
}

// Volume is what a runtime knows of one volume.
type Volume struct {
	Name       string
	Driver     string
	DriverOpts map[string]string
	Labels     map[string]string
}

// VolumeSpec is a volume to be created.
type VolumeSpec struct {
	Name       string
	Driver     string
	DriverOpts map[string]string
	Labels     map[string]string
}

// Event says that something changed. It is a hint to look, never the truth:
// events may come twice or late.
type Event struct {
	Time   time.Time
	Type   string // container, network, volume
	Action string // in Docker's words: create, start, die, health_status, …
	ID     string
	Name   string
	Labels map[string]string // of a container
	// ExitCode is that of a container that died.
	ExitCode int
}

// LogOptions choose what of a container's output is wanted.
type LogOptions struct {
	Tail   int       // lines from the end, 0: all
	Since  time.Time // what was written then or later
	Follow bool
	// Last, if not nil, is set to the time of the last line that was written,
	// so that the caller can go on after it. It is left alone when there was none,
	// and of a container with a terminal, which addons don't have.
	Last *time.Time
}

// PullProgress is how far a pull has come.
type PullProgress struct {
	LayersDone, Layers int
	BytesDone, Bytes   int64
}
