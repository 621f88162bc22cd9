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

// So does a plugin: "scheduler" and "cluster_scheduler" both replace it.
func TestUpgradeThatPrefixesAPlugin(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		inst := h.install(suite("1.0.0", service("scheduler", "p1")))
		h.await(inst.ID, graft.StatusActive)
		_, err := h.engine.Upgrade(context.Background(), inst.ID, h.request(suite("2.0.0", service("cluster_scheduler", "p2"))))
		if graft.ErrorCode(err) != graft.CodeConflict || !strings.Contains(err.Error(), "Uninstall the addon") {
			t.Errorf("it is let pass: %v", err)
		}
		h.exactly(inst.ID, map[string]string{"scheduler": "p1"})
		h.delete(inst.ID)
		h.nothingLeft(before)
	})
}

// A version without the plugin whose image is not there: the plugin must stay.
func TestUpgradeWithoutThePluginAndItsImage(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		inst := h.install(suite("1.0.0", service("cluster_scheduler", "p1"), service("web", "w1")))
		h.await(inst.ID, graft.StatusActive)
		first := h.ids(inst.ID)
		h.driver.OnCall(func(op, target string) error { // after a while, the registry says no
			if op == "pull" && target == imageOf("w2") {
				time.Sleep(time.Minute)
				return errNoImage()
			}
			return nil
		})
		h.driver.ResetCalls()
		h.upgrade(inst.ID, suite("2.0.0", service("web", "w2")))
		time.Sleep(10 * time.Minute)
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"scheduler": "p1", "web": "w1"})
		for _, call := range h.driver.Calls() {
			if strings.HasPrefix(call, "stop ") {
				t.Errorf("the engine did %q", call)
			}
		}
		if now := h.ids(inst.ID); now["cluster_scheduler"] != first["cluster_scheduler"] {
			t.Error("the plugin is another container")
		}
	})
}

// Without the plugin, and the other service fails.
func TestUpgradeWithoutThePluginThatFails(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addBadImage(h)
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		inst := h.install(suite("1.0.0", service("cluster_scheduler", "p1"), service("web", "w1")))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("web", "bad")))
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"scheduler": "p1", "web": "w1"})
		h.upgrade(inst.ID, suite("3.0.0", service("web", "w2")))
		h.is(h.over(inst.ID), "3.0.0", graft.StatusActive, graft.OutcomeDone)
		h.exactly(inst.ID, map[string]string{"web": "w2"})
		h.upgrade(inst.ID, suite("4.0.0", service("web", "bad"), service("cluster_scheduler", "p2")))
		h.is(h.over(inst.ID), "3.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"web": "w2"})
		h.upgrade(inst.ID, suite("5.0.0", service("web", "w2"), service("cluster_scheduler", "p2")))
		h.is(h.over(inst.ID), "5.0.0", graft.StatusActive, graft.OutcomeDone)
		h.exactly(inst.ID, map[string]string{"web": "w2", "scheduler": "p2"})
		h.delete(inst.ID)
		h.nothingLeft(before)
	})
}

// What is superseded goes to another version, and is what comes back.
func TestUpgradeOfWhatIsSuperseded(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		inst := h.install(firstVersion)
		h.await(inst.ID, graft.StatusActive)
		top := h.supersede(topAddon)
		h.await(top, graft.StatusActive)
		h.superseded(inst.ID)
		h.upgrade(inst.ID, secondVersion)
		h.is(h.over(inst.ID), "2.0.0", graft.StatusActive, "") // it waits for its turn
		h.answers(top)
		h.delete(top)
		time.Sleep(time.Minute)
		h.answers(inst.ID)
		h.is(h.over(inst.ID), "2.0.0", graft.StatusActive, graft.OutcomeDone)
		h.anyway(inst.ID, before)
	})
}

// What supersedes another one goes to a version without the plugin: the other one
// has the place again, and gives it back if the version fails.
func TestUpgradeOfWhatSupersedes(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addBadImage(h)
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		below := h.install(plainAddon).ID
		h.await(below, graft.StatusActive)
		top := h.supersede(firstVersion)
		h.await(top, graft.StatusActive)
		h.answers(top)
		h.upgrade(top, secondVersion)
		h.is(h.over(top), "2.0.0", graft.StatusActive, graft.OutcomeDone)
		h.answers(top)
		h.upgrade(top, suite("5.0.0", service("same", "s")))
		h.is(h.over(top), "5.0.0", graft.StatusActive, graft.OutcomeDone)
		time.Sleep(time.Minute)
		h.answers(below)
		h.exactly(top, map[string]string{"same": "s"})
		h.upgrade(top, thirdVersion) // takes the place, and fails
		h.is(h.over(top), "5.0.0", graft.StatusActive, graft.OutcomeRestored)
		time.Sleep(time.Minute)
		h.await(below, graft.StatusActive)
		h.answers(below)
		h.upgrade(top, secondVersion)
		h.is(h.over(top), "2.0.0", graft.StatusActive, graft.OutcomeDone)
		h.answers(top)
		h.upgrade(top, suite("6.0.0", service("web", "bad"))) // leaves the place, and fails
		time.Sleep(5 * time.Minute)
		h.is(h.over(top), "2.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.answers(top)
		h.superseded(below)
		h.delete(top)
		time.Sleep(time.Minute)
		h.answers(below)
		h.delete(below)
		h.nothingLeft(before)
	})
}

