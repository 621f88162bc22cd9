package graft

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// RightKind is one way in which an addon reaches beyond its own containers.
type RightKind string

const (
	RightDockerSocket      RightKind = "docker_socket"      // target: the path on the host
	RightHostPath          RightKind = "host_path"          // target: the path on the host
	RightPrivileged        RightKind = "privileged"         // no target
	RightCapability        RightKind = "capability"         // target: its name, such as NET_ADMIN
	RightDevice            RightKind = "device"             // target: the path on the host
	RightHostNetwork       RightKind = "host_network"       // no target
	RightHostPort          RightKind = "host_port"          // target: 8080/tcp or 9000-9002/udp
	RightJoinsNetwork      RightKind = "joins_network"      // target: the network's name on the host
	RightReplacesComponent RightKind = "replaces_component" // target: the component's name
	RightForeignRegistry   RightKind = "foreign_registry"   // target: the registry's host
)

// RightKinds are all kinds, in the order in which they are listed.
func RightKinds() []RightKind {
	return []RightKind{
		RightDockerSocket, RightPrivileged, RightHostNetwork, RightHostPath, RightDevice, RightCapability,
		RightJoinsNetwork, RightReplacesComponent, RightForeignRegistry, RightHostPort,
	}
}

// RiskLevel is how much somebody who means ill, or errs, can do with a right.
type RiskLevel string

const (
	RiskNone     RiskLevel = "none"
	RiskLow      RiskLevel = "low"
	RiskMedium   RiskLevel = "medium"
	RiskHigh     RiskLevel = "high"
	RiskCritical RiskLevel = "critical" // the same as being root on the host
)

// rank orders the levels.
func (l RiskLevel) rank() int {
	return slices.Index([]RiskLevel{RiskNone, RiskLow, RiskMedium, RiskHigh, RiskCritical}, l)
}

// Right is one thing that an addon may do to a host.
type Right struct {
	Kind   RightKind `json:"kind"`
	Target string    `json:"target,omitempty"` // see the kinds
	// Service is who has it; empty: nobody does so far, as with a volume that no
	// service mounts.
	Service  string    `json:"service_name,omitempty"`
	ReadOnly bool      `json:"read_only,omitempty"` // of a host_path
	Level    RiskLevel `json:"level"`
	// Dangerous is whether it needs consent where no policy says otherwise.
	Dangerous bool   `json:"dangerous"`
	Text      string `json:"text"` // a sentence for people
}

// MaxRights is how many rights an addon can have. Descriptors come from strangers,
// and what is beyond that nobody reads before he agrees.
const MaxRights = 1000

// Rights returns what an addon may do to a host, as far as its descriptor tells:
// the worst first, then by kind, in the order of the services. It asks nobody
// and remembers nothing. What depends on a host, components that have no
// well-known name, networks that are there and registries that are not allowed,
// the engine adds. If there are more than MaxRights, it returns just so many and
// one more.
func (d *Descriptor) Rights() []Right {
	found := &rightList{all: []Right{}}
	for i := range d.Services {
		d.serviceRights(&d.Services[i], found)
	}
	d.volumeRights(found)
	for _, component := range d.Replaces() {
		for i := range d.Services {
			if s := d.Services[i].Name; bears(PlaneRoot, s, component) || bears(PlaneCluster, s, component) {
				found.add(ReplacesComponent(s, component))
			}
		}
	}
	SortRights(found.all)
	return found.all
}

// rightList is what was found so far. When it is full there is no need to look
// further.
type rightList struct{ all []Right }

func (l *rightList) full() bool { return len(l.all) > MaxRights }

func (l *rightList) add(right Right) {
	if !l.full() {
		l.all = append(l.all, right)
	}
}

// Risk is the highest level of a number of rights, RiskNone without any.
func Risk(rights []Right) RiskLevel {
	risk := RiskNone
	for _, right := range rights {
		if right.Level.rank() > risk.rank() {
			risk = right.Level
		}
	}
	return risk
}

// SortRights puts the worst first, then goes by kind; else the order stays.
func SortRights(rights []Right) {
	kinds := RightKinds()
	slices.SortStableFunc(rights, func(a, b Right) int {
		if by := b.Level.rank() - a.Level.rank(); by != 0 {
			return by
		}
		return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind)
	})
}

// NewRights returns the rights of an addon's newer version that none of the older
// one's covers: those of another kind or target, and paths that were only read
// and are to be changed now. Which service has a right makes no difference.
func NewRights(older, newer []Right) []Right {
	return slices.DeleteFunc(slices.Clone(newer), func(right Right) bool {
		return slices.ContainsFunc(older, func(had Right) bool { return had.Grant().Covers(right) })
	})
}

