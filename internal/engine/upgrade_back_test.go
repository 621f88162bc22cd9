package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// The old container was started again by the runtime once, long ago, and runs on
// while another service fails.
func TestUpgradeWayBackOfWhatOnceRestarted(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddImage(imageOf("nostart"), fake.Behaviour{StartError: graft.Errorf(graft.CodeInvalid, "no such program")})
		inst := h.install(suite("1.0.0", service("a", "a1"), service("web", "w1", `"depends_on":["a"]`)))
		h.await(inst.ID, graft.StatusActive)
		h.driver.Exit("cluster_web", 1)
		time.Sleep(10 * time.Minute) // of the bubble
		h.await(inst.ID, graft.StatusActive)
		first := h.ids(inst.ID)
		h.upgrade(inst.ID, suite("2.0.0", service("a", "nostart"), service("web", "w2", `"depends_on":["a"]`)))
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"a": "a1", "web": "w1"})
		if now := h.ids(inst.ID); now["web"] != first["web"] || now["a"] != first["a"] {
			t.Error("they are other containers")
		}
	})
}

// A version that fails while the one before is on its way back: that one had
// proved itself.
func TestUpgradeDuringTheWayBack(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addBadImage(h)
		inst := h.install(suite("1.0.0", service("web", "w1")))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("web", "bad")))
		h.awaitThat(inst.ID, "on its way back", func(i *graft.Installation) bool { return i.Version == "1.0.0" })
		h.upgrade(inst.ID, suite("3.0.0", service("web", "bad"), service("x", "x")))
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"web": "w1"})
	})
}

// The same where somebody asked for the way back.
func TestUpgradeDuringAWayBackThatWasAskedFor(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addBadImage(h)
		inst := h.install(suite("1.0.0", service("web", "w1")))
		first := h.await(inst.ID, graft.StatusActive).MarketplaceID
		h.upgrade(inst.ID, suite("2.0.0", service("web", "w2")))
		time.Sleep(time.Second)
		if _, err := h.engine.Upgrade(context.Background(), inst.ID, graft.InstallRequest{MarketplaceID: first}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		h.upgrade(inst.ID, suite("3.0.0", service("web", "bad")))
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"web": "w1"})
	})
}

// A job that had completed before the upgrade is not to run again with the way
// back.
func TestUpgradeWayBackOfACompletedJob(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addJob(h)
		addBadImage(h)
		inst := h.install(suite("1.0.0", service("job", "j1", `"restart":"no"`), service("web", "w1")))
		h.await(inst.ID, graft.StatusActive)
		time.Sleep(10 * time.Second) // of the bubble
		began := h.container("cluster_job").StartedAt
		h.upgrade(inst.ID, suite("2.0.0", service("job", "j2", `"restart":"no"`), service("web", "bad")))
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"job": "j1 exited", "web": "w1"})
		if now := h.container("cluster_job"); now != nil && !now.StartedAt.Equal(began) {
			t.Error("the job ran again")
		}
	})
}

// What somebody installs meanwhile does not get what the older version has.
func TestUpgradeSomebodyTakesThePortMeanwhile(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addBadImage(h)
		h.driver.AddImage(imageOf("slow"), fake.Behaviour{ExitAfter: 2 * time.Second, ExitCode: 3})
		inst := h.install(suite("1.0.0", service("web", "w1", `"ports":{"80":"8080"}`)))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("web", "slow")))
		time.Sleep(time.Second)
		other := h.install(`{"name":"other","services":[{"service_name":"x","image":"x","ports":{"80":"8080"}}]}`)
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"web": "w1"})
		_ = other
	})
}

// The upgrade's end is told only once it is over.
func TestUpgradeOutcomeIsToldWhenItIsTrue(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addBadImage(h)
		inst := h.install(suite("1.0.0", service("web", "w1")))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("web", "bad")))
		got := h.awaitThat(inst.ID, "known", func(i *graft.Installation) bool { return i.Details.Upgrade != nil && i.Details.Upgrade.Outcome != "" })
		if c := h.container("cluster_web"); c == nil || !c.Running() || !strings.Contains(c.Image, "w1") {
			t.Errorf("it is %s, upgrade %q, and web is %+v", got.Status, got.Details.Upgrade.Outcome, c)
		}
	})
}

