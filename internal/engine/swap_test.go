package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// events returns what was told of an installation, of all if id is empty.
func (h *harness) events(id string) []graft.Event {
	h.t.Helper()
	var all []graft.Event
	err := h.engine.PastEvents(context.Background(), id, 0, func(e graft.Event) error {
		all = append(all, e)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// answers checks who answers in the scheduler's place: one container, of that
// installation, or the component if it is empty.
func (h *harness) answers(installation string) {
	h.t.Helper()
	const name = "cluster_scheduler"
	for what, got := range map[string][]string{
		"name": h.driver.Owners("oakestra", name), "alias": h.driver.Owners("oakestra", "scheduler"), "port": h.driver.Publishers(10105),
	} {
		if len(got) != 1 {
			h.t.Errorf("%s of the component: answered by %v", what, got)
		}
	}
	if c := h.container(name); c == nil || !c.Running() || c.Labels[driver.InstallationLabel] != installation {
		h.t.Errorf("in the component's place: %+v, want that of %q", c, installation)
	}
}

func restoredNow(i *graft.Installation) bool {
	return i.Details != nil && i.Details.Outcome == graft.OutcomeRestored
}

func (h *harness) disable(id string) {
	h.t.Helper()
	if _, err := h.engine.SetDesired(context.Background(), id, graft.DesiredDisabled); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) enable(id string) {
	h.t.Helper()
	if _, err := h.engine.SetDesired(context.Background(), id, graft.DesiredEnabled); err != nil {
		h.t.Fatal(err)
	}
}

// waysOf returns how components stepped aside and came back.
func waysOf(events []graft.Event) (ways []string) {
	for _, e := range events {
		if e.Type == graft.EventSwapped || e.Type == graft.EventRestored {
			ways = append(ways, string(e.Type)+" "+string(e.Way))
		}
	}
	return ways
}

// A plugin that does not run without its neighbours starts among them, and the
// component that does not either comes back so.
func TestStandbyBothWays(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		needy := fake.Behaviour{ExitAfter: time.Second, ExitCode: 1, ExitWithout: "oakestra"}
		h.driver.AddImage(imageOf("p"), needy)
		h.driver.AddImage("core", needy)
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		id := h.install(pluginAddon).ID
		h.await(id, graft.StatusActive)
		h.answers(id)
		h.disable(id)
		h.await(id, graft.StatusDisabled)
		h.answers("")
		want := []string{"component.replaced standby", "component.restored standby"}
		if diff := cmp.Diff(want, waysOf(h.events(id))); diff != "" {
			t.Errorf("ways (-want +got):\n%s", diff)
		}
		h.delete(id)
		h.nothingLeft(before)
	})
}

// A plugin whose container ends because the runtime was killed has not failed.
func TestRuntimeKilledDuringTheGate(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		id := h.install(pluginAddon).ID
		h.awaitThat(id, "waiting in the component's place", func(i *graft.Installation) bool {
			moved := slices.ContainsFunc(h.events(id), func(e graft.Event) bool { return e.Type == graft.EventSwapped })
			return moved && strings.HasPrefix(i.Details.Step, "wait for")
		})
		synctest.Wait() // who looks just then may see the end before anybody knows of its cause
		h.driver.KillDaemon()
		h.await(id, graft.StatusActive)
		for _, e := range h.events(id) {
			if e.Outcome == graft.OutcomeRestored {
				t.Errorf("it was given up: %+v", e)
			}
		}
		h.answers(id)
	})
}

// A plugin that runs nowhere leaves the component as it was: not even started
// again.
func TestPluginThatRunsNowhere(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddImage(imageOf("p"), fake.Behaviour{ExitAfter: 2 * time.Second, ExitCode: 3, Output: "no config\n"})
		h.driver.AddContainer(schedulerComponent())
		before, component := h.snapshot(), h.container("cluster_scheduler")
		inst := h.awaitThat(h.install(pluginAddon).ID, "restored", restoredNow)
		if i := slices.IndexFunc(inst.Details.Services, func(s graft.ServiceStatus) bool { return s.Name == "cluster_scheduler" }); i < 0 ||
			inst.Details.Services[i].ExitCode == nil || *inst.Details.Services[i].ExitCode != 3 {
			t.Errorf("services: %+v", inst.Details.Services)
		}
		if inst.Status != graft.StatusFailed || !slices.Contains(inst.Details.FailedServices, "cluster_scheduler") ||
			!strings.Contains(inst.Details.Reason, "exited with code 3") || !strings.Contains(inst.Logs, "cluster_scheduler | no config") {
			t.Errorf("status %s, details %+v, logs %q", inst.Status, inst.Details, inst.Logs)
		}
		h.answers("")
		if now := h.container("cluster_scheduler"); !now.StartedAt.Equal(component.StartedAt) {
			t.Errorf("the component was started at %v, and again at %v", component.StartedAt, now.StartedAt)
		}
		h.nothingLeft(before)
	})
}

