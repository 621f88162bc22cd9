package graft

import "time"

// Plane is a level of the orchestrator.
type Plane string

const (
	PlaneRoot    Plane = "root"
	PlaneCluster Plane = "cluster"
)

// DefaultNetwork is the network that every container of the orchestrator is on.
const DefaultNetwork = "oakestra"

// Descriptor is what an author writes: the addon's name and the services,
// volumes and networks that it consists of. Field names and meanings follow the
// Compose Specification where it has the same thing; service_name and the
// port map are those of Oakestra's old addon manager.
type Descriptor struct {
	Name        string    `json:"name"`
	Version     string    `json:"version,omitempty"` // semantic version
	Description string    `json:"description,omitempty"`
	Homepage    string    `json:"homepage,omitempty"`  // http or https URL
	Readme      string    `json:"readme,omitempty"`    // Markdown
	Planes      []Plane   `json:"planes,omitempty"`    // where it can be installed; empty: everywhere
	Platforms   []string  `json:"platforms,omitempty"` // [os/]arch[/variant] that all its images are made for
	Services    []Service `json:"services"`
	Volumes     []Volume  `json:"volumes"`
	Networks    []Network `json:"networks"`
}

// Service is one container of an addon.
type Service struct {
	Name        string            `json:"service_name"`
	Image       string            `json:"image"`
	Command     string            `json:"command,omitempty"` // shell-words
	Networks    []string          `json:"networks"`
	Volumes     []string          `json:"volumes"`     // src:dst[:mode]
	Ports       map[string]string `json:"ports"`       // container port[/proto] → host port
	Environment map[string]string `json:"environment"` // name → value
	Labels      map[string]string `json:"labels"`

	Entrypoint      []string              `json:"entrypoint,omitempty"`
	Restart         string                `json:"restart,omitempty"` // no, always, on-failure[:n], unless-stopped
	Healthcheck     *Healthcheck          `json:"healthcheck,omitempty"`
	Probe           *Probe                `json:"probe,omitempty"`
	StableFor       *Duration             `json:"stable_for,omitempty"` // default 3s
	DependsOn       map[string]Dependency `json:"depends_on,omitempty"` // service name → condition
	Hostname        string                `json:"hostname,omitempty"`
	User            string                `json:"user,omitempty"`
	WorkingDir      string                `json:"working_dir,omitempty"`
	CapAdd          []string              `json:"cap_add,omitempty"`
	CapDrop         []string              `json:"cap_drop,omitempty"`
	Devices         []string              `json:"devices,omitempty"` // host path:container path[:rwm]
	Privileged      bool                  `json:"privileged,omitempty"`
	ReadOnly        bool                  `json:"read_only,omitempty"`
	Tmpfs           []string              `json:"tmpfs,omitempty"`     // path[:options]
	MemLimit        ByteSize              `json:"mem_limit,omitempty"` // bytes
	CPUs            float64               `json:"cpus,omitempty"`
	StopGracePeriod *Duration             `json:"stop_grace_period,omitempty"`
	StopSignal      string                `json:"stop_signal,omitempty"`
}

// Healthcheck says how a service's health is found out. Zero fields take the
// Engine's defaults (30s interval and timeout, 3 retries).
type Healthcheck struct {
	// Test is CMD and its arguments, CMD-SHELL and one line for the shell, or
	// NONE. Empty: the image's own test.
	Test        []string  `json:"test,omitempty"`
	Interval    *Duration `json:"interval,omitempty"`
	Timeout     *Duration `json:"timeout,omitempty"`
	StartPeriod *Duration `json:"start_period,omitempty"`
	Retries     int       `json:"retries,omitempty"`
	Disable     bool      `json:"disable,omitempty"`
}

// Probe asks a service from outside whether it works, for images that have
// nothing to run a health check with. Exactly one of HTTP and TCP is given. Zero
// fields take defaults: interval 1s (10s while it answers), timeout 1s, retries
// 3, no start period.
// Their meanings are those of a Healthcheck.
type Probe struct {
	HTTP        *HTTPProbe `json:"http,omitempty"`
	TCP         *TCPProbe  `json:"tcp,omitempty"`
	StartPeriod *Duration  `json:"start_period,omitempty"`
	Interval    *Duration  `json:"interval,omitempty"`
	Timeout     *Duration  `json:"timeout,omitempty"`
	Retries     int        `json:"retries,omitempty"`
}

// HTTPProbe is a GET without redirects to a port of the container.
type HTTPProbe struct {
	Port   uint16 `json:"port"`
	Path   string `json:"path,omitempty"`   // default /
	Status int    `json:"status,omitempty"` // 0: any from 200 to 399
}

// TCPProbe is a connection to a port of the container.
type TCPProbe struct {
	Port uint16 `json:"port"`
}

// Conditions of a Dependency, named as in the Compose Specification.
const (
	ServiceStarted   = "service_started"
	ServiceHealthy   = "service_healthy"
	ServiceCompleted = "service_completed_successfully"
)

// Dependency says what another service must have reached before a service
// starts.
type Dependency struct {
	Condition string `json:"condition"`
}

// Volume is a named volume of an addon.
type Volume struct {
	Name       string            `json:"name"`
	Driver     string            `json:"driver"` // default local
	DriverOpts map[string]string `json:"driver_opts"`
	Labels     map[string]string `json:"labels"`
}

// Network is a network of an addon.
type Network struct {
	Name       string `json:"name"`
	Driver     string `json:"driver"` // default bridge
	EnableIPv6 bool   `json:"enable_ipv6"`
}

// Duration is a time.Duration that JSON carries as text such as "1m30s".
type Duration time.Duration

// MarshalText writes d as time.Duration does, which the Compose Specification
// reads too.
func (d Duration) MarshalText() ([]byte, error) {
	return []byte(time.Duration(d).String()), nil
}

// UnmarshalText reads what MarshalText writes.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return WrapError(CodeInvalid, err, "%q is not a duration", text)
	}
	*d = Duration(parsed)
	return nil
}

// ByteSize is a number of bytes; JSON carries it as a number. Descriptors may
// also write it as text with a unit, such as "64m".
type ByteSize int64

// Service returns the service of that name, nil if there is none.
func (d *Descriptor) Service(name string) *Service {
	for i := range d.Services {
		if d.Services[i].Name == name {
			return &d.Services[i]
		}
	}
	return nil
}
