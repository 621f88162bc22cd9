package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// chooseWayIn decides how a plugin takes its component's place. A container
// that was made for a better way, and did not live up to it, is made anew.
func (w *world) chooseWayIn(inst *graft.Installation, v *want) error {
	coming := v.current
	if coming == nil {
		mounts, err := w.mounts(inst, v.service)
		if err != nil {
			return err
		}
		coming = &driver.Container{Mounts: mounts}
		if endpoints := w.endpoints(inst, v.service, v.component); len(endpoints) > 0 {
			coming.NetworkMode = endpoints[0].Network
		}
	}
	var tried graft.SwapWay
	var reason string
	if v.swap != nil && v.swap.InstallationID == inst.ID {
		tried, reason = v.swap.Way, v.swap.Reason
	}
	v.way, v.reason = chooseWay(v.component, w.incumbent(inst, v), coming, tried, reason)
	if v.way == graft.SwapStandby && v.current != nil && !w.wasInPlace(v.current, v.name) {
		v.current = nil
	}
	return nil
}

// leavers returns the containers that have to make room for v: the component,
// if it is there, and the plugins of others or of another version. One that is on
// the warm network only is about to come, or to be removed by its own installation.
func (w *world) leavers(inst *graft.Installation, v *want) (component *driver.Container, plugins []*driver.Container) {
	plugins = slices.DeleteFunc(w.pluginsFor(v.name), func(c *driver.Container) bool {
		return w.owned(c.Labels, inst.ID) && !w.leaves(inst, v, c) || isOn(c, warmNetwork(v.name)) && !w.inPlace(c, v.name)
	})
	return w.aliveComponent(v.component, v.swap), plugins
}

// incumbent returns who answers in the component's place just now, apart from v
// itself; nil if nobody does.
func (w *world) incumbent(inst *graft.Installation, v *want) *driver.Container {
	component, plugins := w.leavers(inst, v)
	for _, c := range append(plugins, component) {
		if w.live(c, v.name) {
			return c
		}
	}
	return nil
}

// takeOver adds the way of a plugin into its component's place, and returns the
// last operation of it. It begins where an earlier plan got to.
func (p *plan) takeOver(w *world, v *want, after []int) (int, bool) {
	t := takeover{
		chain: chain{p: p, after: after, cause: p.placeCause(w, v)},
		w:     w, v: v, inst: p.installation,
		endpoints: w.endpoints(p.installation, v.service, v.component),
	}
	t.id, t.name = p.containerOf(w, v)
	t.onWarm = isOn(v.current, warmNetwork(v.name)) || v.fresh() && v.way == graft.SwapWarm
	t.component, t.plugins = w.leavers(p.installation, v)
	before := len(p.operations)
	t.claim()
	t.warmUp()
	t.move()
	t.gate()
	t.settle()
	last := len(p.operations) - 1
	return last, last >= before
}

// placeCause is why a plugin comes to a component's place: its addon goes to
// another version, or has not been there before.
func (p *plan) placeCause(w *world, v *want) string {
	if len(w.others(p.installation, v)) > 0 {
		return changeCause(p.installation, v)
	}
	return fmt.Sprintf("service %s replaces component %s", v.service.Name, v.name)
}

// takeover is the way in, step by step.
type takeover struct {
	chain
	w         *world
	v         *want
	inst      *graft.Installation
	id, name  string // of the plugin's container
	endpoints []driver.Endpoint
	component *driver.Container
	plugins   []*driver.Container // of others, or of another version
	started   bool                // by this plan
	onWarm    bool                // it is on the warm network by now
	draining  []int               // what must be over before anybody is ended
	stopped   []string            // ids of those who were
	movedTo   string              // the network on which its endpoint moved
	moved     bool                // it is in another place than before this plan
	asideNow  bool                // the component has its other name by now
}

// warmUp starts the plugin next to whoever is in place.
func (t *takeover) warmUp() {
	c := t.v.current
	if t.v.way != graft.SwapWarm || t.w.inPlace(c, t.v.name) {
		return
	}
	running := c != nil && c.Running()
	if running && !isOn(c, warmNetwork(t.v.name)) {
		return // it was in place before, and waits to be again
	}
	back := &fallback{component: t.v.name, way: graft.SwapStandby, reason: "the plugin does not run without its neighbours"}
	if c != nil && !isOn(c, warmNetwork(t.v.name)) {
		t.add(operation{
			kind: opConnect, target: t.name + " to " + warmNetwork(t.v.name), id: t.id, fallback: back,
			endpoint: driver.Endpoint{Network: warmNetwork(t.v.name)},
		})
		t.onWarm = true
	}
	if !running {
		t.add(operation{kind: opStart, target: t.name, id: t.id})
		t.started = true
	}
	if !t.w.passedGate(c) {
		t.add(operation{kind: opWait, target: t.name, id: t.id, until: untilStable, stableFor: stableTime(t.v.service), fallback: back})
	}
}

