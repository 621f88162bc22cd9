package engine_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

func TestLifeOfAnAddon(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		before := h.snapshot()
		id := h.install(helloAddon).ID
		inst := h.await(id, graft.StatusActive)
		if inst.Details.Outcome != graft.OutcomeDone || len(inst.Details.Services) != 1 {
			t.Errorf("details of an active addon: %+v", inst.Details)
		}
		c := h.container("cluster_web")
		if c == nil || c.Labels[driver.AddonIDLabel] != id || c.Labels[driver.ServiceNameLabel] != "web" || c.RestartPolicy != "unless-stopped" {
			t.Fatalf("container: %+v", c)
		}
		if _, err := h.engine.Install(context.Background(), graft.InstallRequest{MarketplaceID: inst.MarketplaceID}); graft.ErrorCode(err) != graft.CodeExists {
			t.Errorf("second installation: %v", err)
		}
		if _, err := h.engine.SetDesired(context.Background(), id, graft.DesiredDisabled); err != nil {
			t.Fatal(err)
		}
		h.await(id, graft.StatusDisabled)
		if h.container("cluster_web") != nil || len(h.snapshot().Volumes) != 1 {
			t.Error("a disabled addon has no container and keeps its volume")
		}
		if _, err := h.engine.SetDesired(context.Background(), id, graft.DesiredEnabled); err != nil {
			t.Fatal(err)
		}
		h.await(id, graft.StatusActive)
		h.delete(id)
		if _, err := h.engine.Installation(context.Background(), id); graft.ErrorCode(err) != graft.CodeNotFound {
			t.Errorf("after uninstall: %v", err)
		}
		h.nothingLeft(before)
	})
}

func TestPluginTakesAndGivesBack(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		id := h.install(pluginAddon).ID
		inst := h.await(id, graft.StatusActive)
		if got := inst.Details.Services[0].Replaces; got != "cluster_scheduler" {
			t.Errorf("replaces %q", got)
		}
		plugin := h.container("cluster_scheduler")
		if plugin.Labels[driver.AddonIDLabel] != id || !plugin.Running() {
			t.Fatalf("plugin: %+v", plugin)
		}
		was := schedulerComponent()
		if diff := cmp.Diff(was.Ports, plugin.Ports); diff != "" {
			t.Errorf("ports (-component +plugin):\n%s", diff)
		}
		components, err := h.engine.Components(context.Background())
		if err != nil || len(components) != 1 || components[0].ReplacedBy == nil || components[0].ReplacedBy.InstallationID != id {
			t.Errorf("components: %+v, %v", components, err)
		}
		h.delete(id)
		h.nothingLeft(before)
	})
}

func TestFailingPluginIsTakenBack(t *testing.T) {
	t.Parallel()
	tests := map[string]fake.Behaviour{
		"exits at once":  {ExitAfter: time.Millisecond, ExitCode: 3, Output: "no config\n"},
		"exits in time":  {ExitAfter: 2 * time.Second, ExitCode: 3, Output: "no config\n"},
		"does not start": {StartError: graft.Errorf(graft.CodeInvalid, "exec: no such file")},
		"is unhealthy":   {HealthAfter: time.Second, Unhealthy: true, Output: "no config\n"},
	}
	for name, behaviour := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(schedulerComponent())
				h.driver.AddImage("docker.io/library/p@"+digest, behaviour)
				before := h.snapshot()
				inst := h.install(pluginAddon)
				inst = h.awaitThat(inst.ID, "restored", func(i *graft.Installation) bool {
					return i.Details != nil && i.Details.Outcome == graft.OutcomeRestored
				})
				if inst.Status != graft.StatusFailed || inst.Details.Reason == "" || inst.Details.Step != "" {
					t.Errorf("status %s, details %+v", inst.Status, inst.Details)
				}
				if behaviour.Output != "" && !strings.Contains(inst.Logs, "cluster_scheduler | no config") {
					t.Errorf("logs: %q", inst.Logs)
				}
				h.nothingLeft(before)
				h.delete(inst.ID)
				h.nothingLeft(before)
			})
		})
	}
}