// A plugin that was active and then crashes again and again makes room; the rest
// of its addon goes on.
func TestPluginThatCrashesForEver(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		id := h.install(pluginAddon).ID
		h.await(id, graft.StatusActive)
		h.driver.AddImage(imageOf("p"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 7, Output: "broken\n"})
		h.driver.Exit(h.container("cluster_scheduler").ID, 7)
		side := h.container("cluster_side")
		inst := h.awaitThat(id, "restored", restoredNow)
		if now := h.container("cluster_side"); now == nil || now.ID != side.ID || !now.StartedAt.Equal(side.StartedAt) {
			t.Errorf("the other service was disturbed: %+v", now)
		}
		if inst.Status != graft.StatusPartiallyActive || !strings.Contains(inst.Details.Reason, "cluster_scheduler comes back") ||
			!strings.Contains(inst.Logs, "cluster_scheduler | broken") {
			t.Errorf("status %s, details %+v, logs %q", inst.Status, inst.Details, inst.Logs)
		}
		h.answers("")
		h.delete(id)
		h.nothingLeft(before)
	})
}

// A swap that has begun is finished before the engine stops: between its steps
// nobody answers to the component's name.
func TestStopInTheMiddleOfASwap(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		stopped := make(chan struct{})
		stopAt := func(op string) {
			h.driver.OnCall(func(called, target string) error {
				if called == op && strings.HasPrefix(target, "cluster_scheduler") {
					h.driver.OnCall(nil)
					h.cancel()
					<-stopped
				}
				return nil
			})
		}
		release := func() {
			synctest.Wait()
			close(stopped)
			<-h.ended
			stopped = make(chan struct{})
		}
		stopAt("stop")
		id := h.install(pluginAddon).ID
		release()
		if c := h.container("cluster_scheduler"); c == nil || c.Labels[driver.AddonIDLabel] != id || !c.Running() {
			t.Errorf("after a stop in the middle of a swap: %+v", c)
		}
		h.start()
		h.await(id, graft.StatusActive)
		stopAt("remove")
		if _, err := h.engine.Delete(context.Background(), id, false); err != nil {
			t.Fatal(err)
		}
		release()
		if c := h.container("cluster_scheduler"); c == nil || c.Image != "core" || !c.Running() {
			t.Errorf("after a stop in the middle of the way back: %+v", c)
		}
		h.start()
		h.await(id, graft.StatusDisabled)
		h.delete(id)
		h.nothingLeft(before)
	})
}

// The journal has the story of a swap, each step with the operation's id.
func TestEventsTellASwap(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		id := h.install(plainPlugin).ID
		h.await(id, graft.StatusActive)
		h.disable(id)
		h.await(id, graft.StatusDisabled)
		var got, operations []string
		for _, e := range h.events(id) {
			if e.Type == graft.EventEnded { // of a container that the operation stopped, told late
				continue
			}
			line := string(e.Type)
			switch e.Type {
			case graft.EventStep:
				line += " " + strings.Join(strings.Fields(e.Step)[:2], " ")
			case graft.EventStatus:
				line += " " + string(e.Status)
			case graft.EventOutcome:
				line += " " + string(e.Outcome)
			}
			got = append(got, line)
			if of := strings.HasPrefix(string(e.Type), "operation.") || strings.HasPrefix(string(e.Type), "component."); of == (e.Operation == "") {
				t.Errorf("%s: operation %q", line, e.Operation)
			}
			if e.Operation != "" && !slices.Contains(operations, e.Operation) {
				operations = append(operations, e.Operation)
			}
			if swap := e.Type == graft.EventSwapped || e.Type == graft.EventRestored; swap &&
				(e.Gap == nil || e.Way != graft.SwapWarm || e.Component != "cluster_scheduler") {
				t.Errorf("%+v", e)
			}
		}
		if len(operations) != 2 {
			t.Errorf("operations: %v", operations)
		}
		if diff := cmp.Diff(strings.Fields(swapStory), strings.Fields(strings.ReplaceAll(strings.Join(got, "\n"), " ", "_"))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

const swapStory = `
	installation.created
	operation.started
	operation.step_pull_docker.io/library/p@sha256:0000000000000000000000000000000000000000000000000000000000000001
	operation.step_write_down
	operation.step_create_network
	operation.step_create_container
	operation.step_start_container
	operation.step_wait_for
	operation.step_set_restart
	operation.step_move_endpoint
	component.replaced
	operation.step_disconnect_container
	operation.step_wait_for
	operation.step_rename_container
	operation.step_stop_container
	operation.step_rename_container
	operation.step_remove_network
	operation.ended_done
	installation.status_active
	installation.desired
	operation.started
	operation.step_create_network
	operation.step_connect_container
	operation.step_start_container
	operation.step_wait_for
	operation.step_rename_container
	operation.step_rename_container
	operation.step_move_endpoint
	component.restored
	operation.step_disconnect_container
	operation.step_set_restart
	operation.step_start_container
	operation.step_stop_container
	operation.step_remove_container
	operation.step_remove_network
	operation.step_forget_component
	operation.ended_done
	installation.status_disabled`
