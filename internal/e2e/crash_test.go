package e2e_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/dockertest"
)

// gate makes the gate of a plugin shorter: each story passes several.
const gate = `"stable_for":"300ms"`

// farGate is that of what ends by itself before: its program may take long to begin
// on a machine that has much to do.
const farGate = `"stable_for":"1m"`

// performances is how many stories are told at a time: each takes up to two of
// the thirty networks that Docker has addresses for.
const performances = 6

// story is what users do with one addon, and what must come of it wherever the
// engine is killed. Each thing that they ask for is an act; one telling kills the
// engine at the same position of every act.
type story struct {
	name      string
	component bool // there is one to replace
	least     int  // positions, or it means nothing
	tell      func(*performance)
}

func stories() []*story {
	return []*story{
		{name: "plugin", component: true, least: 28, tell: tellPlugin},
		{name: "bad plugin", component: true, least: 12, tell: tellBadPlugin},
		{name: "extension", least: 20, tell: tellExtension},
	}
}

// TestKilledAtEveryCall kills the real process at each changing call that it
// makes to the real Docker, before Docker hears of it and after it is done, and
// starts the next one. Wherever that is: the story ends as it should, nothing
// is left behind, and nobody ever shares a component's name.
func TestKilledAtEveryCall(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, performances)
	start := time.Now()
	var total atomic.Int32
	var all sync.WaitGroup
	for _, s := range stories() {
		all.Go(func() {
			t.Run(s.name, func(t *testing.T) {
				var before, after int
				var both sync.WaitGroup
				both.Go(func() { t.Run("before", func(t *testing.T) { before = th.gather(t, s, false) }) })
				both.Go(func() { t.Run("after", func(t *testing.T) { after = th.gather(t, s, true) }) })
				both.Wait()
				t.Logf("FIGURE: killed at %d points before and %d points after a call", before, after)
				total.Add(int32(before + after))
			})
		})
	}
	all.Wait()
	t.Logf("FIGURE: killed at %d points in all, in %v", total.Load(), time.Since(start).Round(time.Second))
}

// tellPlugin is the life of an addon whose one service takes a component's
// place, and whose other one has a volume and a network. Both go to another version:
// in every other telling to one that does not come up.
func tellPlugin(p *performance) {
	version := func(image string, side ...string) *graft.Addon {
		return p.publish(
			service(p.component, image, gate),
			service(p.prefix+"-side", image, append(side, `"volumes":["data:/data"],"networks":["back"]`)...),
		)
	}
	first := version(p.image, gate)
	p.proxy.act()
	id := p.install(first).ID
	p.active(id, p.port)
	if p.proxy.strike.odd() {
		second := version(p.theatre.image(p.t, p.tag()+"-newer"), gate)
		p.goes(id, second, graft.OutcomeDone, second)
	} else {
		bad := version(p.image, farGate, `"environment":{"EXIT_CODE":"7","EXIT_AFTER":"50ms"}`)
		p.goes(id, bad, graft.OutcomeRestored, first)
	}
	p.leave(id)
}

// goes gives an addon another version, with that outcome, and checks which one runs
// then.
func (p *performance) goes(id string, to *graft.Addon, outcome graft.Outcome, then *graft.Addon) {
	p.t.Helper()
	p.proxy.act()
	p.upgrade(id, to)
	inst := p.await(id, "upgraded", func(i *graft.Installation) bool {
		return i.Status == graft.StatusActive && i.Details.Upgrade != nil && i.Details.Upgrade.Outcome != ""
	})
	if inst.Details.Upgrade.Outcome != outcome || inst.Version != then.Version {
		p.t.Errorf("it has version %s: %+v", inst.Version, inst.Details.Upgrade)
	}
	p.active(id, p.port)
}

// tellBadPlugin is the short life of one that ends by itself, soon after its
// start but long before its gate would be passed.
func tellBadPlugin(p *performance) {
	addon := p.publish(service(p.component, p.image, farGate, `"environment":{"EXIT_CODE":"7","EXIT_AFTER":"100ms"}`))
	p.proxy.act()
	inst := p.install(addon)
	inst = p.await(inst.ID, "restored", func(i *graft.Installation) bool {
		return i.Details != nil && i.Details.Outcome == graft.OutcomeRestored
	})
	if inst.Status != graft.StatusFailed || inst.Details.Reason == "" {
		p.t.Errorf("it is %s: %+v", inst.Status, inst.Details)
	}
	answers(p.t, p.port, "core")
	p.leave(inst.ID)
}

// tellExtension is the life of an addon with two services, the first one on
// this orchestrator: its network goes with it. It is disabled and enabled again; a
// plugin is not, as its second life goes the same way as the first.
func tellExtension(p *performance) {
	port := dockertest.FreePort(p.t)
	addon := p.publish(
		service(p.prefix+"-web", p.image, `"ports":{"8080":"`+port+`"}`, `"volumes":["data:/data"]`),
		service(p.prefix+"-worker", p.image, `"depends_on":{"`+p.prefix+`-web":{"condition":"service_started"}}`),
	)
	p.proxy.act()
	id := p.install(addon).ID
	p.active(id, port)
	p.proxy.act()
	p.desire(id, false)
	p.done(p.awaitStatus(id, graft.StatusDisabled))
	p.proxy.act()
	p.desire(id, true)
	p.active(id, port)
	p.leave(id)
}

// active waits for an addon to run.
func (p *performance) active(id, port string) {
	p.t.Helper()
	p.done(p.awaitStatus(id, graft.StatusActive))
	answers(p.t, port, "plugin")
}

// done fails unless the last operation succeeded.
func (p *performance) done(inst *graft.Installation) {
	p.t.Helper()
	if inst.Details == nil || inst.Details.Outcome != graft.OutcomeDone {
		p.t.Errorf("%s, but the outcome is not done: %+v", inst.Status, inst.Details)
	}
}

// leave uninstalls an addon, which is to disable and then to remove it.
func (p *performance) leave(id string) {
	p.t.Helper()
	p.proxy.act()
	p.uninstall(id)
	p.awaitNothing()
}
