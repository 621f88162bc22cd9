package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// Kinds of conflicts, as graft.PlannedConflict has them.
const (
	conflictPort      = "port"
	conflictContainer = "container"
	conflictNetwork   = "network"
	conflictVolume    = "volume"
	conflictComponent = "component"
)

// obstacle returns the first thing that stands in the way of a container that
// has yet to be created; nil if nothing does.
func (w *world) obstacle(inst *graft.Installation, v *want) error {
	c := conflicts{w: w, inst: inst}
	c.service(v)
	if v.fresh() && v.behind == nil {
		c.networks()
		c.volumes()
	}
	if len(c.all) == 0 {
		return nil
	}
	return graft.Errorf(graft.CodeConflict, "%s", c.all[0].Text)
}

// conflicts returns everything that an installation needs and somebody else
// has, in the order of its services.
func (w *world) conflicts(inst *graft.Installation) []graft.PlannedConflict {
	c := conflicts{w: w, inst: inst, all: []graft.PlannedConflict{}}
	containers := w.containersOf(inst.ID)
	for _, service := range dependencyOrder(inst.Services) {
		v, err := w.want(inst, containers, service)
		if err != nil {
			c.component(v, err)
			continue // without the component, its ports and its name are not ours to take
		}
		c.service(v)
	}
	c.networks()
	c.volumes()
	return c.all
}

// conflicts gathers what is in the way of one installation.
type conflicts struct {
	w    *world
	inst *graft.Installation
	all  []graft.PlannedConflict
}

func (c *conflicts) add(kind, name, holder, format string, args ...any) {
	c.all = append(c.all, graft.PlannedConflict{Kind: kind, Name: name, Holder: holder, Text: fmt.Sprintf(format, args...)})
}

// component notes that a service can't replace its component.
func (c *conflicts) component(v *want, err error) {
	holder := ""
	component := c.w.aside(v.service.Name)
	if component == nil {
		component = c.w.component(v.service.Name)
	}
	if component != nil {
		if standing, rival := c.w.standingOf(c.inst, component); standing == refused {
			holder = rival.Name
		}
	}
	c.add(conflictComponent, v.name, holder, "%s", graft.ErrorMessage(err))
}

// service notes who has the name or a port of a container that has yet to be
// created.
func (c *conflicts) service(v *want) {
	if v.behind != nil {
		return
	}
	if v.fresh() || v.component != nil {
		holder := c.nameHolder(v)
		switch other := c.w.installationOf(holder); {
		case holder == nil:
		case other != nil:
			remedy := "uninstall that one first"
			switch {
			case other.Desired == graft.DesiredRemoved:
				remedy = "it is being uninstalled; wait until that is gone"
			case other.Name == c.inst.Name:
				remedy = "upgrade that one"
			}
			c.add(conflictContainer, v.name, holder.Name, "service %q: addon %q, which is installed, has the name %q already; %s",
				v.service.Name, strings.TrimSpace(other.Name+" "+other.Version), v.name, remedy)
		default:
			c.add(conflictContainer, v.name, holder.Name,
				"service %q: the name %q is taken by a container that does not belong to this addon; remove or rename it",
				v.service.Name, v.name)
		}
	}
	if !v.fresh() {
		return
	}
	published, err := ports(v.service, v.component)
	if err != nil {
		return // the plan says so
	}
	for _, port := range published {
		holder := c.w.portHolder(port, func(other *driver.Container) bool {
			return c.w.owned(other.Labels, c.inst.ID) || v.isReplacedBy(c.w, other)
		})
		if holder != nil {
			c.add(conflictPort, portName(port), holder.Name,
				"service %q: host port %s is taken by container %q; free it or publish another port",
				v.service.Name, portName(port), holder.Name)
		} else if other := c.reserved(port); other != nil {
			c.add(conflictPort, portName(port), other.Name,
				"service %q: host port %s is for addon %q, which was installed before; publish another port",
				v.service.Name, portName(port), other.Name)
		}
	}
}

// reserved returns another addon that is about to publish a port: one that has
// been up, and whose container is just not there, or one that is being installed
// and came before. It is nil if there is none, and for an addon that has been up.
func (c *conflicts) reserved(port driver.Port) *graft.Installation {
	if settled(c.inst) {
		return nil
	}
	for i := range c.w.installs {
		other := &c.w.installs[i]
		before := settled(other) || other.Previous != nil || other.Status == graft.StatusInstalling && newer(c.inst, other)
		if other.ID == c.inst.ID || !wantsUp(other) || !before {
			continue
		}
		containers := c.w.containersOf(other.ID)
		for j := range other.Services {
			service := &other.Services[j]
			// What a container has is seen.
			if currentOf(containers, service, other.Images[service.Name]) == nil && c.publishes(service, port) {
				return other
			}
		}
		if c.mayPublish(other.Previous, port) {
			return other
		}
	}
	return nil
}