// serviceRights finds those that a service asks for by itself.
func (d *Descriptor) serviceRights(s *Service, found *rightList) {
	if s.Privileged {
		found.add(Right{
			Kind: RightPrivileged, Service: s.Name, Level: RiskCritical, Dangerous: true,
			Text: fmt.Sprintf("Service %s runs privileged: it has all rights on the host.", s.Name),
		})
	}
	for _, text := range s.Volumes {
		if m, err := ParseMount(text); err == nil && m.Bind {
			pathRights(s.Name, m.Source, m.readOnly(), found)
		}
	}
	for _, device := range s.Devices {
		path, _, _ := strings.Cut(device, ":")
		found.add(deviceRight(s.Name, path))
	}
	for _, capability := range s.CapAdd {
		found.add(capabilityRight(s.Name, capability))
	}
	for _, key := range slices.Sorted(maps.Keys(s.Ports)) {
		_, protocol, given := strings.Cut(key, "/")
		if !given {
			protocol = "tcp"
		}
		target := s.Ports[key] + "/" + protocol
		found.add(Right{
			Kind: RightHostPort, Target: target, Service: s.Name, Level: RiskLow,
			Text: fmt.Sprintf("Service %s is reached at port %s of the host.", s.Name, target),
		})
	}
	if d.onHostNetwork(s) {
		found.add(HostNetwork(s.Name, "through a network whose driver puts it there"))
	}
}

// onHostNetwork is whether a service is on a network that shares the host's.
// Descriptors can't name the host's network itself; noEngineNetwork sees to that.
func (d *Descriptor) onHostNetwork(s *Service) bool {
	return slices.ContainsFunc(d.Networks, func(n Network) bool {
		return slices.Contains([]string{"host", "macvlan", "ipvlan"}, n.Driver) && slices.Contains(s.Networks, n.Name)
	})
}

// HostNetwork is the right to be on the host's own network; why says how a
// service comes there.
func HostNetwork(service, why string) Right {
	return Right{
		Kind: RightHostNetwork, Service: service, Level: RiskHigh, Dangerous: true,
		Text: fmt.Sprintf("Service %s is on the host's own network, %s.", service, why),
	}
}

// JoinsNetwork is the right to be on a network of the host that is somebody
// else's, by its name there.
func JoinsNetwork(service, network string) Right {
	return Right{
		Kind: RightJoinsNetwork, Target: network, Service: service, Level: RiskMedium, Dangerous: true,
		Text: fmt.Sprintf("Service %s joins the network %s of the host, which is not the addon's: it reaches what is on it, and is reached.", service, network),
	}
}

// ReplacesComponent is the right to take a component's place.
func ReplacesComponent(service, component string) Right {
	return Right{
		Kind: RightReplacesComponent, Target: component, Service: service, Level: RiskMedium,
		Text: fmt.Sprintf("Service %s takes the place of the component %s, with its networks and ports.", service, component),
	}
}

// capabilityRight names the capability as the kernel does, without CAP_.
func capabilityRight(service, name string) Right {
	name = capabilityName(name)
	right := Right{Kind: RightCapability, Target: name, Service: service, Level: RiskHigh, Dangerous: true}
	right.Text = fmt.Sprintf("Service %s has the capability %s, with which it can reach beyond its container.", service, name)
	// Those of Docker's default set, which every container has, and those that
	// are about a process's own resources.
	const harmless = "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID " +
		"SETPCAP SETUID SYS_CHROOT IPC_LOCK LEASE NET_BROADCAST SYS_NICE WAKE_ALARM"
	const critical = "ALL BPF DAC_READ_SEARCH SYS_ADMIN SYS_MODULE SYS_PTRACE SYS_RAWIO"
	switch {
	case slices.Contains(strings.Fields(critical), name):
		right.Level = RiskCritical
	case slices.Contains(strings.Fields(harmless), name):
		right.Level, right.Dangerous = RiskLow, false
		right.Text = fmt.Sprintf("Service %s has the capability %s.", service, name)
	}
	return right
}

func capabilityName(name string) string { return strings.TrimPrefix(strings.ToUpper(name), "CAP_") }

// foreignRegistry is the right to run an image of a registry that is not allowed.
func foreignRegistry(service, image, registry string) Right {
	return Right{
		Kind: RightForeignRegistry, Target: registry, Service: service, Level: RiskMedium,
		Text: fmt.Sprintf("The image %s of service %s comes from %s, which is none of the allowed registries.", image, service, registry),
	}
}

// registryOf returns the host of an image's registry, docker.io where it names
// none, and the image itself if it can't be read.
func registryOf(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return image
	}
	return reference.Domain(named)
}
