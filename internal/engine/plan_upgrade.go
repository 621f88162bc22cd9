package engine

import (
	"fmt"
	"slices"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// An addon goes from one version to another, and back if the other one does not
// come up, in one and the same way: the containers of whichever version is not
// wanted stay until those that are wanted have proved themselves. All that may
// fail early is done while the others run; a plugin of the other version leaves
// its place as that of another addon would (plan_takeover.go); any other container
// is stopped right before its successor starts. What a version has in common with
// the other one is not touched.

// others returns the containers of a service that were made for another version of
// the addon. While services are looked after one by one there are none.
func (w *world) others(inst *graft.Installation, v *want) []*driver.Container {
	if settled(inst) || v.behind != nil {
		return nil
	}
	digest := specDigest(v.service, inst.Images[v.service.Name])
	return slices.DeleteFunc(w.containersOf(inst.ID), func(c *driver.Container) bool {
		return c.Labels[driver.ServiceLabel] != v.service.Name || c.Labels[driver.SpecLabel] == digest ||
			c.State == driver.StateRemoving || c.State == driver.StateDead
	})
}

// leaves is whether a container makes room for v when that is about to start, and
// not before: it is of another version and may have to come back. A plugin that has
// not got into its place is of no use.
func (w *world) leaves(inst *graft.Installation, v *want, c *driver.Container) bool {
	return slices.ContainsFunc(w.others(inst, v), func(other *driver.Container) bool { return other.ID == c.ID }) &&
		(v.component == nil || w.wasInPlace(c, v.name))
}

// wasInPlace is whether a plugin is in its component's place, or was until it made
// room: what has not got there has another name.
func (w *world) wasInPlace(c *driver.Container, name string) bool {
	return w.inPlace(c, name) || c.Name == name || isOutgoing(c.Name)
}

// succeed lets a service's container start in the place of those of another
// version, and returns what comes last. They are removed when everything has come
// up.
func (p *plan) succeed(w *world, v *want, others []*driver.Container, after []int) int {
	s := chain{p: p, after: after, cause: changeCause(p.installation, v)}
	for _, c := range others {
		if !p.stepped[c.ID] {
			s.stepBack(c, v.name)
		}
	}
	id, target := p.containerOf(w, v)
	if !v.fresh() && !samePolicy(v.current.RestartPolicy, v.policy) {
		s.add(operation{kind: opPolicy, target: target + " to " + v.policy, id: id, policy: v.policy})
	}
	restarts := 0
	if startCause(w, v) != "" {
		s.add(operation{kind: opStart, target: target, id: id})
	} else {
		restarts = v.current.Restarts
	}
	s.prove(v, id, target, restarts)
	return len(p.operations) - 1
}

// versionText is what an installation's version is called. Those of the old system
// have none.
func versionText(inst *graft.Installation) string {
	if inst.Version == "" {
		return "another version"
	}
	return "version " + inst.Version
}

func changeCause(inst *graft.Installation, v *want) string {
	if !v.fresh() && isOutgoing(v.current.Name) {
		return fmt.Sprintf("service %s goes back to %s", v.service.Name, versionText(inst))
	}
	return fmt.Sprintf("service %s goes to %s", v.service.Name, versionText(inst))
}

// mustProve is whether a service has to stay up before the version that would come
// back is given up: that does not have it as it is.
func (p *plan) mustProve(v *want) bool {
	previous := p.installation.Previous
	if previous == nil || p.apart {
		return false
	}
	before := previous.Service(v.service.Name)
	return before == nil ||
		specDigest(before, previous.Images[before.Name]) != specDigest(v.service, p.installation.Images[v.service.Name])
}

// prove adds that a container stays up. A job may end, if it does so well.
func (s *chain) prove(v *want, id, target string, restarts int) {
	s.add(operation{
		kind: opWait, target: target, id: id, until: untilStable, stableFor: stableTime(v.service), restarts: restarts,
		mayEnd: v.policy != "always" && v.policy != "unless-stopped",
	})
}

// containerOf returns the id and name of a service's container, be it one that is
// yet to be created.
func (p *plan) containerOf(w *world, v *want) (id, name string) {
	if v.fresh() {
		name = w.newName(p.installation, v)
		return name, name
	}
	return v.current.ID, v.current.Name
}

// stepBack takes a container out of use that may have to come back.
func (s *chain) stepBack(c *driver.Container, name string) {
	if c.RestartPolicy != "no" { // it must not come back with the next start of the runtime
		s.add(operation{kind: opPolicy, target: c.Name + " to no", id: c.ID, policy: "no"})
	}
	if c.State == driver.StateRestarting { // it can't be renamed, and has nothing to end
		s.add(operation{kind: opStop, target: c.Name, id: c.ID, grace: c.StopTimeout})
	}
	out := steppedName(c, name)
	if c.Name != out {
		s.add(operation{kind: opRename, target: c.Name + " to " + out, id: c.ID, name: out})
	}
	if c.Running() && c.State != driver.StateRestarting {
		s.add(operation{kind: opStop, target: out, id: c.ID, grace: c.StopTimeout})
	}
}

// steppedName is what a container of that name is called once it stepped back. One
// that had come to its end is not to be started again when it comes back.
func steppedName(c *driver.Container, name string) string {
	if c.State == driver.StateExited && !isOutgoing(c.Name) {
		return endedName(name, c.ID)
	}
	return outgoingName(name, c.ID)
}

// stepDropped takes the containers out of use whose service the version that is
// wanted does not have: another one may need their ports.
func (p *plan) stepDropped(w *world) {
	for _, c := range p.dropped(w) {
		name := c.Labels[driver.ServiceLabel]
		s := chain{p: p, after: p.all(), cause: fmt.Sprintf("%s has no service %s", versionText(p.installation), name)}
		s.stepBack(c, w.settings.prefixed(name))
	}
}

// stepColliding takes those out of use before anything starts whose ports another
// service of the version that is wanted publishes.
func (p *plan) stepColliding(w *world, wants []*want) {
	p.stepped = map[string]bool{}
	after := p.all()
	for _, v := range wants {
		if v.component != nil || v.behind != nil {
			continue
		}
		for _, c := range w.others(p.installation, v) {
			i := slices.IndexFunc(wants, func(u *want) bool {
				published, err := ports(u.service, u.component)
				return err == nil && u != v && u.behind == nil && portsCollide(published, c.Ports)
			})
			if i < 0 || !c.Running() && c.State != driver.StateRestarting {
				continue
			}
			p.stepped[c.ID] = true
			s := chain{p: p, after: after, cause: fmt.Sprintf("service %s is to have its port", wants[i].service.Name)}
			from := len(p.operations)
			s.stepBack(c, v.name)
			p.group(from, v.service.Name)
		}
	}
}

// dropped returns the containers whose service the version that is wanted does not
// have, apart from plugins, whose components come back.
func (p *plan) dropped(w *world) []*driver.Container {
	inst := p.installation
	if p.apart {
		return nil
	}
	return slices.DeleteFunc(w.containersOf(inst.ID), func(c *driver.Container) bool {
		service := c.Labels[driver.ServiceLabel]
		return inst.Service(service) != nil || w.swapOf(inst.ID, service) != nil
	})
}

// retire removes the containers of another version, now that all of this one have
// proved themselves, and gives these their names.
func (p *plan) retire(w *world, wants []*want) {
	after := p.all()
	cause := fmt.Sprintf("%s has come up", versionText(p.installation))
	for _, c := range p.dropped(w) {
		name := w.settings.prefixed(c.Labels[driver.ServiceLabel])
		p.add(operation{kind: opRemove, target: steppedName(c, name), id: c.ID, cause: cause, after: after})
	}
	for _, v := range wants {
		if v.component != nil || v.behind != nil {
			continue
		}
		s := chain{p: p, after: after, cause: cause}
		others := w.others(p.installation, v)
		for _, c := range others {
			s.add(operation{kind: opRemove, target: steppedName(c, v.name), id: c.ID})
		}
		if id, name := p.containerOf(w, v); (len(others) > 0 || v.fresh()) && name != v.name {
			s.add(operation{kind: opRename, target: name + " to " + v.name, id: id, name: v.name})
		}
	}
}

// leavesName is whether a name is that of a container whose service the version that
// is wanted does not have: "web" and "cluster_web" are called the same here.
func (w *world) leavesName(inst *graft.Installation, name string) bool {
	holder := w.container(name)
	return holder != nil && !settled(inst) && w.owned(holder.Labels, inst.ID) && inst.Service(holder.Labels[driver.ServiceLabel]) == nil
}

// newName is what a container is called that is yet to be created: its name, or
// another one while somebody who makes room for it has that.
func (w *world) newName(inst *graft.Installation, v *want) string {
	if v.component == nil && len(w.others(inst, v)) == 0 && !w.leavesName(inst, v.name) {
		return v.name
	}
	name := incomingName(v.name, inst.ID)
	if c := w.container(name); c != nil && w.leaves(inst, v, c) { // it was on its way, too
		name += "-" + specDigest(v.service, inst.Images[v.service.Name])[:8]
	}
	return name
}
