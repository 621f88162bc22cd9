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
	if component != nil && component.State != driver.StateExited && component.State != driver.StateCreated && component.State != driver.StateDead {
		step(operation{kind: opStop, target: aside, id: component.ID})
	}
	if reason := startCause(v); reason != "" {
		step(operation{kind: opStart, target: v.name, id: v.name})
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
	for _, c := range containers {
		var after []int
		if c.Running() {
			after = []int{p.add(operation{kind: opStop, target: c.Name, id: c.ID, cause: cause})}
		}
		p.add(operation{kind: opRemove, target: c.Name, id: c.ID, cause: cause, after: after})
	}
	p.removeResources(w, cause)
	return p
}

// putBack adds the return of a component. The plugin's containers are taken out
// of containers. It is false, and the plan a refusal, when there is nothing to
// put back or its name is taken.
func (p *plan) putBack(w *world, swap *store.Swap, containers *[]*driver.Container, cause string) bool {
	was, err := recorded(swap)
	if err != nil {
		return p.block(err.Error())
	}
	component := w.container(swap.ContainerID)
	if component == nil {
		return p.block(fmt.Sprintf("component %q can't be put back: its container %s was removed; create it again (docker compose up), then disable the addon again",
			swap.Component, swap.AsideName))
	}
	if holder := w.container(swap.Component); holder != nil && holder.ID != component.ID && !w.owned(holder.Labels, p.installation.ID) {
		return p.block(fmt.Sprintf("component %q can't be put back: another container has its name now; remove or rename that one", swap.Component))
	}
	var plugins []*driver.Container
	*containers = slices.DeleteFunc(*containers, func(c *driver.Container) bool {
		if c.Labels[driver.ServiceLabel] != swap.Service {
			return false
		}
		plugins = append(plugins, c)
		return true
	})
	p.exchange(swap, component, was, plugins, cause)
	return true
}

// exchange adds the operations that put a component where its plugins are.
func (p *plan) exchange(swap *store.Swap, component, was *driver.Container, plugins []*driver.Container, cause string) {
	var after []int
	step := func(o operation) {
		o.cause, o.after, o.follows = cause, after, len(after) > 0
		after = []int{p.add(o)}
	}
	for _, c := range plugins {
		if c.Running() {
			step(operation{kind: opStop, target: c.Name, id: c.ID})
		}
		step(operation{kind: opRemove, target: c.Name, id: c.ID})
	}
	if component.Name != swap.Component || component.RestartPolicy != was.RestartPolicy {
		step(operation{kind: opComeBack, target: swap.Component, id: component.ID, name: swap.Component, policy: was.RestartPolicy})
	}
	if !component.Running() && was.State != driver.StateExited && was.State != driver.StateCreated {
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
			p.add(operation{kind: opRemoveNetwork, target: n.Name, cause: cause, after: after})
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