// Both versions fail: that nothing was restored is to be told, and why the upgrade
// failed.
func TestUpgradeWayBackFailsToo(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addBadImage(h)
		inst := h.install(suite("1.0.0", service("web", "w1")))
		h.await(inst.ID, graft.StatusActive)
		h.driver.AddImage(imageOf("w1"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 4})
		h.upgrade(inst.ID, suite("2.0.0", service("web", "bad")))
		got := h.over(inst.ID)
		h.is(got, "1.0.0", graft.StatusFailed, graft.OutcomeNotRestored)
		if got.Details.Upgrade == nil || !strings.Contains(got.Details.Upgrade.Reason, "code 3") || !strings.Contains(got.Details.Reason, "code 4") {
			t.Errorf("details: %+v, upgrade: %+v", got.Details, got.Details.Upgrade)
		}
	})
}

// An upgrade of what had failed before fails too: its end is known.
func TestUpgradeOfWhatFailed(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddImage(imageOf("nostart"), fake.Behaviour{StartError: graft.Errorf(graft.CodeInvalid, "no such program")})
		inst := h.install(suite("1.0.0", service("web", "nostart")))
		h.await(inst.ID, graft.StatusFailed)
		h.upgrade(inst.ID, suite("2.0.0", service("web", "nostart"), service("x", "x")))
		got := h.over(inst.ID)
		if got.Status != graft.StatusFailed || got.Details.Upgrade == nil || got.Details.Upgrade.Outcome == "" {
			t.Errorf("it is %s, %+v, upgrade %+v", got.Status, got.Details, got.Details.Upgrade)
		}
		h.exactly(inst.ID, map[string]string{})
		h.upgrade(inst.ID, suite("3.0.0", service("web", "w")))
		h.is(h.over(inst.ID), "3.0.0", graft.StatusActive, graft.OutcomeDone)
	})
}

// Somebody installs an addon with the name of a container that has made room.
func TestUpgradeSomebodyTakesTheNameMeanwhile(t *testing.T) {
	t.Parallel()
	for _, image := range []string{"slow", "fine"} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddImage(imageOf("slow"), fake.Behaviour{ExitAfter: 2 * time.Second, ExitCode: 3})
				inst := h.install(suite("1.0.0", service("web", "w1")))
				h.await(inst.ID, graft.StatusActive)
				h.upgrade(inst.ID, suite("2.0.0", service("web", image)))
				time.Sleep(time.Second)
				h.install(`{"name":"other","services":[{"service_name":"web","image":"x"}]}`)
				if image == "slow" {
					h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
					h.exactly(inst.ID, map[string]string{"web": "w1"})
				} else {
					h.is(h.over(inst.ID), "2.0.0", graft.StatusActive, graft.OutcomeDone)
					h.exactly(inst.ID, map[string]string{"web": "fine"})
				}
			})
		})
	}
}

// Another addon is in the place of the plugin, of an upgrade that is under way or was
// before somebody disabled the addon: it has not come up before it has had its turn.
func TestUpgradeIsNotOverBeforeItsTurn(t *testing.T) {
	t.Parallel()
	for end, bad := range map[string]fake.Behaviour{
		"exited with code 3": {ExitAfter: time.Second, ExitCode: 3}, "its health check fails": {HealthAfter: time.Second, Unhealthy: true},
	} {
		for _, disabled := range []bool{false, true} {
			for _, neighbour := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, disabled %v, neighbour %v", end, disabled, neighbour), func(t *testing.T) {
					t.Parallel()
					run(t, func(h *harness) {
						h.driver.AddImage(imageOf("bad"), bad)
						h.upgradeBelow(disabled, neighbour, end)
					})
				})
			}
		}
	}
}

// upgradeBelow upgrades an addon to an image that fails once its plugin has its turn,
// and checks that the version before comes back.
func (h *harness) upgradeBelow(disabled, neighbour bool, end string) {
	h.t.Helper()
	version := func(version, plugin string) string {
		services := []string{service("cluster_scheduler", plugin)}
		if neighbour {
			services = append(services, service("web", "w"))
		}
		return suite(version, services...)
	}
	h.driver.AddContainer(schedulerComponent())
	inst := h.install(version("1.0.0", "p1"))
	h.await(inst.ID, graft.StatusActive)
	if disabled {
		h.upgrade(inst.ID, version("2.0.0", "bad"))
		h.disable(inst.ID)
		h.await(inst.ID, graft.StatusDisabled)
	}
	top := h.supersede(topAddon)
	h.await(top, graft.StatusActive)
	if disabled {
		h.enable(inst.ID)
	} else {
		h.upgrade(inst.ID, version("2.0.0", "bad"))
	}
	h.superseded(inst.ID)
	h.delete(top)
	got := h.over(inst.ID)
	h.is(got, "1.0.0", graft.StatusActive, graft.OutcomeRestored)
	if u := got.Details.Upgrade; u == nil || !strings.HasSuffix(u.Reason, end) {
		h.t.Errorf("the upgrade is %+v", u)
	}
	h.answers(inst.ID)
}