// claim makes the component this installation's, if it is another's.
func (t *takeover) claim() {
	if s := t.v.swap; s != nil && s.InstallationID != t.inst.ID {
		t.after = []int{t.p.claim(t.v, s, t.cause, t.after)}
	}
}

// claim adds that a swap is this installation's from now on.
func (p *plan) claim(v *want, s *store.Swap, cause string, after []int) int {
	return p.add(operation{kind: opClaim, target: v.name, from: s.InstallationID, swap: s, name: v.service.Name, cause: cause, after: after})
}

// move lets the plugin answer instead of whoever is in place.
func (t *takeover) move() {
	name := t.v.name
	var leaving []*driver.Container
	for _, l := range append(slices.Clone(t.plugins), t.component) {
		if t.w.live(l, name) {
			leaving = append(leaving, l)
		}
	}
	// Whoever leaves must not come back with the next start of the runtime.
	for _, l := range append(slices.Clone(t.plugins), t.component) {
		if l != nil && l.RestartPolicy != "no" {
			t.begin(operation{kind: opPolicy, target: l.Name + " to no", id: l.ID, policy: "no"})
		}
	}
	from := len(t.p.operations)
	way := t.v.way
	joinFirst := way == graft.SwapWarm && !t.exclusive(leaving)
	if joinFirst {
		t.join()
		t.demoteAll(leaving)
	} else if !t.exchange(leaving) {
		t.endAll(leaving)
		t.join()
	}
	if !t.started && startCause(t.w, t.v) != "" {
		t.begin(operation{kind: opStart, target: t.name, id: t.id})
		t.started = true
	}
	if len(t.p.operations) > from && len(leaving) > 0 {
		swap := graft.PlannedSwap{Component: name, Service: t.v.service.Name, Way: way, Reason: t.v.reason}
		t.markGap(from, gap{way: way, component: name, none: joinFirst})
		if !joinFirst {
			swap.ExpectedGap = expectedGap(way, leaving)
		}
		t.p.swaps = append(t.p.swaps, swap)
	} else if c := t.component; c != nil && c.Name != t.aside() && t.v.former == nil { // it does not run
		t.p.swaps = append(t.p.swaps, graft.PlannedSwap{Component: name, Service: t.v.service.Name, Way: way, Reason: t.v.reason})
	}
	if joinFirst && len(leaving) > 0 {
		t.draining = []int{t.drain("who was there before")}
	}
	t.leaveWarm(t.onWarm, t.id, t.name, name)
	t.moved = t.moved || t.onWarm
}

// exchange moves the endpoint from the one who leaves to the plugin in one go, if
// it is one endpoint. It is false if that can't be.
func (t *takeover) exchange(leaving []*driver.Container) bool {
	if t.v.way != graft.SwapWarm || len(leaving) != 1 {
		return false
	}
	network, only := onlyPlace(leaving[0], t.v.name)
	i := slices.IndexFunc(t.endpoints, func(e driver.Endpoint) bool { return e.Network == network })
	if !only || i < 0 || isOn(t.v.current, network) {
		return false
	}
	t.moveEndpoint(leaving[0], t.id, t.name, t.v.name, t.endpoints[i], nil)
	t.moved, t.movedTo = true, network
	t.join()
	return true
}

// demoteAll takes their names from those who leave, now that the plugin has
// them too.
func (t *takeover) demoteAll(leaving []*driver.Container) {
	for _, l := range leaving {
		name := standbyName(t.v.name, l.ID)
		if l.ID != t.componentID() {
			name = incomingName(t.v.name, l.Labels[driver.InstallationLabel])
			if t.w.owned(l.Labels, t.inst.ID) {
				name = outgoingName(t.v.name, l.ID)
			}
		}
		t.demote(l, t.v.name, name)
		if l.ID == t.componentID() && l.Name == t.v.name {
			t.component = called(l, name)
		}
	}
}

// endAll makes those who leave answer no longer.
func (t *takeover) endAll(leaving []*driver.Container) {
	for _, l := range leaving {
		if t.v.way == graft.SwapCold {
			t.stop(l)
		} else {
			t.leave(l, t.v.name)
		}
	}
}

// exclusive is whether the plugin can join only once the others have left: they
// publish a port that it publishes too.
func (t *takeover) exclusive(leaving []*driver.Container) bool {
	published, err := ports(t.v.service, t.v.component)
	if err != nil {
		return true
	}
	return slices.ContainsFunc(leaving, func(l *driver.Container) bool { return portsCollide(published, l.Ports) })
}

func portsCollide(a, b []driver.Port) bool {
	return slices.ContainsFunc(a, func(p driver.Port) bool {
		return slices.ContainsFunc(b, func(q driver.Port) bool { return collide(p, q) })
	})
}

