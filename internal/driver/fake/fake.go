// Package fake is a driver that runs nothing: it keeps containers, networks,
// volumes and images in memory, behaves as Docker does, and fails when a test
// tells it to. It starts no goroutines besides timers, so that it can live in a
// bubble of testing/synctest.
package fake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// ErrHang is for hooks of OnCall: the call blocks until its context ends, as when
// a runtime does not answer.
var ErrHang = errors.New("the fake runtime does not answer")

// AnyImage stands in AddImage for every image that was not added by name.
const AnyImage = "*"

// Behaviour is what containers of an image do.
type Behaviour struct {
	// ExitAfter a start the container ends by itself with ExitCode; 0: it runs
	// until it is stopped.
	ExitAfter time.Duration
	ExitCode  int
	// ExitWithout a place on that network at its start, a container ends after
	// ExitAfter, and otherwise does not; empty: networks do not matter.
	ExitWithout string
	// HealthAfter a start the health check gives its first answer, healthy or
	// Unhealthy. Containers have a health check if their specification has
	// one or if one of these two fields is set.
	HealthAfter time.Duration
	Unhealthy   bool
	// StartError, if not nil, is why containers do not start.
	StartError error
	// CPUs is how many cores containers keep busy, and Memory how much they have of
	// it, in bytes.
	CPUs   float64
	Memory int64
	// Output is printed at every start; ${NAME} in it stands for a variable of
	// the container's environment.
	Output string
}

// Driver is a driver.Driver in memory.
type Driver struct {
	clock func() time.Time

	mu         sync.Mutex
	serial     int
	addresses  int
	containers map[string]*container // by id
	networks   map[string]driver.Network
	volumes    map[string]driver.Volume
	images     map[string]Behaviour // what registries have
	present    map[string]bool      // what was pulled or ran before
	events     []driver.Event
	listeners  map[*listener]bool

	calls     []string
	away      bool
	failures  map[string][]error
	onCall    func(op, target string) error
	afterCall func(op, target string) error
}

var _ driver.Driver = (*Driver)(nil)

// New returns a driver that has Docker's networks bridge, host and none, and
// nothing else. Its timestamps are the clock's; a nil clock is time.Now.
func New(clock func() time.Time) *Driver {
	if clock == nil {
		clock = time.Now
	}
	d := &Driver{
		clock:      clock,
		containers: map[string]*container{},
		networks:   map[string]driver.Network{},
		volumes:    map[string]driver.Volume{},
		images:     map[string]Behaviour{},
		present:    map[string]bool{},
		listeners:  map[*listener]bool{},
		failures:   map[string][]error{},
	}
	for name, kind := range map[string]string{"bridge": "bridge", "host": "host", "none": "null"} {
		d.networks[name] = driver.Network{ID: d.newID(), Name: name, Driver: kind}
	}
	return d
}

// AddImage puts an image into the registries, so that it can be pulled. An
// image that is there already gets the new behaviour for later starts.
func (d *Driver) AddImage(ref string, behaviour Behaviour) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.images[ref] = behaviour
}

// AddContainer puts a container there that nobody created through the driver,
// such as a component of the orchestrator, and returns its id. It gets an id,
// the state running, a record, and its image and the networks of its endpoints,
// where these are missing. Whether its ports and addresses are free is not
// asked.
func (d *Driver) AddContainer(c driver.Container) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.ID == "" {
		c.ID = d.newID()
	}
	if c.State == "" {
		c.State = driver.StateRunning
	}
	if c.CreatedAt.IsZero() {
		c.CreatedAt = d.clock()
	}
	if c.State == driver.StateRunning && c.StartedAt.IsZero() {
		c.StartedAt = c.CreatedAt
	}
	if c.RestartPolicy == "" {
		c.RestartPolicy = "no"
	}
	if c.StopTimeout == 0 {
		c.StopTimeout = defaultStopTimeout
	}
	d.present[c.Image] = true
	for _, e := range c.Endpoints {
		if _, ok := d.networks[e.Network]; !ok {
			d.networks[e.Network] = driver.Network{ID: d.newID(), Name: e.Network, Driver: "bridge"}
		}
		if c.NetworkMode == "" {
			c.NetworkMode = e.Network
		}
	}
	if c.ImageDigest == "" {
		c.ImageDigest = digestOf(c.Image)
	}
	added := &container{givenRecord: c.Record != nil}
	added.Container = c
	added.Container = added.snapshot() // which shares nothing with the test's
	d.containers[c.ID] = added
	for _, e := range c.Endpoints {
		if c.Running() {
			d.join(added, e)
		}
	}
	d.emitContainer(added, "create")
	if c.Running() {
		d.emitContainer(added, "start")
	}
	return c.ID
}

