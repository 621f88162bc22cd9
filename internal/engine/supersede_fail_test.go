package engine_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// bounded makes the runtime go away once it was looked at too often: an engine
// that goes round in circles fails the test instead of hanging it.
func (h *harness) bounded() {
	var looks atomic.Int64
	h.driver.OnCall(func(op, _ string) error {
		if op == "observe" && looks.Add(1) > 3000 {
			return graft.Errorf(graft.CodeUnavailable, "looked at too often")
		}
		return nil
	})
}

// One that fails on its way on top leaves the one below in its place.
func TestSupersedeThatFails(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		h.driver.AddImage(imageOf("q"), fake.Behaviour{ExitAfter: 2 * time.Second, ExitCode: 3})
		first := h.install(plainPlugin).ID
		h.await(first, graft.StatusActive)
		below := h.container("cluster_scheduler")
		h.bounded()
		second := h.supersede(otherPlugin)
		inst := h.awaitThat(second, "restored", restoredNow)
		if inst.Status != graft.StatusFailed || !strings.Contains(inst.Details.Reason, "exited with code 3") {
			t.Errorf("status %s, details %+v", inst.Status, inst.Details)
		}
		h.awaitThat(first, "in place", func(i *graft.Installation) bool {
			return i.Status == graft.StatusActive && i.Details.Services[0].State == graft.ServiceRunning
		})
		h.answers(first)
		if now := h.container("cluster_scheduler"); now.ID != below.ID || !now.StartedAt.Equal(below.StartedAt) {
			t.Errorf("the one below was made or started anew: %+v", now)
		}
	})
}

// One that needs its neighbours gets on top in the next best way.
func TestSupersedeByStandby(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		h.driver.AddImage(imageOf("q"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 1, ExitWithout: "oakestra"})
		first := h.install(plainPlugin).ID
		h.await(first, graft.StatusActive)
		h.bounded()
		second := h.supersede(otherPlugin)
		h.await(second, graft.StatusActive)
		h.answers(second)
		if diff := cmp.Diff([]string{"component.replaced standby"}, waysOf(h.events(second))); diff != "" {
			t.Errorf("ways (-want +got):\n%s", diff)
		}
		h.delete(second)
		h.answers(first)
		h.delete(first)
		h.nothingLeft(before)
	})
}

// One below that can't take over any more does not keep the one on top from
// going: the component comes back.
func TestSupersededThatCannotTakeOver(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		first := h.install(plainPlugin).ID
		h.await(first, graft.StatusActive)
		second := h.supersede(otherPlugin)
		h.await(second, graft.StatusActive)
		h.superseded(first)
		h.driver.RemoveImage(imageOf("p"))
		h.driver.OnCall(func(op, target string) error {
			if op == "pull" && target == imageOf("p") {
				return graft.Errorf(graft.CodeNotFound, "no such image")
			}
			return nil
		})
		h.disable(second)
		h.await(second, graft.StatusDisabled)
		h.answers("")
		if inst := h.await(first, graft.StatusFailed); !strings.Contains(inst.Details.Reason, "no such image") {
			t.Errorf("details: %+v", inst.Details)
		}
	})
}

// One that failed is not tried again while another one is on top.
func TestFailedWaitsUntilTheOneOnTopIsGone(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		h.noSuch("p", graft.Errorf(graft.CodeNotFound, "no such image"))
		below := h.install(plainPlugin).ID
		h.awaitThat(below, "restored", restoredNow)
		h.pass(time.Second)
		top := h.supersede(otherPlugin)
		h.await(top, graft.StatusActive)
		h.driver.OnCall(nil)
		h.pass(time.Hour)
		if inst := h.status(below); inst.Status != graft.StatusFailed {
			t.Errorf("status %s, details %+v", inst.Status, inst.Details)
		}
		h.delete(top)
		h.await(below, graft.StatusActive)
		h.answers(below)
	})
}