// A component whose container was removed while it was aside is made again from
// what was written down.
func TestPrunedComponentIsMadeAgain(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddImage("core", fake.Behaviour{})
		if err := h.driver.Pull(context.Background(), "core", nil); err != nil {
			t.Fatal(err)
		}
		id := h.driver.AddContainer(schedulerComponent())
		before := h.container("cluster_scheduler")
		inst := h.await(h.install(pluginAddon).ID, graft.StatusActive)
		if err := h.driver.Remove(context.Background(), id); err != nil {
			t.Fatal(err)
		}
		h.delete(inst.ID)
		after := h.container("cluster_scheduler")
		if after == nil || !after.Running() {
			t.Fatalf("the component is not back: %+v", after)
		}
		made := cmpopts.IgnoreFields(driver.Container{}, "ID", "Addresses", "CreatedAt", "StartedAt", "FinishedAt", "Record")
		if diff := cmp.Diff(before, after, made, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the component is not as it was (-before +after):\n%s", diff)
		}
	})
}

// Somebody makes the component anew while the plugin's image is being pulled:
// the one that is written down and put back is the one that is there.
func TestComponentReplacedDuringThePull(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		first := h.driver.AddContainer(schedulerComponent())
		var second string
		h.driver.OnCall(func(op, _ string) error {
			if op != "pull" {
				return nil
			}
			h.driver.OnCall(nil)
			if err := h.driver.Remove(context.Background(), first); err != nil {
				return err
			}
			second = h.driver.AddContainer(schedulerComponent())
			return nil
		})
		id := h.install(pluginAddon).ID
		h.await(id, graft.StatusActive)
		h.delete(id)
		if c := h.container("cluster_scheduler"); c == nil || c.ID != second || !c.Running() {
			t.Errorf("the component after uninstall: %+v, want %s", c, second)
		}
	})
}

// An engine that is stopped while a plugin is on trial goes on with the trial.
func TestGateAfterARestart(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		h.driver.AddImage("docker.io/library/p@"+digest, fake.Behaviour{ExitAfter: 2 * time.Second, ExitCode: 3})
		before := h.snapshot()
		inst := h.install(pluginAddon)
		h.awaitThat(inst.ID, "on trial", func(i *graft.Installation) bool {
			return i.Details != nil && strings.HasPrefix(i.Details.Step, "wait for")
		})
		h.stop()
		time.Sleep(5 * time.Second) // of the bubble
		h.start()
		h.awaitThat(inst.ID, "restored", func(i *graft.Installation) bool {
			return i.Details != nil && i.Details.Outcome == graft.OutcomeRestored
		})
		h.nothingLeft(before)
	})
}

// Both planes make the orchestrator's network at the same time.
func TestSharedNetworkIsMadeOnce(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.OnCall(func(op, _ string) error {
			if op == "create-network" {
				h.driver.OnCall(nil)
				return h.driver.CreateNetwork(context.Background(), driver.NetworkSpec{Name: "oakestra", Driver: "bridge"})
			}
			return nil
		})
		h.await(h.install(pluginAddon).ID, graft.StatusActive)
	})
}

// The orchestrator's network goes with the last who is on it, if Graft made it.
func TestSharedNetworkGoesWithTheLast(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		before := h.snapshot()
		id := h.install(pluginAddon).ID
		h.await(id, graft.StatusActive)
		other := h.driver.AddContainer(driver.Container{Name: "other", Endpoints: []driver.Endpoint{{Network: "oakestra"}}})
		h.delete(id)
		if !slices.ContainsFunc(h.snapshot().Networks, func(n driver.Network) bool { return n.Name == "oakestra" }) {
			t.Fatal("the network went while another was on it")
		}
		if err := h.driver.Remove(context.Background(), other); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		h.nothingLeft(before)
	})
}

// An operation that succeeds and changes nothing is not repeated without a pause.
func TestNoHotLoop(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		id := h.install(helloAddon).ID
		h.await(id, graft.StatusActive)
		h.driver.ResetCalls()
		for range 20 {
			if err := h.driver.Stop(context.Background(), "cluster_web"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		starts := 0
		for _, call := range h.driver.Calls() {
			if call == "start cluster_web" {
				starts++
			}
		}
		if starts == 0 || starts > 3 {
			t.Errorf("started %d times at once", starts)
		}
		h.await(id, graft.StatusActive)
	})
}

func TestUnapprovedIsRefused(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		id := graft.NewID(time.Now())
		h.catalog[id] = &graft.Addon{ID: id, Status: graft.AddonVerificationFailed, Verification: &graft.Verification{
			Images: []graft.ImageReport{{Service: "s", Reason: "no such image"}},
		}}
		_, err := h.engine.Install(context.Background(), graft.InstallRequest{MarketplaceID: id})
		if graft.ErrorCode(err) != graft.CodeConflict || !strings.Contains(err.Error(), "no such image") {
			t.Errorf("got %v", err)
		}
		if _, err := h.engine.Install(context.Background(), graft.InstallRequest{MarketplaceID: "000000000000000000000000"}); graft.ErrorCode(err) != graft.CodeNotFound {
			t.Errorf("unknown addon: %v", err)
		}
	})
}

