package engine

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// A swap goes through states that can all be told from what is observed and
// written down, so that a plan made after a crash in the middle of it goes on
// where it was:
//
//	written down, plugin created           → plugin started on the warm network
//	plugin runs there and passed its gate  → the endpoint moves: the component
//	                                         leaves its networks, the plugin joins
//	plugin is in place, component cut off  → plugin passes its gate again
//	it did                                 → names change, the component is stopped
//
// Up to the last line the component runs, and the way back is the way in
// reversed. plan_takeover.go has the way in, plan_back.go the way back, way.go
// says when neither can be warm, claim.go who may be in a component's place.

// chain adds operations of which each comes after the one before.
type chain struct {
	p     *plan
	cause string
	after []int
	begun bool // the exchange has: it is not interrupted any more
}

func (c *chain) add(o operation) {
	o.cause, o.after, o.follows = c.cause, c.after, c.begun && o.kind != opWait
	c.after = []int{c.p.add(o)}
}

// inPlace is whether a container answers, or would if it ran, where a component
// of that name does: on any network but the one where it warms up.
func (w *world) inPlace(c *driver.Container, component string) bool {
	if c == nil {
		return false
	}
	return !hasOwnNetwork(c) || slices.ContainsFunc(c.Endpoints, func(e driver.Endpoint) bool {
		return e.Network != warmNetwork(component)
	})
}

// live is whether a container runs, or is about to, and answers in a component's
// place: by one of its names or on a host port. One that has only stayed on a
// network, without a name there, does not.
func (w *world) live(c *driver.Container, component string) bool {
	if c == nil || !c.Running() && c.State != driver.StateRestarting {
		return false
	}
	return !hasOwnNetwork(c) || slices.ContainsFunc(c.Endpoints, func(e driver.Endpoint) bool {
		return e.Network != warmNetwork(component) && (len(c.Ports) > 0 || c.Name == component || len(e.Aliases) > 0)
	})
}

// joined is whether a container is on a network, and not without any of the
// names that it is to have there.
func joined(c *driver.Container, want driver.Endpoint) bool {
	if c == nil {
		return false
	}
	named := slices.ContainsFunc(want.Aliases, func(alias string) bool { return alias != c.Name })
	return slices.ContainsFunc(c.Endpoints, func(e driver.Endpoint) bool {
		return e.Network == want.Network && (len(e.Aliases) > 0 || !named)
	})
}

func isOn(c *driver.Container, network string) bool {
	return c != nil && slices.ContainsFunc(c.Endpoints, func(e driver.Endpoint) bool { return e.Network == network })
}

// passedGate is whether a container has passed its gate where it is now.
func (w *world) passedGate(c *driver.Container) bool {
	return c != nil && c.Running() && w.gated[c.ID] == place(c)
}

// aliveComponent returns a component's container as it is now: under its name,
// aside, or made again from the record. Nil if it is gone.
func (w *world) aliveComponent(was *driver.Container, swap *store.Swap) *driver.Container {
	if swap == nil {
		return w.container(was.ID)
	}
	if c := w.container(swap.ContainerID); c != nil {
		return c
	}
	return w.container(swap.AsideName)
}

// record adds the writing down of the component that v replaces.
func (p *plan) record(w *world, v *want) {
	record, err := json.Marshal(v.component)
	if err != nil { // it came out of JSON
		panic(err)
	}
	found, runs := w.container(v.component.ID).Name, false
	cause := fmt.Sprintf("service %s replaces it; it is put back from this", v.service.Name)
	if v.former != nil {
		cause = fmt.Sprintf("somebody made it anew as %s while service %s is in its place", found, v.service.Name)
		if old := w.aliveComponent(v.component, v.former); old != nil {
			cause += fmt.Sprintf("; %s is left, and can be removed", old.Name)
		}
		if former := w.record(v.former); former != nil {
			runs = ran(former) // it may not have been able to start beside the plugin
		}
		if v.former.InstallationID != p.installation.ID {
			p.claim(v, v.former, cause, p.before(w, v))
			p.group(len(p.operations)-1, v.service.Name)
		}
	}
	p.add(operation{
		kind: opRecord, target: v.name, from: found, runs: runs, cause: cause, after: p.before(w, v),
		swap: &store.Swap{
			Component: v.name, ContainerID: v.component.ID, AsideName: asideName(v.name, v.component.ID),
			InstallationID: p.installation.ID, Service: v.service.Name, Record: record,
		},
	})
}

// ownNetwork returns this engine's network of that name, nil if there is none.
func (w *world) ownNetwork(name string) *driver.Network {
	for i := range w.snapshot.Networks {
		if n := &w.snapshot.Networks[i]; n.Name == name && n.Labels[driver.EngineLabel] == w.settings.EngineID {
			return n
		}
	}
	return nil
}

// warmSpec is the network where whoever comes runs until it is its turn.
func (w *world) warmSpec(component string) *driver.NetworkSpec {
	return &driver.NetworkSpec{
		Name: warmNetwork(component), Driver: "bridge", Internal: true,
		Labels: map[string]string{driver.EngineLabel: w.settings.EngineID, driver.ComponentLabel: component},
	}
}

// createWarmNetworks adds the networks where plugins are to start.
func (p *plan) createWarmNetworks(w *world, wants []*want) {
	for _, v := range wants {
		name := warmNetwork(v.name)
		if v.component == nil || v.behind != nil || v.way != graft.SwapWarm || w.ownNetwork(name) != nil || p.creates(name) ||
			v.current != nil && (v.current.Running() || w.inPlace(v.current, v.name)) {
			continue
		}
		p.add(operation{
			kind: opCreateNetwork, target: name, network: w.warmSpec(v.name), after: p.before(w, v), group: v.service.Name,
			cause:    fmt.Sprintf("service %s starts there while component %s is still in place", v.service.Name, v.name),
			fallback: &fallback{component: v.name, way: graft.SwapStandby, reason: "there is no network to start the plugin on"},
		})
	}
}

