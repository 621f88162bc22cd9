package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// To enable an addon again of which one service can't be made takes nothing of
// it down.
func TestEnableWithABlockedService(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		id := h.install(pluginAndWeb).ID
		h.await(id, graft.StatusActive)
		var free func()
		h.removeWhileDown("cluster_side", func() { free = h.occupy(8080) })
		h.await(id, graft.StatusPartiallyActive)
		h.pass(time.Minute)
		web, plugin := h.container("cluster_web"), h.container("cluster_scheduler")
		h.enable(id)
		h.pass(10 * time.Minute)
		h.undisturbed(web, plugin)
		if inst := h.status(id); inst.Status != graft.StatusPartiallyActive || !strings.Contains(inst.Details.Reason, `taken by container "other-8080"`) {
			t.Errorf("status %s, details %+v", inst.Status, inst.Details)
		}
		free()
		h.await(id, graft.StatusActive)
		h.undisturbed(web, plugin)
	})
}

// The same for an addon whose plugin made room, and in whose place another
// addon is by now.
func TestEnableWhatHasLostItsPlace(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		first := h.install(pluginAndWeb).ID
		h.await(first, graft.StatusActive)
		h.driver.AddImage(imageOf("p"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 1})
		h.driver.Exit(h.container("cluster_scheduler").ID, 1)
		h.awaitThat(first, "restored", restoredNow)
		second := h.install(otherPlugin).ID // it need not supersede: the place is free
		h.await(second, graft.StatusActive)
		web, side, plugin := h.container("cluster_web"), h.container("cluster_side"), h.container("cluster_scheduler")
		h.enable(first)
		h.pass(10 * time.Minute)
		h.undisturbed(web, side, plugin)
		h.answers(second)
		if inst := h.status(first); inst.Status != graft.StatusPartiallyActive || !strings.Contains(inst.Details.Reason, `is replaced by addon "other" already`) {
			t.Errorf("status %s, details %+v", inst.Status, inst.Details)
		}
	})
}

// A plugin that made room comes back when it can, whatever is wrong with another
// service of its addon.
func TestReadmittedPluginNeedsNoOtherService(t *testing.T) {
	t.Parallel()
	for what, trouble := range map[string]func(h *harness){
		"another's port is taken":        func(h *harness) { h.occupy(8080) },
		"another's image is gone, often": func(h *harness) { h.noSuch("s", errNoImage()) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(schedulerComponent())
				h.driver.AddImage(imageOf("p"), fake.Behaviour{HealthAfter: 4 * time.Minute})
				id := h.install(`{"name":"p","services":[{"service_name":"cluster_scheduler","image":"p","ports":{"9000":"9000"}},
					{"service_name":"web","image":"w"},{"service_name":"side","image":"s","ports":{"80":"8080"}}]}`).ID
				h.await(id, graft.StatusActive)
				side := h.container("cluster_side").ID
				var free func()
				h.removeWhileDown("cluster_scheduler", func() {
					try(t, h.driver.Remove(context.Background(), side))
					free = h.occupy(9000)
					trouble(h)
				})
				h.answeredSoon()
				h.answers("")
				h.pass(10 * time.Minute)
				free()
				h.pass(20 * time.Minute)
				h.answers(id)
				if told := h.told(graft.EventRestored); len(told) != 1 {
					t.Errorf("the component came back %d times: %q", len(told), told)
				}
				if inst := h.status(id); inst.Status != graft.StatusPartiallyActive || len(inst.Details.Withdrawn) > 0 {
					t.Errorf("status %s, details %+v", inst.Status, inst.Details)
				}
			})
		})
	}
}

