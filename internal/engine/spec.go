package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// defaultRestart is the policy of services that name none: they come back with
// the host even while no engine runs.
const defaultRestart = "unless-stopped"

// networkName is the runtime's name of a network that a service names. A
// declared network is the addon's own; so is an undeclared one, unless the host
// has a network of just that name and somebody agreed that the addon joins it:
// one that came after the addon is none of its.
func (w *world) networkName(inst *graft.Installation, name string) string {
	if w.orchestrators(name) {
		return w.settings.Network
	}
	if w.foreignNetwork(inst, name) != nil && w.mayJoin(inst, name) {
		return name
	}
	return w.settings.scoped(inst.Name, name)
}

// orchestrators is whether a service that names a network means the
// orchestrator's.
func (w *world) orchestrators(name string) bool {
	return name == w.settings.Network || name == graft.DefaultNetwork
}

// foreignNetwork returns the host's network that a service asks to join by naming
// one that the addon does not declare and does not have; nil if there is none.
func (w *world) foreignNetwork(inst *graft.Installation, name string) *driver.Network {
	declared := slices.ContainsFunc(inst.Networks, func(n graft.Network) bool { return n.Name == name })
	if declared || w.orchestrators(name) || w.network(w.settings.scoped(inst.Name, name)) != nil {
		return nil
	}
	return w.network(name)
}

// volumeName is the runtime's name of a volume of an addon.
func (w *world) volumeName(inst *graft.Installation, name string) string {
	return w.settings.scoped(inst.Name, name)
}