// The plan that is shown is the one that is carried out.
func TestUpgradePlannedUpgradeIsCarriedOut(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		inst := h.install(firstVersion)
		h.await(inst.ID, graft.StatusActive)
		request := h.request(secondVersion)
		plan, err := h.engine.PlanUpgrade(context.Background(), inst.ID, request)
		if err != nil {
			t.Fatal(err)
		}
		h.driver.ResetCalls()
		request.Plan = plan.Hash
		if _, err := h.engine.Upgrade(context.Background(), inst.ID, request); err != nil {
			t.Fatal(err)
		}
		h.is(h.over(inst.ID), "2.0.0", graft.StatusActive, graft.OutcomeDone)
		t.Log(plan.Text)
		t.Log(strings.Join(h.driver.Calls(), "\n"))
	})
}

// Volumes and networks that only one version has are gone after the end.
func TestUpgradeResourcesOfOneVersion(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addBadImage(h)
		before := h.snapshot()
		inst := h.install(suite("1.0.0", service("web", "w1", `"networks":["one"]`, `"volumes":["one:/one"]`)))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("web", "bad", `"networks":["two"]`, `"volumes":["two:/two"]`)))
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.upgrade(inst.ID, suite("3.0.0", service("web", "w3", `"networks":["three"]`, `"volumes":["three:/three"]`)))
		h.is(h.over(inst.ID), "3.0.0", graft.StatusActive, graft.OutcomeDone)
		var left []string
		for _, n := range h.snapshot().Networks {
			left = append(left, n.Name)
		}
		for _, v := range h.snapshot().Volumes {
			left = append(left, v.Name)
		}
		t.Log(left)
		h.delete(inst.ID)
		h.nothingLeft(before)
	})
}

// Two plugins: the second one's gate fails after the first one has come.
func TestUpgradeTwoPlugins(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addBadImage(h)
		h.driver.AddContainer(schedulerComponent())
		h.driver.AddContainer(driver.Container{
			Name: "cluster_manager", RestartPolicy: "always", Image: "core",
			Endpoints: []driver.Endpoint{{Network: "oakestra", Aliases: []string{"manager"}}},
		})
		before := h.snapshot()
		inst := h.install(suite("1.0.0", service("cluster_scheduler", "p1"), service("cluster_manager", "m1")))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("cluster_scheduler", "p2"), service("cluster_manager", "bad", `"depends_on":["cluster_scheduler"]`)))
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"scheduler": "p1", "manager": "m1"})
		h.upgrade(inst.ID, suite("3.0.0", service("cluster_scheduler", "p2"), service("cluster_manager", "m2")))
		h.is(h.over(inst.ID), "3.0.0", graft.StatusActive, graft.OutcomeDone)
		h.exactly(inst.ID, map[string]string{"scheduler": "p2", "manager": "m2"})
		h.delete(inst.ID)
		h.nothingLeft(before)
	})
}

// One of which a plugin was withdrawn goes back to how it was.
func TestUpgradeOfWhatIsPartiallyActive(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addBadImage(h)
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		inst := h.install(suite("1.0.0", service("cluster_scheduler", "p1"), service("web", "w1"), service("job", "j", `"restart":"no"`)))
		h.await(inst.ID, graft.StatusActive)
		h.driver.AddImage(imageOf("p1"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 5})
		h.driver.Exit("cluster_scheduler", 5)
		h.driver.Exit("cluster_job", 1)
		h.await(inst.ID, graft.StatusPartiallyActive)
		time.Sleep(time.Hour)
		h.await(inst.ID, graft.StatusPartiallyActive)
		h.upgrade(inst.ID, suite("2.0.0", service("cluster_scheduler", "p2"), service("web", "bad"), service("job", "j", `"restart":"no"`)))
		after := h.over(inst.ID)
		h.is(after, "1.0.0", graft.StatusPartiallyActive, after.Details.Upgrade.Outcome) // the plugin was tried again
		if c := h.container("cluster_web"); c == nil || !c.Running() || !strings.Contains(c.Image, "w1") {
			t.Errorf("web is %+v", c)
		}
		h.answers("")
		h.delete(inst.ID)
		h.nothingLeft(before)
	})
}

// The plugin of the version before stood by while the other one, which is unhealthy
// and runs on, was in its place: it comes back as the container that it is.
func TestUpgradeWayBackOfAPluginThatStoodBy(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddImage(imageOf("sick"), fake.Behaviour{Unhealthy: true})
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		inst := h.install(suite("1.0.0", service("cluster_scheduler", "p1")))
		h.await(inst.ID, graft.StatusActive)
		first := h.ids(inst.ID)
		h.upgrade(inst.ID, suite("2.0.0", service("cluster_scheduler", "sick", aliveCheck)))
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.answers(inst.ID)
		if now := h.ids(inst.ID); now["cluster_scheduler"] != first["cluster_scheduler"] {
			t.Error("it is another container")
		}
		h.delete(inst.ID)
		h.nothingLeft(before)
	})
}
