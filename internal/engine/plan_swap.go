package engine

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// A swap goes through states that can all be told from what is observed, so a
// plan made after a crash in the middle of it goes on where it was:
//
//	component runs under its name                  → written down, plugin created
//	component aside, still running; plugin created → plugin takes the name
//	plugin has the name, component runs aside      → component stopped
//	component stopped aside                        → plugin started
//	plugin runs                                    → swapped
//
// On the way in, names change while the component still runs, so that clients
// miss it only from its stop to the plugin's start. On the way back the plugin
// is removed first: Docker can't rename a container that is about to be
// restarted, as a failing plugin is.

// record adds the writing down of the component that v replaces.
func (p *plan) record(v *want) int {
	record, err := json.Marshal(v.component)
	if err != nil { // it came out of JSON
		panic(err)
	}
	return p.add(operation{
		kind: opRecord, target: v.name,
		cause: fmt.Sprintf("service %s replaces it; it is put back from this", v.service.Name),
		after: p.all(),
		swap: &store.Swap{
			Component: v.name, ContainerID: v.component.ID, AsideName: asideName(v.name, v.component.ID),
			InstallationID: p.installation.ID, Service: v.service.Name, Record: record,
		},
	})
}

// takeOver adds the swap of a component for a plugin that is created, and
// returns the last operation of it.
func (p *plan) takeOver(w *world, v *want, after []int) (int, bool) {
	cause := fmt.Sprintf("service %s replaces component %s", v.service.Name, v.name)
	before := len(p.operations)
	step := func(o operation) {
		o.cause, o.after = cause, after
		o.follows = len(p.operations) > before && o.kind != opWait
		after = []int{p.add(o)}
	}
	component := w.container(v.component.ID)
	aside := asideName(v.name, v.component.ID)
	if component != nil && component.State == driver.StateRestarting {
		// Docker can't rename it between two tries, and it serves nobody.
		step(operation{kind: opStop, target: component.Name, id: component.ID, grace: component.StopTimeout})
	}
	if component != nil && (component.Name != aside || component.RestartPolicy != "no") {
		step(operation{kind: opStepAside, target: v.name + " as " + aside, id: component.ID, name: aside, policy: "no"})
	}
	if v.fresh() || v.current.Name != v.name {
		id, name := incomingName(v.name), incomingName(v.name)
		if !v.fresh() {
			id, name = v.current.ID, v.current.Name
		}
		step(operation{kind: opRename, target: name + " to " + v.name, id: id, name: v.name})
	}
	if component != nil && component.Running() {
		step(operation{kind: opStop, target: aside, id: component.ID, grace: component.StopTimeout})
	}
	reason := startCause(v)
	if reason != "" {
		step(operation{kind: opStart, target: v.name, id: v.name})
	}
	if reason != "" || (!settled(p.installation) && !w.gated[v.current.ID]) {
		step(operation{kind: opWait, target: v.name, id: v.name, until: untilStable})
	}
	if len(p.operations) == before {
		return 0, false
	}
	return after[0], true
}