// specDigest identifies what a container was made from. It covers the
// descriptor and the image only, so that a newer Graft does not see drift where
// none is.
func specDigest(service *graft.Service, image string) string {
	data, err := json.Marshal(struct {
		Service *graft.Service
		Image   string
	}{service, image})
	if err != nil { // strings, numbers and lists always marshal
		panic(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// containerSpec says how a service's container is made. A plugin inherits the
// networks and ports of the component; what the descriptor says wins.
func (w *world) containerSpec(inst *graft.Installation, service *graft.Service, name string, component *driver.Container) (*driver.ContainerSpec, error) {
	command, err := graft.SplitCommand(service.Command)
	if err != nil {
		return nil, err
	}
	spec := &driver.ContainerSpec{
		Name:            name,
		Image:           inst.Images[service.Name],
		Labels:          w.labels(inst, service),
		Entrypoint:      service.Entrypoint,
		Command:         command,
		Environment:     service.Environment,
		Restart:         service.Restart,
		Healthcheck:     service.Healthcheck,
		Hostname:        service.Hostname,
		User:            service.User,
		WorkingDir:      service.WorkingDir,
		CapAdd:          service.CapAdd,
		CapDrop:         service.CapDrop,
		Devices:         service.Devices,
		Privileged:      service.Privileged,
		ReadOnly:        service.ReadOnly,
		Tmpfs:           service.Tmpfs,
		MemLimit:        int64(service.MemLimit),
		CPUs:            service.CPUs,
		StopSignal:      service.StopSignal,
		StopGracePeriod: 0,
	}
	if spec.Restart == "" {
		spec.Restart = defaultPolicy(inst, service.Name)
	}
	if service.StopGracePeriod != nil {
		spec.StopGracePeriod = time.Duration(*service.StopGracePeriod)
	}
	if spec.Mounts, err = w.mounts(inst, service); err != nil {
		return nil, err
	}
	if spec.Ports, err = ports(service, component); err != nil {
		return nil, err
	}
	spec.Endpoints = w.endpoints(inst, service, component)
	if component != nil {
		spec.Labels[driver.ComponentLabel] = component.Name
	}
	return spec, nil
}

// defaultPolicy is the restart policy of a service that names none. One whose
// end others wait for must not be started again.
func defaultPolicy(inst *graft.Installation, service string) string {
	for i := range inst.Services {
		if inst.Services[i].DependsOn[service].Condition == graft.ServiceCompleted {
			return "no"
		}
	}
	return defaultRestart
}

func (w *world) labels(inst *graft.Installation, service *graft.Service) map[string]string {
	labels := maps.Clone(service.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, w.settings.ownerLabels(inst.ID))
	labels[driver.ServiceLabel] = service.Name
	labels[driver.SpecLabel] = specDigest(service, inst.Images[service.Name])
	labels[w.settings.IDLabel] = inst.ID
	labels[w.settings.ServiceLabel] = service.Name
	labels[driver.ComposeServiceLabel] = service.Name
	if service.Probe != nil {
		probe, err := json.Marshal(service.Probe)
		if err != nil { // numbers and strings always marshal
			panic(err)
		}
		labels[driver.ProbeLabel] = string(probe)
	}
	return labels
}

func (w *world) mounts(inst *graft.Installation, service *graft.Service) ([]driver.Mount, error) {
	var mounts []driver.Mount
	for _, text := range service.Volumes {
		m, err := graft.ParseMount(text)
		if err != nil {
			return nil, err
		}
		source := m.Source
		if !m.Bind {
			source = w.volumeName(inst, m.Source)
		}
		mounts = append(mounts, driver.Mount{Source: source, Target: m.Target, Bind: m.Bind, Mode: m.Mode})
	}
	return mounts, nil
}

// ports returns what a service publishes: its own ports, then those of the
// component that it says nothing about.
func ports(service *graft.Service, component *driver.Container) ([]driver.Port, error) {
	mapped, problems := graft.ParsePorts(service.Ports)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	var own []driver.Port
	for _, m := range mapped {
		own = append(own, driver.Port{HostPort: m.HostPort, ContainerPort: m.ContainerPort, Protocol: m.Protocol})
	}
	if component == nil {
		return own, nil
	}
	all := slices.Clone(own)
	for _, inherited := range component.Ports {
		taken := slices.ContainsFunc(own, func(p driver.Port) bool {
			return p.Protocol == inherited.Protocol &&
				(p.ContainerPort == inherited.ContainerPort || collide(p, inherited))
		})
		if !taken {
			all = append(all, inherited)
		}
	}
	return all, nil
}

// endpoints returns the networks that a service joins: those of the component
// first, with their aliases, then its own, then the default if there is none.
func (w *world) endpoints(inst *graft.Installation, service *graft.Service, component *driver.Container) []driver.Endpoint {
	var endpoints []driver.Endpoint
	join := func(network string, aliases ...string) {
		i := slices.IndexFunc(endpoints, func(e driver.Endpoint) bool { return e.Network == network })
		if i < 0 {
			endpoints = append(endpoints, driver.Endpoint{Network: network})
			i = len(endpoints) - 1
		}
		for _, alias := range aliases {
			if !slices.Contains(endpoints[i].Aliases, alias) {
				endpoints[i].Aliases = append(endpoints[i].Aliases, alias)
			}
		}
		slices.Sort(endpoints[i].Aliases)
	}
	if component != nil {
		for _, e := range component.Endpoints {
			// While the component has its own name, nobody else can.
			if predefined(e.Network) {
				join(e.Network)
			} else {
				join(e.Network, slices.Concat(e.Aliases, []string{component.Name})...)
			}
		}
	}
	for _, name := range service.Networks {
		network := w.networkName(inst, name)
		join(network, w.aliases(inst, service, network, component)...)
	}
	if len(endpoints) == 0 {
		join(w.settings.Network, w.aliases(inst, service, w.settings.Network, component)...)
	}
	return endpoints
}

// predefined is whether a network is one of Docker's own, on which containers
// have no other names.
func predefined(network string) bool {
	return network == "bridge" || network == "host" || network == "none"
}

// aliases gives a service its name on a network, as Compose does, unless
// somebody else answers to that name there: two owners of one name would get
// each other's requests in turn.
func (w *world) aliases(inst *graft.Installation, service *graft.Service, network string, component *driver.Container) []string {
	if predefined(network) {
		return nil
	}
	for _, c := range w.answering(service.Name) {
		if w.owned(c.Labels, inst.ID) || (component != nil && (c.ID == component.ID || c.Labels[driver.ComponentLabel] == component.Name)) {
			continue
		}
		for _, e := range c.Endpoints {
			if e.Network == network && (c.Name == service.Name || slices.Contains(e.Aliases, service.Name)) {
				return nil
			}
		}
	}
	return []string{service.Name}
}
