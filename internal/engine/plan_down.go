package engine

import (
	"fmt"
	"slices"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// planDown takes an installation's containers away, puts the components that
// they replaced back, and removes what nobody needs any more.
func planDown(w *world, inst *graft.Installation) *plan {
	p := &plan{installation: inst}
	p.touches(w, nil)
	cause := downCause(inst)
	containers := w.containersOf(inst.ID)
	back := true
	for _, swap := range w.swapsOf(inst.ID) {
		back = p.putBack(w, swap, &containers, cause) && back
	}
	p.remove(inst, containers, cause)
	if back {
		p.removeResources(w, cause)
	}
	return p
}

// remove adds the end of containers, those that depend on others first.
func (p *plan) remove(inst *graft.Installation, containers []*driver.Container, cause string) {
	position := map[string]int{}
	for i, service := range dependencyOrder(inst.Services) {
		position[service.Name] = i
	}
	slices.SortStableFunc(containers, func(a, b *driver.Container) int {
		return position[b.Labels[driver.ServiceLabel]] - position[a.Labels[driver.ServiceLabel]]
	})
	stops := map[string]int{} // service → its stop
	for _, c := range containers {
		service := c.Labels[driver.ServiceLabel]
		var after []int
		for i := range inst.Services {
			dependant := &inst.Services[i]
			if stop, ok := stops[dependant.Name]; ok {
				if _, depends := dependant.DependsOn[service]; depends {
					after = append(after, stop)
				}
			}
		}
		if c.Running() {
			stops[service] = p.add(operation{kind: opStop, target: c.Name, id: c.ID, cause: cause, after: after, grace: c.StopTimeout})
			after = []int{stops[service]}
		}
		p.add(operation{kind: opRemove, target: c.Name, id: c.ID, cause: cause, after: after})
	}
}

// removeResources adds the removal of networks, what becomes of volumes, and the
// removal of the installation itself.
func (p *plan) removeResources(w *world, cause string) {
	inst := p.installation
	after := p.all()
	for _, n := range w.snapshot.Networks {
		if w.owned(n.Labels, inst.ID) || w.lastOnNetwork(inst, n) {
			p.add(operation{kind: opRemoveNetwork, target: n.Name, id: n.ID, cause: cause, after: after})
		}
	}
	p.endVolumes(w, cause, after)
	if inst.Desired == graft.DesiredRemoved {
		p.add(operation{kind: opForget, target: inst.Name, cause: cause, after: p.all()})
	}
}

// forgets is whether nothing is left of the installation after the plan.
func (p *plan) forgets() bool {
	return slices.ContainsFunc(p.operations, func(o operation) bool { return o.kind == opForget })
}

// lastOnNetwork is whether the orchestrator's network was made by this engine,
// and nobody but this installation is on it.
func (w *world) lastOnNetwork(inst *graft.Installation, n driver.Network) bool {
	if n.Name != w.settings.Network || n.Labels[driver.EngineLabel] != w.settings.EngineID {
		return false
	}
	for i := range w.installs {
		if w.installs[i].ID != inst.ID && wantsUp(&w.installs[i]) {
			return false
		}
	}
	return !slices.ContainsFunc(w.snapshot.Containers, func(c driver.Container) bool {
		return !w.owned(c.Labels, inst.ID) &&
			slices.ContainsFunc(c.Endpoints, func(e driver.Endpoint) bool { return e.Network == n.Name })
	})
}

func downCause(inst *graft.Installation) string {
	switch inst.Desired {
	case graft.DesiredRemoved:
		return "the addon is uninstalled"
	case graft.DesiredDisabled:
		return "the addon is disabled"
	}
	return "its installation failed"
}

// planStandIn lets plugins answer again that left their component's place to one
// that could not come back, until that is tried again.
func planStandIn(w *world, inst *graft.Installation) *plan {
	p := &plan{installation: inst, standIn: true}
	p.touches(w, nil)
	for _, swap := range w.swapsOf(inst.ID) {
		was, service := w.record(swap), inst.Service(swap.Service)
		leaving := !wantsUp(inst) || withdrawn(inst, swap.Service)
		if was == nil || service == nil || !leaving || w.live(w.aliveComponent(was, swap), swap.Component) {
			continue
		}
		c := currentOf(w.containersOf(inst.ID), service, inst.Images[swap.Service])
		if c == nil || w.live(c, swap.Component) {
			continue
		}
		s := chain{p: p, cause: fmt.Sprintf("component %s could not come back, and nobody answers", swap.Component)}
		for _, e := range w.endpoints(inst, service, was) {
			if w.network(e.Network) != nil && !joined(c, e) && hasOwnNetwork(c) {
				s.begin(operation{kind: opConnect, target: c.Name + " to " + e.Network, id: c.ID, endpoint: e})
			}
		}
		if !c.Running() {
			s.begin(operation{kind: opStart, target: c.Name, id: c.ID})
		}
	}
	return p
}
