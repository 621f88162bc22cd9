package graft

import (
	"encoding/json"
	"strings"
	"time"
)

// InstallationStatus is what an installation's users see of it. Old clients
// know exactly these.
type InstallationStatus string

const (
	StatusInstalling      InstallationStatus = "installing"
	StatusActive          InstallationStatus = "active"
	StatusPartiallyActive InstallationStatus = "partially_active"
	StatusFailed          InstallationStatus = "failed"
	StatusDisabling       InstallationStatus = "disabling"
	StatusDisabled        InstallationStatus = "disabled"
)

// DesiredState is what users want of an installation.
type DesiredState string

const (
	DesiredEnabled  DesiredState = "enabled"
	DesiredDisabled DesiredState = "disabled"
	DesiredRemoved  DesiredState = "removed"
)

// Outcome is how an operation ended. For an installation's status the set is
// closed; events know two more.
type Outcome string

const (
	OutcomeDone        Outcome = "done"
	OutcomeRefused     Outcome = "refused"      // nothing was touched
	OutcomeRestored    Outcome = "restored"     // it failed, and all is as before
	OutcomeNotRestored Outcome = "not_restored" // a person is needed
)

// Installation is an addon on one orchestrator. Everything up to Generation is
// the spec, which users change through the API; the rest is what the engine
// saw.
type Installation struct {
	ID            string `json:"_id"` // 24 hex digits
	MarketplaceID string `json:"marketplace_id"`
	Descriptor           // as it was when it was installed
	// Images pins each service to what was verified: service name →
	// repository@digest.
	Images map[string]string `json:"images"`
	// ImageSizes is what a pull of each service's image transfers on this host,
	// in bytes, as far as the marketplace knew it.
	ImageSizes map[string]int64 `json:"image_sizes,omitempty"`
	Desired    DesiredState     `json:"desired_state"`
	// Supersede is whether its plugins may take the place of plugins that other
	// addons have put there before.
	Supersede bool `json:"supersede,omitempty"`
	// Rights are what it may do to this host, and Consent what somebody agreed to
	// of it; nil: nothing needed that.
	Rights  []Right   `json:"rights,omitzero"`
	Risk    RiskLevel `json:"risk,omitempty"`
	Consent *Consent  `json:"consent,omitempty"`
	// KeepData is whether its volumes stay when it is removed.
	KeepData bool `json:"-"`
	// Generation grows with every change of the spec.
	Generation int64 `json:"generation"`
	// Activated is whether it ever was active or partially active.
	Activated bool `json:"-"`
	// Previous is the version that comes back if the one that it is to run does not
	// come up; nil: none does. It is that very version if it is what comes back.
	Previous *Pinned `json:"-"`

	Status  InstallationStatus `json:"status"`
	Details *StatusDetails     `json:"status_details,omitempty"`
	// Logs has the last lines of the services that failed, each line after its
	// service's name.
	Logs      string    `json:"logs,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Revision grows with every change; clients wait for the next one with it.
	Revision int64 `json:"revision"`
}

// MarshalJSON writes description even when it is empty, as the old engine did.
func (i Installation) MarshalJSON() ([]byte, error) {
	type plain Installation
	return json.Marshal(struct {
		plain
		Description string `json:"description"`
	}{plain(i), i.Description})
}

// StatusDetails is everything about an installation that the old statuses have
// no word for.
type StatusDetails struct {
	// Generation is the one that these details are about.
	Generation int64   `json:"generation"`
	Outcome    Outcome `json:"outcome,omitempty"` // of the last operation
	Reason     string  `json:"reason,omitempty"`
	Step       string  `json:"step,omitempty"` // what is being done just now
	// GaveUp is true when the engine took everything back after a failure and
	// waits for a change of the spec.
	GaveUp bool `json:"gave_up,omitempty"`
	// RetryAt is when the engine tries again by itself; absent when it does not,
	// or when it waits for something to happen.
	RetryAt *time.Time `json:"retry_at,omitempty"`
	// Waits is true when the engine tries again by itself as soon as what was in
	// the way is gone.
	Waits bool `json:"waits,omitempty"`
	// Withdrawn are the plugins that could not stay in their component's place.
	// The component is back; the addon's other services go on.
	Withdrawn []Withdrawal `json:"withdrawn,omitempty"`
	// Upgrade is how it came, or comes, to the version that it is to run; absent:
	// by its installation, or the spec changed since.
	Upgrade *UpgradeStatus `json:"upgrade,omitempty"`
	// Warnings are what is there otherwise than the addon's version says, and stays
	// so: each is a sentence that says what to do about it.
	Warnings []string `json:"warnings,omitempty"`
	// Pulls are the images that are being pulled just now.
	Pulls          []PullStatus    `json:"pulls,omitempty"`
	FailedServices []string        `json:"failed_services"`
	Services       []ServiceStatus `json:"services,omitempty"`
}

// Withdrawal is a plugin that made room for its component.
type Withdrawal struct {
	Service string `json:"service_name"`
	Reason  string `json:"reason"`
	// Blocked is whether something stood in its way: it comes back by itself when
	// that is gone. RetryAt is when it tries again by itself. With neither, it
	// waits for somebody to enable the addon again.
	Blocked bool       `json:"blocked,omitempty"`
	RetryAt *time.Time `json:"retry_at,omitempty"`
}

// PullStatus is how far the pull of an image has come. Layers and sizes become
// known while it goes on.
type PullStatus struct {
	Image      string `json:"image"`
	LayersDone int    `json:"layers_done"`
	Layers     int    `json:"layers"`
	BytesDone  int64  `json:"bytes_done"`
	Bytes      int64  `json:"bytes"`
}

// ServiceState is what became of one service's container.
type ServiceState string

const (
	ServiceMissing        ServiceState = "missing"    // it has no container
	ServiceCreated        ServiceState = "created"    // never started
	ServiceStarting       ServiceState = "starting"   // its health check has not passed yet
	ServiceRunning        ServiceState = "running"    // and healthy, if it has a health check
	ServiceUnhealthy      ServiceState = "unhealthy"  // its health check fails
	ServiceRestarting     ServiceState = "restarting" // it ended by itself a short time ago
	ServiceExited         ServiceState = "exited"     // it ended by itself
	ServicePaused         ServiceState = "paused"     // somebody paused it
	ServiceCompletedState ServiceState = "completed"  // it was to end, and did so with exit code 0
	ServiceSuperseded     ServiceState = "superseded" // another addon's plugin is in its place, on purpose
	ServiceWithdrawn      ServiceState = "withdrawn"  // it could not stay in its component's place, which is back
)

// ServiceStatus is what the engine saw of one service.
type ServiceStatus struct {
	Name     string       `json:"service_name"`
	State    ServiceState `json:"state"`
	Reason   string       `json:"reason,omitempty"`
	ExitCode *int         `json:"exit_code,omitempty"`
	Restarts int          `json:"restarts,omitempty"`
	// StartedAt is when its container was started last, by whomever; nil: it does
	// not run.
	StartedAt   *time.Time `json:"started_at,omitempty"`
	Container   string     `json:"container,omitempty"` // its name
	ContainerID string     `json:"container_id,omitempty"`
	Image       string     `json:"image,omitempty"`    // repository@digest
	Replaces    string     `json:"replaces,omitempty"` // name of the component
	Ports       []string   `json:"ports,omitempty"`    // host:container/protocol, inherited ones too
}

// Component is a container of the orchestrator that Graft did not create.
type Component struct {
	Name          string   `json:"name"` // its compose service, else its container name
	ContainerName string   `json:"container_name"`
	ContainerID   string   `json:"container_id"`
	Image         string   `json:"image"`
	State         string   `json:"state"`
	Ports         []string `json:"ports"` // host:container/proto
	Networks      []string `json:"networks"`
	// ReplacedBy is the plugin in its place, absent while it is in place itself.
	ReplacedBy *Replacement `json:"replaced_by,omitempty"`
}

// Replacement names the service that took a component's place.
type Replacement struct {
	InstallationID string `json:"installation_id"`
	Addon          string `json:"addon"`
	Service        string `json:"service_name"`
}

// InstallRequest is what somebody wants installed.
type InstallRequest struct {
	MarketplaceID string `json:"marketplace_id"`
	// Supersede allows to take the place of another addon's plugin.
	Supersede bool `json:"supersede,omitempty"`
	// Plan is the hash of the plan that was agreed to: if it is another one by
	// now, the request is refused. Empty: any plan will do.
	Plan string `json:"plan,omitempty"`
	// Consent is what is agreed to of the addon's rights, each as ParseGrant reads
	// it.
	Consent []string `json:"consent,omitempty"`
	// By is the name of who asks. It is not sent: the server knows it.
	By string `json:"-"`
}

// SwapWay is how a plugin takes a component's place. The set is closed.
type SwapWay string

const (
	// SwapWarm is when both run, and only the endpoint moves.
	SwapWarm SwapWay = "warm"
	// SwapStandby is when the component is cut off and runs on while the plugin
	// starts.
	SwapStandby SwapWay = "standby"
	// SwapCold is when the component is stopped, then the plugin is started.
	SwapCold SwapWay = "cold"
)

// Operation is one step of a plan, with its cause.
type Operation struct {
	Kind   string `json:"kind"`
	Target string `json:"target"`
	Cause  string `json:"cause"`
}

// Plan is what the engine would do next for an installation.
type Plan struct {
	InstallationID string `json:"installation_id,omitempty"`
	Addon          string `json:"addon"`
	// Hash identifies the plan: the same hash, the same operations on the same
	// things. "sha256:" and 64 hex digits.
	Hash       string         `json:"hash"`
	Operations []Operation    `json:"operations"`
	Images     []PlannedImage `json:"images"`
	Swaps      []PlannedSwap  `json:"swaps"`
	// Volumes are those that are made, taken over, kept or removed, in the order
	// of the operations. nil: the engine is one that can't keep data.
	Volumes []PlannedVolume `json:"volumes"`
	// Conflicts are the ports, names, networks and volumes that others have.
	Conflicts []PlannedConflict `json:"conflicts"`
	// Warnings are what the plan leaves as it is though the addon's version says
	// otherwise.
	Warnings []string `json:"warnings,omitempty"`
	// Refusal is why the engine would do nothing, or, for an addon that has been
	// up, no more than what the operations say.
	Refusal string `json:"refusal,omitempty"`
	// Rights are what the addon may do to this host. Missing are those of them that
	// need consent and have none, Denied those that the policy denies: with either
	// the addon is not installed.
	Rights  []Right   `json:"rights"`
	Risk    RiskLevel `json:"risk,omitempty"`
	Missing []Right   `json:"missing"`
	Denied  []Right   `json:"denied"`
	// Upgrade is what the plan's version changes; absent unless it is to upgrade.
	Upgrade *PlannedUpgrade `json:"upgrade,omitempty"`
	// Text is the plan for people, one operation a line.
	Text string `json:"text"`
}

// IsPlanHash is whether a text looks like the hash of a plan.
func IsPlanHash(text string) bool {
	digits, found := strings.CutPrefix(text, "sha256:")
	return found && len(digits) == 64 && strings.Trim(digits, "0123456789abcdef") == ""
}

// PlannedImage is an image that a plan needs.
type PlannedImage struct {
	Image    string   `json:"image"` // repository@digest
	Services []string `json:"services"`
	Present  bool     `json:"present"` // no pull is needed
	// Size is what a pull transfers at most, in bytes; 0: not known.
	Size int64 `json:"size,omitempty"`
}

// PlannedSwap is a component that steps aside, or comes back.
type PlannedSwap struct {
	Component string  `json:"component"`
	Service   string  `json:"service_name"`
	Back      bool    `json:"back,omitempty"`
	Way       SwapWay `json:"way"`
	// Reason is why it is not warm.
	Reason string `json:"reason,omitempty"`
	// ExpectedGap is how long nobody will answer, in milliseconds; 0: no gap,
	// as seen from the component's networks and host ports.
	ExpectedGap int64 `json:"expected_gap_ms"`
}

// VolumeFate is what becomes of a volume. The set is closed.
type VolumeFate string

const (
	VolumeCreated   VolumeFate = "created"
	VolumeTakenOver VolumeFate = "taken_over" // with the data that was kept in it
	VolumeKept      VolumeFate = "kept"
	VolumeRemoved   VolumeFate = "removed" // with its data
)

// PlannedVolume is what a plan does with a volume.
type PlannedVolume struct {
	Name string     `json:"name"` // the runtime's: <plane>_<addon>_<volume>
	Fate VolumeFate `json:"fate"`
}

// PlannedConflict is something that a plan needs and somebody else has.
type PlannedConflict struct {
	Kind   string `json:"kind"` // port, container, network, volume, component
	Name   string `json:"name"` // 8080/tcp, or the name
	Holder string `json:"holder,omitempty"`
	Text   string `json:"text"` // what to do about it
}