// removeWarm adds the end of a warm network, if it is there or about to be, and
// nobody but those containers is on it.
func (c *chain) removeWarm(w *world, component string, but ...*driver.Container) {
	name := warmNetwork(component)
	for i := range w.snapshot.Containers {
		other := &w.snapshot.Containers[i]
		ours := w.owned(other.Labels, c.p.installation.ID) // removed by now, if it is not one of those
		if isOn(other, name) && !ours && !slices.ContainsFunc(but, func(b *driver.Container) bool { return b != nil && b.ID == other.ID }) {
			return
		}
	}
	if n := w.ownNetwork(name); n != nil {
		c.add(operation{kind: opRemoveNetwork, target: name, id: n.ID})
	} else if c.p.creates(name) {
		c.add(operation{kind: opRemoveNetwork, target: name, id: name})
	}
}

// leave adds what makes a container answer no longer, while it runs on.
func (c *chain) leave(leaving *driver.Container, component string) {
	if leaving.State == driver.StateRestarting {
		// Docker can't take it from its networks between two tries.
		c.begin(operation{kind: opStop, target: leaving.Name, id: leaving.ID, grace: leaving.StopTimeout})
	}
	// An earlier plan did not get to that. From the warm network its ports would
	// keep whoever comes from joining.
	c.leaveWarm(isOn(leaving, warmNetwork(component)), leaving.ID, leaving.Name, component)
	for _, e := range leaving.Endpoints {
		if e.Network != warmNetwork(component) {
			c.begin(operation{kind: opDisconnect, target: leaving.Name + " from " + e.Network, id: leaving.ID, endpoint: e})
		}
	}
}

// detach takes a container that does not run off its networks, so that whoever
// starts it, as "docker compose up" does, finds neither its ports taken nor two
// that have its names.
func (c *chain) detach(idle *driver.Container, name, component string) {
	if !hasOwnNetwork(idle) {
		return
	}
	for _, e := range idle.Endpoints {
		if e.Network != warmNetwork(component) {
			c.add(operation{kind: opDisconnect, target: name + " from " + e.Network, id: idle.ID, endpoint: e})
		}
	}
}

// onlyPlace returns where a running container is besides the warm network, if
// that is one network and no more: then its endpoint can move in one go.
func onlyPlace(c *driver.Container, component string) (network string, only bool) {
	for _, e := range c.Endpoints {
		if e.Network == warmNetwork(component) {
			continue
		}
		if network != "" {
			return "", false
		}
		network = e.Network
	}
	return network, network != "" && c.State == driver.StateRunning && hasOwnNetwork(c)
}

// moveEndpoint adds the exchange of an endpoint between two running containers.
func (c *chain) moveEndpoint(leaving *driver.Container, id, name, component string, e driver.Endpoint, record json.RawMessage) {
	c.leaveWarm(isOn(leaving, warmNetwork(component)), leaving.ID, leaving.Name, component)
	c.begin(operation{
		kind: opMove, target: fmt.Sprintf("on %s from %s to %s", e.Network, leaving.Name, name),
		from: leaving.ID, id: id, endpoint: e, record: record,
	})
}

// demote takes a container's names from it where another one has them too by
// now. It stays on its networks, if it can under the same address, so that
// requests that are under way come to their end, and those who looked up its
// address just before still find it.
func (c *chain) demote(leaving *driver.Container, component, name string) {
	if leaving.State == driver.StateRestarting {
		c.begin(operation{kind: opStop, target: leaving.Name, id: leaving.ID, grace: leaving.StopTimeout})
	}
	if leaving.Name == component {
		c.begin(operation{kind: opRename, target: leaving.Name + " to " + name, id: leaving.ID, name: name})
		leaving = called(leaving, name)
	}
	for _, e := range leaving.Endpoints {
		if e.Network == warmNetwork(component) || len(e.Aliases) == 0 {
			continue
		}
		nameless := e
		nameless.Aliases = nil
		c.begin(operation{kind: opDisconnect, target: leaving.Name + " from " + e.Network, id: leaving.ID, endpoint: e})
		c.begin(operation{kind: opConnect, target: leaving.Name + " to " + e.Network + " without a name", id: leaving.ID, endpoint: nameless})
	}
}

// drain adds the time in which requests to one that was demoted come to their
// end, and returns it.
func (c *chain) drain(name string) int {
	return c.p.add(operation{kind: opDrain, target: name, cause: c.cause, after: c.after})
}

// begin adds a step of the exchange itself.
func (c *chain) begin(o operation) {
	c.add(o)
	c.begun = true
}

// leaveWarm adds the departure from the warm network. It comes right after the
// move: a container that is on it when it leaves its other networks takes its
// ports there.
func (c *chain) leaveWarm(on bool, id, name, component string) {
	if on {
		network := warmNetwork(component)
		c.add(operation{
			kind: opDisconnect, target: name + " from " + network, id: id, endpoint: driver.Endpoint{Network: network},
		})
	}
}

// markGap marks the steps from the i-th on as those in which nobody answers.
func (c *chain) markGap(from int, g gap) {
	last := len(c.p.operations) - 1
	for from < last && c.p.operations[from].kind == opRename {
		from++ // who is about to leave answers still
	}
	if last < from {
		return
	}
	begin, end := g, g
	begin.begins, end.ends = true, true
	if from == last {
		begin.ends = true
		c.p.operations[from].gap = &begin
		return
	}
	c.p.operations[from].gap, c.p.operations[last].gap = &begin, &end
}