// OnCall sets a function that is called before the effect of every call, with
// its operation and target as in Calls. If it returns an error, the call fails
// with it and has no effect. It may block, and may use the driver.
func (d *Driver) OnCall(fn func(op, target string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onCall = fn
}

// AfterCall sets a function that is called after the effect of every call that
// succeeded. If it returns an error, the caller gets that although the effect
// is there, as when an answer is lost.
func (d *Driver) AfterCall(fn func(op, target string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.afterCall = fn
}

// FailNext makes the next call of an operation fail with err, without an
// effect. Failures of one operation queue up.
func (d *Driver) FailNext(op string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failures[op] = append(d.failures[op], err)
}

// SetAway makes every call fail with CodeUnavailable and breaks the watches, as
// when the runtime is stopped, until it is set back. Containers live on.
func (d *Driver) SetAway(away bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = away
	if away {
		d.breakWatches()
	}
}

func (d *Driver) breakWatches() {
	for l := range d.listeners {
		l.broken = errAway()
		l.notify()
	}
}

// Calls returns the calls so far that change something, one string each: the
// operation and its target. Operations are create, recreate, start, stop, remove,
// rename, set-restart-policy, connect, reconnect, disconnect, pull, create-network,
// remove-network, create-volume and remove-volume; hooks also see info,
// observe, watch, logs, has-image and usage. Containers and networks are called by their names,
// whatever the caller used.
func (d *Driver) Calls() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calls)
}

// ResetCalls forgets the calls so far.
func (d *Driver) ResetCalls() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = nil
}

// Info implements driver.Driver.
func (d *Driver) Info(ctx context.Context) (driver.Info, error) {
	info := driver.Info{Name: "fake", Version: "1", APIVersion: "1", Platform: "linux/amd64"}
	if err := d.call(ctx, "info", "", func() error { return nil }); err != nil {
		return driver.Info{}, err
	}
	return info, nil
}

// Observe implements driver.Driver.
func (d *Driver) Observe(ctx context.Context) (*driver.Snapshot, error) {
	snapshot := &driver.Snapshot{}
	err := d.call(ctx, "observe", "", func() error {
		for _, c := range d.containers {
			snapshot.Containers = append(snapshot.Containers, c.snapshot())
		}
		for _, n := range d.networks {
			n.Labels = maps.Clone(n.Labels)
			snapshot.Networks = append(snapshot.Networks, n)
		}
		for _, v := range d.volumes {
			v.Labels = maps.Clone(v.Labels)
			snapshot.Volumes = append(snapshot.Volumes, v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(snapshot.Containers, func(a, b driver.Container) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(snapshot.Networks, func(a, b driver.Network) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(snapshot.Volumes, func(a, b driver.Volume) int { return strings.Compare(a.Name, b.Name) })
	return snapshot, nil
}

// call runs one call: what tests want of it first, then the effect with the
// lock held.
func (d *Driver) call(ctx context.Context, op, target string, effect func() error) error {
	hook, err := d.enter(ctx, op, target)
	if err != nil {
		return err
	}
	if hook != nil {
		err := hook(op, target)
		if errors.Is(err, ErrHang) {
			<-ctx.Done()
			return d.reachable(ctx)
		}
		if err != nil {
			return err
		}
	}
	if hook, err = d.effect(ctx, effect); err != nil || hook == nil {
		return err
	}
	return hook(op, target)
}

func (d *Driver) enter(ctx context.Context, op, target string) (func(op, target string) error, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch op {
	case "info", "observe", "watch", "logs", "has-image", "usage":
	default:
		d.calls = append(d.calls, strings.TrimSpace(op+" "+target))
	}
	if err := d.reachable(ctx); err != nil {
		return nil, err
	}
	if failures := d.failures[op]; len(failures) > 0 {
		d.failures[op] = failures[1:]
		return nil, failures[0]
	}
	return d.onCall, nil
}

func (d *Driver) effect(ctx context.Context, effect func() error) (func(op, target string) error, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.reachable(ctx); err != nil { // the hook may have changed that
		return nil, err
	}
	if err := effect(); err != nil {
		return nil, err
	}
	return d.afterCall, nil
}

func (d *Driver) reachable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return graft.WrapError(graft.CodeUnavailable, err, "the call was given up")
	}
	if d.away {
		return errAway()
	}
	return nil
}

func errAway() error {
	return graft.Errorf(graft.CodeUnavailable, "the fake runtime is away")
}

// newID returns an id that looks like Docker's and is the same in every run.
func (d *Driver) newID() string {
	d.serial++
	return fmt.Sprintf("%012x%052x", d.serial, 0)
}