func TestObstaclesAreRefusedUntouched(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(driver.Container{Name: "other", Ports: []driver.Port{{HostPort: 8080, ContainerPort: 1, Protocol: "tcp"}}})
		before := h.snapshot()
		inst := h.await(h.install(helloAddon).ID, graft.StatusFailed)
		if inst.Details.Outcome != graft.OutcomeRefused || !strings.Contains(inst.Details.Reason, `"other"`) {
			t.Errorf("details: %+v", inst.Details)
		}
		h.nothingLeft(before)
	})
}

func TestAMissingImageLeavesNothing(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		before := h.snapshot()
		h.driver.FailNext("pull", graft.Errorf(graft.CodeNotFound, "no such image"))
		inst := h.install(helloAddon)
		inst = h.awaitThat(inst.ID, "restored", func(i *graft.Installation) bool {
			return i.Details != nil && i.Details.Outcome == graft.OutcomeRestored
		})
		if !strings.Contains(inst.Details.Reason, "no such image") {
			t.Errorf("reason: %q", inst.Details.Reason)
		}
		h.nothingLeft(before)
		// enabling it tries again
		if _, err := h.engine.SetDesired(context.Background(), inst.ID, graft.DesiredEnabled); err != nil {
			t.Fatal(err)
		}
		h.await(inst.ID, graft.StatusActive)
	})
}

func TestATemporaryFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		for range 3 {
			h.driver.FailNext("pull", graft.Errorf(graft.CodeUnavailable, "the registry is away"))
		}
		h.await(h.install(helloAddon).ID, graft.StatusActive)
	})
}

func TestDisableInterruptsAnInstallation(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		before := h.snapshot()
		pulling := make(chan struct{})
		release := make(chan struct{})
		h.driver.OnCall(func(op, _ string) error {
			if op == "pull" {
				close(pulling)
				<-release
				return errors.New("interrupted")
			}
			return nil
		})
		id := h.install(helloAddon).ID
		<-pulling
		if _, err := h.engine.Delete(context.Background(), id, false); err != nil {
			t.Fatal(err)
		}
		close(release)
		h.await(id, graft.StatusDisabled)
		h.delete(id)
		h.nothingLeft(before)
	})
}

func TestFailuresAreSeen(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		id := h.install(pluginAddon).ID
		h.await(id, graft.StatusActive)
		h.driver.Exit(h.container("cluster_side").ID, 9)
		inst := h.await(id, graft.StatusPartiallyActive)
		if !slices.Equal(inst.Details.FailedServices, []string{"side"}) || !strings.Contains(inst.Details.Reason, "code 9") {
			t.Errorf("details %+v", inst.Details)
		}
		h.awaitThat(id, "shown with its logs", func(i *graft.Installation) bool { return strings.Contains(i.Logs, "side | started") })
		h.await(id, graft.StatusActive) // restarted by its policy, and ran for a while since
		if err := h.driver.Remove(context.Background(), h.container("cluster_side").ID); err != nil {
			t.Fatal(err)
		}
		h.awaitThat(id, "running again", func(i *graft.Installation) bool {
			return i.Status == graft.StatusActive && h.container("cluster_side") != nil
		})
	})
}

// The old system took a failed listing for "no addons", and removed them all.
func TestNothingIsDoneBlindly(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		var log bytes.Buffer // read when nothing is under way
		h.stop()
		h.log = slog.New(slog.NewTextHandler(&log, nil))
		h.start()
		id := h.install(helloAddon).ID
		h.await(id, graft.StatusActive)
		h.driver.ResetCalls()
		h.driver.SetAway(true)
		time.Sleep(10 * time.Minute) // of the bubble
		h.driver.SetAway(false)
		time.Sleep(time.Minute)
		if calls := h.driver.Calls(); len(calls) > 0 {
			t.Errorf("calls: %v", calls)
		}
		h.await(id, graft.StatusActive)
		synctest.Wait()
		// Neither fills the log: once a minute, and when it is over.
		for _, c := range []struct{ away, back string }{
			{"nothing is planned", "everything can be observed again"}, {"event stream ended", "events are heard again"},
		} {
			if away, back := strings.Count(log.String(), c.away), strings.Count(log.String(), c.back); away < 9 || away > 11 || back != 1 {
				t.Errorf("%q is told %d times, %q %d times:\n%s", c.away, away, c.back, back, log.String())
			}
		}
	})
}