// One plugin of two that comes back does not tell anew that the other one made
// room.
func TestRestoredIsToldOnce(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		h.driver.AddContainer(managerComponent())
		id := h.install(`{"name":"p","services":[{"service_name":"cluster_manager","image":"m","ports":{"9001":"9001"}},{"service_name":"web","image":"w"},
			{"service_name":"cluster_scheduler","image":"p","ports":{"9000":"9000"}}]}`).ID
		h.await(id, graft.StatusActive)
		manager := h.container("cluster_manager").ID
		var free func()
		h.removeWhileDown("cluster_scheduler", func() {
			try(t, h.driver.Remove(context.Background(), manager))
			free = h.occupy(9000)
			h.occupy(9001)
		})
		h.pass(5 * time.Minute)
		h.answers("")
		if n := h.outcomes(id, graft.OutcomeRestored); n != 1 {
			t.Errorf("told %d times", n)
		}
		free()
		h.pass(5 * time.Minute)
		h.answers(id)
		if n := h.outcomes(id, graft.OutcomeRestored); n != 1 {
			t.Errorf("told %d times when the other one was back", n)
		}
		if inst := h.status(id); len(inst.Details.Withdrawn) != 1 || inst.Details.Withdrawn[0].Service != "cluster_manager" {
			t.Errorf("status %s, details %+v", inst.Status, inst.Details)
		}
	})
}

// An addon that failed is tried again for its other services, if its plugin would
// only wait behind one that supersedes it.
func TestFailedIsTriedAgainBehindAnother(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		h.noSuch("s", errNoImage())
		below := h.install(pluginAndWeb).ID
		h.await(below, graft.StatusFailed)
		h.pass(time.Second) // or nobody knows which of them came first
		top := h.supersede(otherPlugin)
		h.await(top, graft.StatusActive)
		h.driver.OnCall(nil)
		h.driver.AddImage(imageOf("s"), fake.Behaviour{})
		h.await(below, graft.StatusActive)
		for _, name := range []string{"cluster_web", "cluster_side"} {
			if c := h.container(name); c == nil || !c.Running() {
				t.Errorf("%s: %+v", name, c)
			}
		}
		h.answers(top)
	})
}

// An addon that is up does not lose its port while its container is made again,
// not even to one that came before and was refused the port.
func TestRefusedAddonTakesNoPort(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		first := h.install(`{"name":"first","services":[{"service_name":"one","image":"one","ports":{"80":"8080"}}]}`).ID
		h.await(first, graft.StatusActive)
		h.disable(first)
		h.await(first, graft.StatusDisabled)
		h.pass(time.Second)
		second := h.install(`{"name":"second","services":[{"service_name":"two","image":"two","ports":{"80":"8080"}}]}`).ID
		h.await(second, graft.StatusActive)
		h.enable(first)
		h.await(first, graft.StatusFailed)
		for range 5 {
			try(t, h.driver.Remove(context.Background(), h.container("cluster_two").ID))
			h.pass(time.Minute)
			if inst := h.status(second); inst.Status != graft.StatusActive {
				t.Fatalf("the one that was up is %s, %+v", inst.Status, inst.Details)
			}
		}
		h.disable(second)
		h.await(first, graft.StatusActive)
	})
}

// An addon that only waits below another one keeps no port for itself.
func TestSupersededKeepsNoPort(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		below := h.install(pluginOnPort).ID
		h.await(below, graft.StatusActive)
		top := h.supersede(otherPlugin)
		h.await(top, graft.StatusActive)
		h.superseded(below)
		h.await(h.install(`{"name":"e","services":[{"service_name":"two","image":"two","ports":{"80":"9000"}}]}`).ID, graft.StatusActive)
	})
}

// A service that is to be started again only after a failure, and rested as it
// failed too often, is started again after its rest.
func TestOnFailureIsStartedAfterItsRest(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddImage(imageOf("w"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 1})
		id := h.install(`{"name":"e","services":[{"service_name":"web","image":"w","restart":"on-failure"}]}`).ID
		h.awaitThat(id, "resting", func(i *graft.Installation) bool {
			return i.Details != nil && strings.Contains(i.Details.Reason, "was started again too often") && i.Details.RetryAt != nil
		})
		h.driver.AddImage(imageOf("w"), fake.Behaviour{})
		h.await(id, graft.StatusActive)
		if c := h.container("cluster_web"); c == nil || c.State != driver.StateRunning {
			t.Errorf("web: %+v", c)
		}
	})
}
