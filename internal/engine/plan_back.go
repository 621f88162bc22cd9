package engine

import (
	"fmt"
	"slices"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// putBack adds the return of a component. The plugin's containers are taken out
// of containers. It is false when the component is not back after that: another
// addon is to take the place over, the component has to be made again first, or
// something is in the way.
func (p *plan) putBack(w *world, swap *store.Swap, containers *[]*driver.Container, cause string) bool {
	p.components = append(p.components, swap.Component)
	var plugins []*driver.Container
	*containers = slices.DeleteFunc(*containers, func(c *driver.Container) bool {
		if c.Labels[driver.ServiceLabel] != swap.Service {
			return false
		}
		plugins = append(plugins, c)
		return true
	})
	was, err := recorded(swap)
	if err != nil {
		p.refuse(err)
		return false
	}
	b := back{
		chain: chain{p: p, cause: cause}, w: w, swap: swap, was: was, plugins: plugins,
		component: w.aliveComponent(was, swap),
	}
	// Who is next takes the place over, unless that would take longer than to put
	// the component back meanwhile.
	next := w.nextOwner(was, p.installation.ID)
	if next != nil && (b.incumbent() != nil && !w.pulling[next.ID] || w.atHand(next, swap.Component)) {
		p.waiting = fmt.Sprintf("addon %q takes the place of component %q over first", next.Name, swap.Component)
		return false
	}
	holder := w.container(swap.Component)
	if holder != nil && (w.owned(holder.Labels, p.installation.ID) || (b.component != nil && holder.ID == b.component.ID)) {
		holder = nil
	}
	switch {
	case w.twin(was) != nil:
		b.withdraw(w.twin(was)) // somebody made it anew: it is back
		return true
	case holder != nil:
		p.refuse(graft.Errorf(graft.CodeConflict, "component %q can't be put back: another container has its name now; remove or rename that one", swap.Component))
		return false
	case b.component == nil:
		p.recreate(swap, was, nil)
		return false // what comes next depends on the new container
	}
	if err := b.obstacle(); err != nil {
		p.refuse(err)
		return false
	}
	b.run()
	return true
}

// atHand is whether an installation has a container that can take a component's
// place at once.
func (w *world) atHand(inst *graft.Installation, component string) bool {
	return slices.ContainsFunc(w.pluginsFor(component), func(c *driver.Container) bool { return w.owned(c.Labels, inst.ID) })
}

// back is the return of a component, step by step.
type back struct {
	chain
	w         *world
	swap      *store.Swap
	was       *driver.Container   // the component as it was
	component *driver.Container   // as it is
	plugins   []*driver.Container // in its place
	way       graft.SwapWay
	reason    string
	warm      bool   // the component runs, or will by then, and only its endpoint is to move
	onWarm    bool   // it is on the warm network by then
	down      bool   // it does not run
	movedTo   string // the network on which the endpoint moved
	draining  bool   // requests to the plugin are under way
	left      bool   // it has left its other networks by then
	wasThere  bool   // it has been in its place all the time
}

// obstacle returns what would keep the component from coming back. It is looked
// for before anything is touched, so that the plugin stays in place meanwhile.
func (b *back) obstacle() error {
	if b.w.live(b.component, b.swap.Component) {
		return nil
	}
	for _, e := range b.was.Endpoints {
		if b.w.network(e.Network) == nil {
			return graft.Errorf(graft.CodeConflict, "component %q can't be put back: its network %q is gone; make it again with \"docker network create %s\"",
				b.swap.Component, e.Network, e.Network)
		}
	}
	if e, holder := b.addressHolder(); holder != nil {
		return graft.Errorf(graft.CodeConflict, "component %q can't be put back: its address on network %q is taken by container %q; stop or remove that one",
			b.swap.Component, e.Network, holder.Name)
	}
	for _, port := range b.was.Ports {
		holder := b.w.portHolder(port, func(c *driver.Container) bool {
			return c.ID == b.component.ID || c.Labels[driver.ComponentLabel] == b.swap.Component || !b.w.inPlace(c, b.swap.Component)
		})
		if holder != nil {
			return graft.Errorf(graft.CodeConflict, "component %q can't be put back: its host port %d/%s is taken by container %q; stop or remove that one",
				b.swap.Component, port.HostPort, port.Protocol, holder.Name)
		}
	}
	return nil
}

// addressHolder returns a container that has an address which the component was
// configured with, apart from those that make room for it; nil if there is none.
func (b *back) addressHolder() (driver.Endpoint, *driver.Container) {
	for _, e := range b.was.Endpoints {
		for i := range b.w.snapshot.Containers {
			c := &b.w.snapshot.Containers[i]
			if c.ID == b.component.ID || c.Labels[driver.ComponentLabel] == b.swap.Component || !isOn(c, e.Network) {
				continue
			}
			if slices.ContainsFunc(c.Addresses, func(a string) bool { return a != "" && (a == e.IPv4Address || a == e.IPv6Address) }) {
				return e, c
			}
		}
	}
	return driver.Endpoint{}, nil
}

// runs is whether the component is to run: it did before.
func (b *back) runs() bool { return ran(b.was) }

// ran is whether a component ran when it was written down.
func ran(was *driver.Container) bool {
	return was.State != driver.StateExited && was.State != driver.StateCreated
}

// run adds all of it. It begins where an earlier plan got to.
func (b *back) run() {
	name := b.swap.Component
	c := b.component
	b.after = b.p.adopt(b.swap, c)
	b.wasThere = b.w.live(c, name) && c.Name == name
	b.onWarm = isOn(c, warmNetwork(name))
	// Under its other name it was told to stop, be it by an engine that did not
	// live to see it.
	stopping := c.Running() && c.Name == b.swap.AsideName && !b.onWarm
	if stopping {
		b.add(operation{kind: opStop, target: c.Name, id: c.ID, grace: c.StopTimeout})
	}
	b.down = stopping || !c.Running()
	b.warm = !b.down && (b.onWarm || !b.w.live(c, name))
	b.way = graft.SwapWarm
	if b.runs() && b.down {
		b.chooseWay()
	} else if b.onWarm && !b.w.inPlace(c, name) {
		b.pass()
	}
	from := len(b.p.operations)
	b.rename()
	b.move(from)
	b.finish()
}

// chooseWay decides how the component comes back. While nobody answers, it is
// not made to wait for anything.
func (b *back) chooseWay() {
	var running *driver.Container
	for _, c := range b.plugins {
		if c.Running() {
			running = c
		}
	}
	b.way, b.reason = chooseWay(b.was, running, b.was, b.swap.WayBack, b.swap.Reason)
	switch {
	case b.way != graft.SwapWarm:
	case b.incumbent() == nil:
		b.way, b.reason = graft.SwapStandby, "nobody answers in its place"
	default:
		b.warmUp()
	}
}

// incumbent returns the plugin that answers just now, nil if none does.
func (b *back) incumbent() *driver.Container {
	for _, c := range b.plugins {
		if c.Running() && b.w.live(c, b.swap.Component) {
			return c
		}
	}
	return nil
}

// warmUp starts the component next to the plugin.
func (b *back) warmUp() {
	name, c := b.swap.Component, b.component
	network := warmNetwork(name)
	fall := &fallback{component: name, back: true, way: graft.SwapStandby, reason: "the component does not run without its neighbours"}
	if b.w.ownNetwork(network) == nil {
		b.add(operation{kind: opCreateNetwork, target: network, network: b.w.warmSpec(name), fallback: fall})
	}
	if b.onWarm && b.w.cutOff(c) { // it was on another network of that name
		b.leaveWarm(true, c.ID, c.Name, name)
		b.onWarm = false
	}
	for _, e := range c.Endpoints { // as it would join them when it starts
		if e.Network != network {
			b.add(operation{kind: opDisconnect, target: c.Name + " from " + e.Network, id: c.ID, endpoint: e})
		}
	}
	b.left = true
	if !b.onWarm {
		b.add(operation{
			kind: opConnect, target: c.Name + " to " + network, id: c.ID, endpoint: driver.Endpoint{Network: network}, fallback: fall,
		})
	}
	b.add(operation{kind: opStart, target: c.Name, id: c.ID}) // what does not start here starts nowhere
	b.onWarm, b.warm = true, true
	b.pass()
}

// pass waits until the component has proved itself on the warm network.
func (b *back) pass() {
	if c := b.component; !b.w.passedGate(c) {
		b.add(operation{
			kind: opWait, target: c.Name, id: c.ID, until: untilStable, stableFor: defaultStable,
			fallback: &fallback{component: b.swap.Component, back: true, way: graft.SwapStandby, reason: "the component does not run without its neighbours"},
		})
	}
}

// rename gives the component its name before it is back, so that it is known by
// it from the first moment. A plugin in its place answers to it as an alias.
func (b *back) rename() {
	name := b.swap.Component
	for i, c := range b.plugins {
		// Docker can't rename one between two tries, and that answers to nobody.
		if c.State == driver.StateRestarting || b.way == graft.SwapCold && c.Running() {
			b.begin(operation{kind: opStop, target: c.Name, id: c.ID, grace: c.StopTimeout})
		}
		if c.Name == name {
			out := incomingName(name, b.p.installation.ID)
			if b.w.container(out) != nil || b.p.createsContainer(out) { // of another version
				out = outgoingName(name, c.ID)
			}
			b.begin(operation{kind: opRename, target: c.Name + " to " + out, id: c.ID, name: out})
			b.plugins[i] = called(c, out)
		}
	}
	if b.component.Name != name {
		b.begin(operation{kind: opRename, target: b.component.Name + " to " + name, id: b.component.ID, name: name})
		b.component = called(b.component, name)
	}
}

// called is a container by the name that it will have by then.
func called(c *driver.Container, name string) *driver.Container {
	renamed := *c
	renamed.Name = name
	return &renamed
}

// move lets the component answer instead of the plugin.
func (b *back) move(from int) {
	name := b.swap.Component
	incumbent := b.incumbent()
	joinFirst := b.warm && !portsCollide(portsOf(b.plugins), b.was.Ports) && !configuredAddresses(b.was)
	if !b.warm { // it does not run yet: this only says where it will
		b.leaveWarm(b.onWarm, b.component.ID, name, name)
		b.onWarm = false
	}
	if joinFirst || b.down && !b.warm {
		b.join()
	}
	if b.way != graft.SwapCold {
		from = len(b.p.operations)
	}
	b.dismiss(joinFirst)
	if b.warm && !joinFirst || !b.warm && !b.down {
		b.join()
	}
	if b.runs() && !b.warm && b.down {
		b.begin(operation{kind: opStart, target: name, id: b.component.ID})
	}
	if incumbent != nil && b.runs() {
		swap := graft.PlannedSwap{Component: name, Service: b.swap.Service, Back: true, Way: b.way, Reason: b.reason}
		b.markGap(from, gap{back: true, way: b.way, component: name, none: joinFirst})
		if !joinFirst {
			swap.ExpectedGap = expectedGap(b.way, []*driver.Container{incumbent})
		}
		b.p.swaps = append(b.p.swaps, swap)
	}
	b.leaveWarm(b.onWarm, b.component.ID, name, name)
}

// dismiss makes the plugins answer no longer.
func (b *back) dismiss(joinFirst bool) {
	for _, c := range b.plugins {
		switch {
		case b.way == graft.SwapCold, !c.Running(), !b.w.live(c, b.swap.Component):
		case joinFirst:
			b.demote(c, b.swap.Component, c.Name)
			b.draining = true
		case !b.exchange(c):
			b.leave(c, b.swap.Component)
		}
	}
}

// exchange moves the endpoint from the plugin to the component in one go, if it
// is one endpoint. It is false if that can't be.
func (b *back) exchange(plugin *driver.Container) bool {
	network, only := onlyPlace(plugin, b.swap.Component)
	i := slices.IndexFunc(b.was.Endpoints, func(e driver.Endpoint) bool { return e.Network == network })
	if !b.warm || !only || i < 0 || b.movedTo != "" || isOn(b.component, network) && !b.left {
		return false
	}
	b.moveEndpoint(plugin, b.component.ID, b.swap.Component, b.swap.Component, b.was.Endpoints[i], b.was.Record)
	b.movedTo = network
	return true
}

func portsOf(containers []*driver.Container) []driver.Port {
	var all []driver.Port
	for _, c := range containers {
		all = append(all, c.Ports...)
	}
	return all
}

// configuredAddresses is whether a container has an address of its own choice,
// which somebody else may hold until it leaves.
func configuredAddresses(c *driver.Container) bool {
	return slices.ContainsFunc(c.Endpoints, func(e driver.Endpoint) bool { return e.IPv4Address != "" || e.IPv6Address != "" })
}

// join connects the component to the networks that it was on.
func (b *back) join() {
	another := b.down && b.w.cutOff(b.component) // a network of the same name
	for _, e := range b.was.Endpoints {
		if e.Network == b.movedTo {
			continue
		}
		if b.left || another || !joined(b.component, e) {
			if !b.left && isOn(b.component, e.Network) { // without its names
				b.begin(operation{kind: opDisconnect, target: b.swap.Component + " from " + e.Network, id: b.component.ID, endpoint: e})
			}
			b.begin(operation{
				kind: opReconnect, target: b.swap.Component + " to " + e.Network, id: b.component.ID, endpoint: e, record: b.was.Record,
			})
		}
	}
}

// finish makes the component what it was, and removes what is not needed any
// more.
func (b *back) finish() {
	name := b.swap.Component
	if b.component.RestartPolicy != b.was.RestartPolicy {
		b.begin(operation{kind: opPolicy, target: name + " to " + b.was.RestartPolicy, id: b.component.ID, policy: b.was.RestartPolicy})
	}
	if b.runs() && b.warm { // it may have ended since it proved itself, when nothing was to start it again
		b.begin(operation{kind: opStart, target: name, id: b.component.ID})
	}
	if b.draining {
		b.after = []int{b.drain(b.plugins[0].Name)}
		b.begun = false
	}
	for _, c := range b.plugins {
		if c.Running() && b.way != graft.SwapCold {
			b.begin(operation{kind: opStop, target: c.Name, id: c.ID, grace: c.StopTimeout})
		}
		b.begin(operation{kind: opRemove, target: c.Name, id: c.ID})
	}
	b.removeWarm(b.w, name, append(slices.Clone(b.plugins), b.component)...)
	b.begin(operation{kind: opForgetComponent, target: name, swap: b.swap, restores: !b.wasThere})
}