// mayPublish is whether a version that may come back publishes a port. Its
// containers may just not run.
func (c *conflicts) mayPublish(version *graft.Pinned, port driver.Port) bool {
	if version == nil {
		return false
	}
	for i := range version.Services {
		if c.publishes(&version.Services[i], port) {
			return true
		}
	}
	return false
}

// publishes is whether a service publishes a port by itself. Who has a component's
// ports is another question.
func (c *conflicts) publishes(service *graft.Service, port driver.Port) bool {
	if c.w.component(service.Name) != nil || c.w.aside(service.Name) != nil {
		return false
	}
	published, err := ports(service, nil)
	return err == nil && slices.ContainsFunc(published, func(p driver.Port) bool { return collide(port, p) })
}

// nameHolder returns somebody else's container that has v's name, nil if there
// is none.
func (c *conflicts) nameHolder(v *want) *driver.Container {
	holder := c.w.container(v.name)
	if holder == nil && v.component == nil && v.fresh() {
		holder = c.between(v.name)
	}
	if holder == nil || c.w.owned(holder.Labels, c.inst.ID) || v.isReplacedBy(c.w, holder) {
		return nil
	}
	return holder
}

// between returns another addon's container that is to have a name and has another
// one for the time of an upgrade, nil if there is none.
func (c *conflicts) between(name string) *driver.Container {
	for i := range c.w.installs {
		other := &c.w.installs[i]
		if other.ID == c.inst.ID || other.Previous == nil || !wantsUp(other) {
			continue
		}
		for _, k := range c.w.containersOf(other.ID) {
			if k.Labels[driver.ComponentLabel] == "" && c.w.settings.prefixed(k.Labels[driver.ServiceLabel]) == name {
				return k
			}
		}
	}
	return nil
}

// networks notes networks of the addon's names that are not the addon's.
func (c *conflicts) networks() {
	for _, network := range c.inst.AllNetworks() {
		name := c.w.networkName(c.inst, network.Name)
		found := c.w.network(name)
		if found == nil || name != c.w.settings.scoped(c.inst.Name, network.Name) || c.w.owned(found.Labels, c.inst.ID) {
			continue
		}
		leaves := c.w.leaving(func(other *graft.Installation) bool { return c.w.owned(found.Labels, other.ID) })
		c.notOurs(conflictNetwork, name, leaves)
	}
}

// volumes notes volumes of the addon's names that are not the addon's.
func (c *conflicts) volumes() {
	for _, volume := range c.inst.AllVolumes() {
		name := c.w.volumeName(c.inst, volume.Name)
		found := c.w.volume(name)
		if found == nil || c.w.ownsVolume(c.inst, found) || c.w.mayTakeOver(c.inst, found) {
			continue
		}
		kept := c.w.keptVolume(found)
		leaves := c.w.leaving(func(other *graft.Installation) bool {
			return c.w.ownsVolume(other, found) || c.w.owned(found.Labels, other.ID)
		})
		if leaves == nil && kept != nil && kept.Owner == "" && kept.Addon != c.inst.Name {
			c.add(conflictVolume, name, "", "volume %q has data that was kept of addon %q; save what is in it, then remove it", name, kept.Addon)
			continue
		}
		c.notOurs(conflictVolume, name, leaves)
	}
}

// notOurs notes a network or volume that is another's: of the addon that leaves, if
// one does.
func (c *conflicts) notOurs(kind, name string, leaves *graft.Installation) {
	if leaves == nil {
		c.add(kind, name, "", "%s %q exists and belongs to somebody else; remove or rename it", kind, name)
		return
	}
	c.add(kind, name, leaves.Name, "%s %q is that of addon %q, which is being uninstalled; wait until that is gone", kind, name, leaves.Name)
}

// portName is how a host port is called: 8080/tcp.
func portName(p driver.Port) string { return fmt.Sprintf("%d/%s", p.HostPort, p.Protocol) }

// hostConflicts returns the ports that containers yet to be created publish, and
// that something on the host has which is no container. taken asks the host.
func (w *world) hostConflicts(p *plan, taken func(driver.Port) bool) []graft.PlannedConflict {
	c := conflicts{w: w, inst: p.installation}
	nobody := func(*driver.Container) bool { return false }
	for i := range p.operations {
		if p.operations[i].kind != opCreate {
			continue
		}
		for _, port := range p.operations[i].container.Ports {
			// The ports of containers are known; those of whoever leaves get free.
			if port.HostPort != 0 && w.portHolder(port, nobody) == nil && taken(port) {
				c.add(conflictPort, portName(port), "",
					"host port %s is in use on this host by something that is no container; stop that or publish another port", portName(port))
			}
		}
	}
	return c.all
}
