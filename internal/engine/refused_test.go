package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// Of two plugins for one component that are installed at once, one is refused,
// and does not take the component later.
func TestRefusedPluginStaysOut(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		h.driver.SetAway(true) // so that both are accepted
		first := h.install(plainPlugin).ID
		h.pass(time.Second)
		second := h.install(otherPlugin).ID
		h.driver.SetAway(false)
		h.await(first, graft.StatusActive)
		inst := h.await(second, graft.StatusFailed)
		if inst.Details.Outcome != graft.OutcomeRefused || inst.Details.Waits {
			t.Errorf("details %+v", inst.Details)
		}
		h.delete(first)
		h.pass(time.Hour)
		h.answers("")
		if _, err := h.engine.SetDesired(context.Background(), second, graft.DesiredEnabled); err != nil {
			t.Fatal(err)
		}
		h.await(second, graft.StatusActive)
		h.answers(second)
	})
}

// What was taken away is told as gone, with how it ended.
func TestFailedPluginIsToldAsGone(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		h.driver.AddImage(imageOf("p"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 7})
		inst := h.awaitThat(h.install(plainPlugin).ID, "restored", restoredNow)
		if len(inst.Details.Services) != 1 {
			t.Fatalf("services %+v", inst.Details.Services)
		}
		s := inst.Details.Services[0]
		if s.State != graft.ServiceExited || s.ExitCode == nil || *s.ExitCode != 7 || s.Container != "" || s.Replaces != "" || len(s.Ports) > 0 {
			t.Errorf("it is told as %+v", s)
		}
	})
}

// Who waits for something to be done is told when the runtime does not answer.
func TestWaitingForTheRuntimeIsTold(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.SetAway(true)
		id := h.install(helloAddon).ID
		h.awaitThat(id, "told to wait", func(i *graft.Installation) bool {
			return i.Details != nil && i.Details.Step == "waits for the container runtime, which does not answer"
		})
		h.driver.SetAway(false)
		if inst := h.await(id, graft.StatusActive); inst.Details.Step != "" {
			t.Errorf("details %+v", inst.Details)
		}
	})
}