// planDown takes an installation's containers away, puts the components that
// they replaced back, and removes what nobody needs any more.
func planDown(w *world, inst *graft.Installation) *plan {
	p := &plan{installation: inst}
	cause := downCause(inst)
	containers := w.containersOf(inst.ID)
	for _, swap := range w.swapsOf(inst.ID) {
		if !p.putBack(w, swap, &containers, cause) {
			return p
		}
	}
	p.remove(inst, containers, cause)
	p.removeResources(w, cause)
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

// putBack adds the return of a component. The plugin's containers are taken out
// of containers. It is false when nothing else may be planned: the component has
// to be made again first, or its name is taken, and the plan a refusal.
func (p *plan) putBack(w *world, swap *store.Swap, containers *[]*driver.Container, cause string) bool {
	was, err := recorded(swap)
	if err != nil {
		return p.block(err.Error())
	}
	var plugins []*driver.Container
	*containers = slices.DeleteFunc(*containers, func(c *driver.Container) bool {
		if c.Labels[driver.ServiceLabel] != swap.Service {
			return false
		}
		plugins = append(plugins, c)
		return true
	})
	component := w.container(swap.ContainerID)
	if component == nil {
		component = w.container(swap.AsideName) // made again from the record
	}
	holder := w.container(swap.Component)
	if holder != nil && (w.owned(holder.Labels, p.installation.ID) || (component != nil && holder.ID == component.ID)) {
		holder = nil
	}
	switch {
	case holder == nil && component == nil:
		p.add(operation{
			kind: opRecreate, target: swap.Component, name: swap.AsideName, record: was.Record,
			cause: "its container was removed while the plugin was in its place",
		})
		return false // what comes next depends on the new container
	case holder != nil && component == nil:
		// Somebody made it again under its own name: it is back.
		p.withdraw(swap, plugins, cause)
		return true
	case holder != nil:
		return p.block(fmt.Sprintf("component %q can't be put back: another container has its name now; remove or rename that one", swap.Component))
	}
	p.exchange(swap, component, was, plugins, cause)
	return true
}

// withdraw adds the removal of plugins whose component is back already.
func (p *plan) withdraw(swap *store.Swap, plugins []*driver.Container, cause string) {
	var after []int
	for _, c := range plugins {
		after = append(after, p.add(operation{kind: opRemove, target: c.Name, id: c.ID, cause: cause}))
	}
	p.add(operation{kind: opForgetComponent, target: swap.Component, swap: swap, cause: cause, after: after})
}

// exchange adds the operations that put a component where its plugins are.
func (p *plan) exchange(swap *store.Swap, component, was *driver.Container, plugins []*driver.Container, cause string) {
	var after []int
	step := func(o operation) {
		o.cause, o.after, o.follows = cause, after, len(after) > 0
		after = []int{p.add(o)}
	}
	// Once a plugin has the component's name, the component was told to stop,
	// be it by an engine that did not live to see it.
	stopping := component.Name != swap.Component && component.Running()
	for _, c := range plugins {
		if c.Name != swap.Component {
			stopping = false
		}
		if c.Running() {
			step(operation{kind: opStop, target: c.Name, id: c.ID, grace: c.StopTimeout})
		}
		step(operation{kind: opRemove, target: c.Name, id: c.ID})
	}
	if stopping {
		step(operation{kind: opStop, target: component.Name, id: component.ID, grace: component.StopTimeout})
	}
	if component.Name != swap.Component || component.RestartPolicy != was.RestartPolicy {
		step(operation{kind: opComeBack, target: swap.Component, id: component.ID, name: swap.Component, policy: was.RestartPolicy})
	}
	if (stopping || !component.Running()) && was.State != driver.StateExited && was.State != driver.StateCreated {
		step(operation{kind: opStart, target: swap.Component, id: component.ID})
	}
	step(operation{kind: opForgetComponent, target: swap.Component, swap: swap})
}

// block makes the plan a refusal.
func (p *plan) block(reason string) bool {
	p.operations, p.refusal = nil, reason
	return false
}

// removeResources adds the removal of networks, of volumes when their data is
// not wanted any more, and of the installation itself.
func (p *plan) removeResources(w *world, cause string) {
	inst := p.installation
	after := p.all()
	for _, n := range w.snapshot.Networks {
		if w.owned(n.Labels, inst.ID) || w.lastOnNetwork(inst, n) {
			p.add(operation{kind: opRemoveNetwork, target: n.Name, id: n.ID, cause: cause, after: after})
		}
	}
	if removesVolumes(inst) {
		for _, v := range w.snapshot.Volumes {
			if w.owned(v.Labels, inst.ID) {
				p.add(operation{kind: opRemoveVolume, target: v.Name, cause: cause, after: after})
			}
		}
	}
	if inst.Desired == graft.DesiredRemoved {
		p.add(operation{kind: opForget, target: inst.Name, cause: cause, after: p.all()})
	}
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

// removesVolumes is whether an installation's data may go: it is uninstalled, or
// its first start failed and nothing of it may stay behind.
func removesVolumes(inst *graft.Installation) bool {
	return inst.Desired == graft.DesiredRemoved || (inst.Desired == graft.DesiredEnabled && !inst.Activated)
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