// join connects the plugin to the networks that it is not on yet. One that is
// created for another way than the warm one is on them already.
func (t *takeover) join() {
	if t.v.fresh() && t.v.way != graft.SwapWarm {
		return
	}
	for _, e := range t.endpoints {
		if e.Network == t.movedTo {
			continue
		}
		if there := t.w.network(e.Network) != nil || t.p.creates(e.Network); there && !joined(t.v.current, e) {
			t.moved = true
			if isOn(t.v.current, e.Network) { // without its names
				t.begin(operation{kind: opDisconnect, target: t.name + " from " + e.Network, id: t.id, endpoint: e})
			}
			t.begin(operation{kind: opConnect, target: t.name + " to " + e.Network, id: t.id, endpoint: e})
		}
	}
}

// gate waits until the plugin has proved itself in its place. As long as it has
// not, whoever was there before is ready to come back.
func (t *takeover) gate() {
	c := t.v.current
	t.begun = false
	defer func() { t.after = append(t.after, t.draining...) }()
	if !t.started && (t.done() || t.w.passedGate(c) && !t.moved) {
		return
	}
	restarts := 0
	if !t.started {
		restarts = c.Restarts
	}
	t.add(operation{
		kind: opWait, target: t.name, id: t.id, until: untilStable, stableFor: stableTime(t.v.service), stays: t.moved, restarts: restarts,
	})
}

// done is whether nothing is left to be settled.
func (t *takeover) done() bool {
	return t.v.current != nil && t.v.current.Name == t.v.name && len(t.plugins) == 0 &&
		(t.component == nil || !t.component.Running())
}

// settle gives the plugin the name, and ends whoever was there before.
func (t *takeover) settle() {
	name := t.v.name
	for _, l := range t.plugins {
		if l.Running() && !slices.Contains(t.stopped, l.ID) {
			t.begin(operation{kind: opStop, target: l.Name, id: l.ID, grace: l.StopTimeout})
		}
		t.begin(operation{kind: opRemove, target: l.Name, id: l.ID})
	}
	if c := t.component; c != nil {
		if c.State == driver.StateRestarting && !t.w.inPlace(c, name) {
			t.begin(operation{kind: opStop, target: c.Name, id: c.ID, grace: c.StopTimeout})
		}
		t.stepAside()
		if c.Running() && !slices.Contains(t.stopped, c.ID) {
			t.begin(operation{kind: opStop, target: t.aside(), id: c.ID, grace: c.StopTimeout})
		} else if t.v.former != nil {
			t.detach(c, t.aside(), name)
		}
		if t.w.network(warmNetwork(name)) != nil { // it could not start once that is gone
			t.leaveWarm(isOn(c, warmNetwork(name)), c.ID, t.aside(), name)
		}
	}
	if t.name != name {
		t.begin(operation{kind: opRename, target: t.name + " to " + name, id: t.id, name: name})
	}
	t.removeWarm(t.w, name, append(slices.Clone(t.plugins), t.v.current, t.component)...)
	t.begun = false
	if c := t.v.current; c != nil {
		t.p.repair(t.w, t.v, t.after)
	}
}

// stop ends one that is in place. The component has its other name before that:
// it tells the next engine that the component was told to stop.
func (t *takeover) stop(l *driver.Container) {
	restarting := l.State == driver.StateRestarting // it can't be renamed, and has nothing to end
	if l.ID == t.componentID() && !restarting {
		t.stepAside()
		l = called(l, t.aside())
	}
	t.begin(operation{kind: opStop, target: l.Name, id: l.ID, grace: l.StopTimeout})
	t.stopped = append(t.stopped, l.ID)
}

func (t *takeover) componentID() string {
	if t.component == nil {
		return ""
	}
	return t.component.ID
}

// stepAside gives the component another name, once.
func (t *takeover) stepAside() {
	if c := t.component; c.Name != t.aside() && !t.asideNow {
		t.begin(operation{kind: opRename, target: c.Name + " to " + t.aside(), id: c.ID, name: t.aside()})
	}
	t.asideNow = true
}

// aside is what the component is called while it is not in its place.
func (t *takeover) aside() string {
	if t.v.swap != nil {
		return t.v.swap.AsideName
	}
	return asideName(t.v.name, t.v.component.ID)
}

// stableTime is how long a container without a health check must run to have
// proved itself.
func stableTime(service *graft.Service) time.Duration {
	if service.StableFor != nil {
		return time.Duration(*service.StableFor)
	}
	return defaultStable
}

// What is seen on an ordinary machine, for plans.
const (
	moveGap  = 200 * time.Millisecond // two containers exchange an endpoint
	startGap = 500 * time.Millisecond // one starts
	stopGap  = 300 * time.Millisecond // one that obeys stops
)

// expectedGap is how long nobody will answer, in milliseconds.
func expectedGap(way graft.SwapWay, leaving []*driver.Container) int64 {
	gap := moveGap
	switch way {
	case graft.SwapStandby:
		gap = moveGap + startGap
	case graft.SwapCold:
		gap = startGap + time.Duration(len(leaving))*stopGap
	}
	return gap.Milliseconds()
}
