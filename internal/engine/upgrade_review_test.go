package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// suite makes a version of an addon from its services.
func suite(version string, services ...string) string {
	return fmt.Sprintf(`{"name":"suite","version":%q,"services":[%s]}`, version, strings.Join(services, ","))
}

// service makes a service; more is what else its JSON object has.
func service(name, image string, more ...string) string {
	return fmt.Sprintf(`{"service_name":%q,"image":%q%s}`, name, image, strings.Join(append([]string{""}, more...), ","))
}

// over returns an installation once it is at rest, up or not.
func (h *harness) over(id string) *graft.Installation {
	h.t.Helper()
	time.Sleep(20 * time.Second) // of the bubble
	return h.awaitThat(id, "over", func(i *graft.Installation) bool {
		return i.Status != graft.StatusInstalling && i.Status != graft.StatusDisabling
	})
}

// is fails if an installation's upgrade did not end like that.
func (h *harness) is(got *graft.Installation, version string, status graft.InstallationStatus, outcome graft.Outcome) {
	h.t.Helper()
	var end graft.Outcome
	var reason string
	if u := got.Details.Upgrade; u != nil {
		end, reason = u.Outcome, u.Reason
	}
	if got.Version != version || got.Status != status || end != outcome {
		h.t.Errorf("it is version %s, %s, upgrade %q (%s); want version %s, %s, %q. Details: %+v", got.Version, got.Status, end, reason, version, status, outcome, got.Details)
	}
}

// exactly fails if not just these services run, each with that image and name.
func (h *harness) exactly(id string, images map[string]string) {
	h.t.Helper()
	got := map[string]string{}
	for _, c := range h.snapshot().Containers {
		if c.Labels[driver.InstallationLabel] == id {
			got[c.Name] = fmt.Sprintf("%s %s", strings.TrimSuffix(strings.TrimPrefix(c.Image, "docker.io/library/"), "@"+digest), c.State)
		}
	}
	want := map[string]string{}
	for name, image := range images {
		want["cluster_"+name] = image
		if !strings.Contains(image, " ") {
			want["cluster_"+name] += " running"
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		h.t.Errorf("there is\n%v, want\n%v", got, want)
	}
}

const (
	aliveCheck = `"healthcheck":{"test":["CMD","true"]}`
	afterDB    = `"depends_on":{"db":{"condition":"service_healthy"}}`
	afterJob   = `"depends_on":{"job":{"condition":"service_completed_successfully"}}`
)

func addJob(h *harness) {
	for _, name := range []string{"j1", "j2"} {
		h.driver.AddImage(imageOf(name), fake.Behaviour{ExitAfter: time.Second})
	}
}

// The wait for a service that goes to the other version looks for its container
// by the name that it does not have yet.
func TestReviewUpgradeOfWhatOthersWaitForToBeHealthy(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		inst := h.install(suite("1.0.0", service("db", "d1", aliveCheck), service("web", "w1", afterDB)))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("db", "d2", aliveCheck), service("web", "w2", afterDB)))
		h.is(h.over(inst.ID), "2.0.0", graft.StatusActive, graft.OutcomeDone)
		h.exactly(inst.ID, map[string]string{"db": "d2", "web": "w2"})
	})
}

func TestReviewUpgradeOfAJobThatOthersWaitFor(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addJob(h)
		inst := h.install(suite("1.0.0", service("job", "j1"), service("web", "w1", afterJob)))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("job", "j2"), service("web", "w2", afterJob)))
		h.is(h.over(inst.ID), "2.0.0", graft.StatusActive, graft.OutcomeDone)
		h.exactly(inst.ID, map[string]string{"job": "j2 exited", "web": "w2"})
	})
}

// Nothing is to be waited for where what others depend on is the same.
func TestReviewUpgradeBesideAJobThatIsDone(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addJob(h)
		inst := h.install(suite("1.0.0", service("job", "j1"), service("db", "d", aliveCheck), service("web", "w1", afterJob), service("api", "a1", afterDB)))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("job", "j1"), service("db", "d", aliveCheck), service("web", "w2", afterJob), service("api", "a2", afterDB)))
		h.is(h.over(inst.ID), "2.0.0", graft.StatusActive, graft.OutcomeDone)
		h.exactly(inst.ID, map[string]string{"job": "j1 exited", "db": "d", "web": "w2", "api": "a2"})
	})
}

// A service that only the other version has does not come up, and the version is
// said to be up.
func TestReviewUpgradeWithANewServiceThatDoesNotStayUp(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addBadImage(h)
		inst := h.install(suite("1.0.0", service("web", "w1")))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("web", "w2"), service("new", "bad")))
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"web": "w1"})
	})
}

// The same with a service that was renamed: it is the only one, and the old one is
// gone.
func TestReviewUpgradeWithARenamedServiceThatDoesNotStayUp(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addBadImage(h)
		inst := h.install(suite("1.0.0", service("web", "w1", `"ports":{"80":"8080"}`)))
		h.await(inst.ID, graft.StatusActive)
		first := h.ids(inst.ID)
		h.upgrade(inst.ID, suite("2.0.0", service("front", "bad", `"ports":{"80":"8080"}`)))
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"web": "w1"})
		if h.ids(inst.ID)["web"] != first["web"] {
			t.Error("web is another container")
		}
	})
}

// A health check of a service that only the other version has.
func TestReviewUpgradeWithANewServiceThatIsUnhealthy(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddImage(imageOf("ill"), fake.Behaviour{HealthAfter: 3 * time.Second, Unhealthy: true})
		inst := h.install(suite("1.0.0", service("web", "w1")))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("web", "w2"), service("new", "ill", aliveCheck)))
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"web": "w1"})
	})
}

// A service with restart "no" or "on-failure" that fails at once is not waited for.
func TestReviewUpgradeOfAServiceThatIsNotRestarted(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"no", "on-failure:2"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				addBadImage(h)
				restart := fmt.Sprintf(`"restart":%q`, policy)
				inst := h.install(suite("1.0.0", service("web", "w1", restart)))
				h.await(inst.ID, graft.StatusActive)
				h.upgrade(inst.ID, suite("2.0.0", service("web", "bad", restart)))
				h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
				h.exactly(inst.ID, map[string]string{"web": "w1"})
			})
		})
	}
}

func TestReviewUpgradeThatIsUnhealthy(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddImage(imageOf("ill"), fake.Behaviour{HealthAfter: 3 * time.Second, Unhealthy: true})
		inst := h.install(suite("1.0.0", service("web", "w1")))
		h.await(inst.ID, graft.StatusActive)
		first := h.ids(inst.ID)
		h.upgrade(inst.ID, suite("2.0.0", service("web", "ill", aliveCheck)))
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"web": "w1"})
		if h.ids(inst.ID)["web"] != first["web"] {
			t.Error("web is another container")
		}
	})
}

// Two services exchange their host ports.
func TestReviewUpgradeThatSwapsPorts(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		inst := h.install(suite("1.0.0", service("a", "a", `"ports":{"80":"8080"}`), service("b", "b", `"ports":{"80":"8081"}`)))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("a", "a", `"ports":{"80":"8081"}`), service("b", "b", `"ports":{"80":"8080"}`)))
		h.is(h.over(inst.ID), "2.0.0", graft.StatusActive, graft.OutcomeDone)
		h.exactly(inst.ID, map[string]string{"a": "a", "b": "b"})
	})
}

// A port goes from one service to another one that waits for it.
func TestReviewUpgradeThatMovesAPort(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		inst := h.install(suite("1.0.0", service("a", "a1"), service("b", "b1", `"ports":{"80":"8080"}`, `"depends_on":["a"]`)))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("a", "a2", `"ports":{"80":"8080"}`), service("b", "b2", `"depends_on":["a"]`)))
		h.is(h.over(inst.ID), "2.0.0", graft.StatusActive, graft.OutcomeDone)
		h.exactly(inst.ID, map[string]string{"a": "a2", "b": "b2"})
	})
}

// A service gets another name and keeps its container's: "web" and "cluster_web"
// are both container cluster_web.
func TestReviewUpgradeThatPrefixesAName(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		inst := h.install(suite("1.0.0", service("web", "w1")))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("cluster_web", "w2")))
		h.is(h.over(inst.ID), "2.0.0", graft.StatusActive, graft.OutcomeDone)
		h.exactly(inst.ID, map[string]string{"web": "w2"})
	})
}

// So does a plugin: "scheduler" and "cluster_scheduler" both replace it.
func TestReviewUpgradeThatPrefixesAPlugin(t *testing.T) {
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

// The old container was started again by the runtime once, long ago, and runs on
// while another service fails.
func TestReviewWayBackOfWhatOnceRestarted(t *testing.T) {
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
func TestReviewUpgradeDuringTheWayBack(t *testing.T) {
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
func TestReviewUpgradeDuringAWayBackThatWasAskedFor(t *testing.T) {
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

// A version without the plugin whose image is not there: the plugin must stay.
func TestReviewUpgradeWithoutThePluginAndItsImage(t *testing.T) {
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
func TestReviewUpgradeWithoutThePluginThatFails(t *testing.T) {
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

// A job that had completed before the upgrade is not to run again with the way
// back.
func TestReviewWayBackOfACompletedJob(t *testing.T) {
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
func TestReviewSomebodyTakesThePortMeanwhile(t *testing.T) {
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
func TestReviewOutcomeIsToldWhenItIsTrue(t *testing.T) {
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
func TestReviewWayBackFailsToo(t *testing.T) {
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
func TestReviewUpgradeOfWhatFailed(t *testing.T) {
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

// changes is whether a call of the fake runtime changes something.
func changes(op string) bool {
	return !slices.Contains([]string{"observe", "info", "watch", "logs", "has-image"}, op)
}

// atStep does something after the nth changing call from now on.
func (h *harness) atStep(n int, do func()) {
	calls := 0
	var mu sync.Mutex
	h.driver.AfterCall(func(op, _ string) error {
		mu.Lock()
		if changes(op) {
			calls++
		}
		now := changes(op) && calls == n
		mu.Unlock()
		if now {
			do()
		}
		return nil
	})
}

// anyway checks that an installation is up in the first or in that version after an
// upgrade, whatever happened meanwhile, and that nothing is left of it.
func (h *harness) anyway(id string, before *driver.Snapshot) {
	h.t.Helper()
	h.over(id)
	h.driver.AfterCall(nil)
	time.Sleep(20 * time.Minute) // of the bubble
	got := h.over(id)
	want := map[string]string{"scheduler": "p2", "web": "w2", "same": "s", "fresh": "f"}
	if got.Version == "1.0.0" {
		want = map[string]string{"scheduler": "p1", "web": "w1", "same": "s", "gone": "g"}
	}
	if got.Status != graft.StatusActive {
		h.t.Errorf("it is %s, %+v, upgrade %+v", got.Status, got.Details, got.Details.Upgrade)
	}
	h.exactly(id, want)
	for _, c := range h.snapshot().Containers {
		if c.Labels[driver.InstallationLabel] == id && c.RestartPolicy != "unless-stopped" {
			h.t.Errorf("%s has the policy %s", c.Name, c.RestartPolicy)
		}
	}
	h.delete(id)
	if before != nil {
		h.nothingLeft(before)
	}
}

// meanwhile does something at each step of an upgrade that succeeds and of one that
// is taken back.
func meanwhile(t *testing.T, do func(h *harness, id string)) {
	for _, version := range []string{secondVersion, thirdVersion} {
		for step := 1; step <= 36; step += every {
			name := "good"
			if version == thirdVersion {
				name = "bad"
			}
			t.Run(fmt.Sprint(name, "/", step), func(t *testing.T) {
				t.Parallel()
				run(t, func(h *harness) {
					addBadImage(h)
					h.driver.AddContainer(schedulerComponent())
					before := h.snapshot()
					inst := h.install(firstVersion)
					h.await(inst.ID, graft.StatusActive)
					h.atStep(step, func() { do(h, inst.ID) })
					h.upgrade(inst.ID, version)
					h.anyway(inst.ID, before)
				})
			})
		}
	}
}

// The runtime restarts at each step of an upgrade.
func TestReviewRuntimeRestartsMeanwhile(t *testing.T) {
	t.Parallel()
	meanwhile(t, func(h *harness, _ string) { h.driver.RestartDaemon() })
}

// Somebody removes the addon's containers that do not run.
func TestReviewPruneMeanwhile(t *testing.T) {
	t.Parallel()
	meanwhile(t, func(h *harness, id string) {
		for _, c := range h.snapshot().Containers {
			if c.Labels[driver.InstallationLabel] == id && !c.Running() {
				_ = h.driver.Remove(context.Background(), c.ID)
			}
		}
	})
}

// The user disables and enables the addon again.
func TestReviewDisableAndEnableMeanwhile(t *testing.T) {
	t.Parallel()
	meanwhile(t, func(h *harness, id string) {
		go func() {
			if _, err := h.engine.SetDesired(context.Background(), id, graft.DesiredDisabled); err != nil {
				h.t.Error(err)
			}
			if _, err := h.engine.SetDesired(context.Background(), id, graft.DesiredEnabled); err != nil {
				h.t.Error(err)
			}
		}()
	})
}

// The user asks for a fourth version, which fails, in the middle.
func TestReviewUpgradeMeanwhile(t *testing.T) {
	t.Parallel()
	meanwhile(t, func(h *harness, id string) {
		request := h.request(suite("5.0.0", service("web", "bad"), service("same", "s")))
		go func() {
			if _, err := h.engine.Upgrade(context.Background(), id, request); err != nil {
				h.t.Error(err)
			}
		}()
	})
}

// The user uninstalls the addon in the middle: nothing is left.
func TestReviewUninstallMeanwhile(t *testing.T) {
	t.Parallel()
	for _, version := range []string{secondVersion, thirdVersion} {
		for step := 1; step <= 36; step += every {
			t.Run(fmt.Sprint(version[25:30], "/", step), func(t *testing.T) {
				t.Parallel()
				run(t, func(h *harness) {
					addBadImage(h)
					h.driver.AddContainer(schedulerComponent())
					before := h.snapshot()
					inst := h.install(firstVersion)
					h.await(inst.ID, graft.StatusActive)
					h.atStep(step, func() {
						go func() { _, _ = h.engine.SetDesired(context.Background(), inst.ID, graft.DesiredDisabled) }()
					})
					h.upgrade(inst.ID, version)
					h.over(inst.ID)
					h.delete(inst.ID)
					time.Sleep(time.Minute)
					h.nothingLeft(before)
				})
			})
		}
	}
}

// Another addon takes the plugin's place in the middle, and leaves it again.
func TestReviewSupersedeMeanwhile(t *testing.T) {
	t.Parallel()
	for _, version := range []string{secondVersion, thirdVersion} {
		for step := 1; step <= 36; step += every {
			t.Run(fmt.Sprint(version[25:30], "/", step), func(t *testing.T) {
				t.Parallel()
				run(t, func(h *harness) {
					addBadImage(h)
					h.driver.AddContainer(schedulerComponent())
					before := h.snapshot()
					inst := h.install(firstVersion)
					h.await(inst.ID, graft.StatusActive)
					top := ""
					request := h.request(topAddon)
					request.Supersede = true
					h.atStep(step, func() {
						go func() {
							other, err := h.engine.Install(context.Background(), request)
							if err != nil {
								h.t.Error(err)
							} else {
								top = other.ID
							}
						}()
					})
					h.upgrade(inst.ID, version)
					h.over(inst.ID)
					time.Sleep(5 * time.Minute)
					if top != "" {
						h.await(top, graft.StatusActive)
						h.answers(top)
						h.await(inst.ID, graft.StatusActive)
						h.delete(top)
						time.Sleep(time.Minute)
					}
					h.anyway(inst.ID, before)
				})
			})
		}
	}
}

// What is superseded goes to another version, and is what comes back.
func TestReviewUpgradeOfWhatIsSuperseded(t *testing.T) {
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
func TestReviewUpgradeOfWhatSupersedes(t *testing.T) {
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

// Somebody installs an addon with the name of a container that has made room.
func TestReviewSomebodyTakesTheNameMeanwhile(t *testing.T) {
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

// It is never active, and its upgrade not over, before it is; nobody but the one
// who is there has a name or a port; nothing is said to have drifted.
func TestReviewStatusMeanwhile(t *testing.T) {
	t.Parallel()
	for _, version := range []string{secondVersion, thirdVersion, fourthVersion} {
		t.Run(version[25:30], func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				addBadImage(h)
				h.driver.AddContainer(schedulerComponent())
				inst := h.install(firstVersion)
				h.await(inst.ID, graft.StatusActive)
				h.driver.AfterCall(func(op, target string) error {
					if !changes(op) {
						return nil
					}
					now, err := h.store.Installation(context.Background(), inst.ID)
					if err != nil {
						return err
					}
					if now.Status == graft.StatusInstalling && now.Details.Upgrade != nil {
						return nil
					}
					for _, c := range h.snapshot().Containers {
						if c.Labels[driver.InstallationLabel] == inst.ID && strings.Contains(c.Name, ".graft-") {
							t.Errorf("after %s %s it is %s, upgrade %+v, with %s", op, target, now.Status, now.Details.Upgrade, c.Name)
						}
					}
					return nil
				})
				stop := make(chan struct{})
				go func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(20 * time.Millisecond):
						}
						for _, name := range []string{"cluster_web", "web", "scheduler", "cluster_scheduler", "same"} {
							if owners := h.driver.Owners("oakestra", name); len(owners) > 1 {
								t.Errorf("%s is %v", name, owners)
							}
						}
					}
				}()
				h.upgrade(inst.ID, version)
				h.upgraded(inst.ID)
				close(stop)
				if drift := h.told(graft.EventDrift, graft.EventComponent); len(drift) > 0 {
					t.Errorf("drift: %v", drift)
				}
			})
		})
	}
}

// The plan that is shown is the one that is carried out.
func TestReviewPlannedUpgradeIsCarriedOut(t *testing.T) {
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
func TestReviewResourcesOfOneVersion(t *testing.T) {
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
func TestReviewTwoPlugins(t *testing.T) {
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
func TestReviewUpgradeOfWhatIsPartiallyActive(t *testing.T) {
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

// The engine is killed at each step of several upgrades.
func TestReviewKilledMeanwhile(t *testing.T) {
	t.Parallel()
	a, b := `"ports":{"80":"8080"}`, `"ports":{"80":"8081"}`
	for name, x := range map[string]struct {
		from, to   string
		good       bool
		before, by map[string]string
	}{
		"ports": {suite("1.0.0", service("a", "a1", a), service("b", "b1", b)), suite("2.0.0", service("a", "a2", b), service("b", "b2", a)), true,
			nil, map[string]string{"a": "a2", "b": "b2"}},
		"ports, and back": {suite("1.0.0", service("a", "a1", a), service("b", "b1", b)), suite("2.0.0", service("a", "a2", b), service("b", "bad", a)), false,
			map[string]string{"a": "a1", "b": "b1"}, nil},
		"renamed, and back": {suite("1.0.0", service("a", "a1", a)), suite("2.0.0", service("b", "bad", a)), false,
			map[string]string{"a": "a1"}, nil},
		"prefixed, and back": {suite("1.0.0", service("a", "a1", a)), suite("2.0.0", service("cluster_a", "bad", a)), false,
			map[string]string{"a": "a1"}, nil},
		"new, and back": {suite("1.0.0", service("a", "a1")), suite("2.0.0", service("a", "a1"), service("b", "bad", a)), false,
			map[string]string{"a": "a1"}, nil},
		"no plugin": {suite("1.0.0", service("cluster_scheduler", "p1"), service("a", "a1")), suite("2.0.0", service("a", "a2")), true,
			nil, map[string]string{"a": "a2"}},
		"no plugin, and back": {suite("1.0.0", service("cluster_scheduler", "p1"), service("a", "a1")), suite("2.0.0", service("a", "bad")), false,
			map[string]string{"a": "a1", "scheduler": "p1"}, nil},
		"a plugin, and back": {suite("1.0.0", service("a", "a1")), suite("2.0.0", service("cluster_scheduler", "p1"), service("a", "bad", `"depends_on":["cluster_scheduler"]`)), false,
			map[string]string{"a": "a1"}, nil},
		"health": {suite("1.0.0", service("db", "d1", aliveCheck), service("web", "w1", afterDB)), suite("2.0.0", service("db", "d2", aliveCheck), service("web", "w2", afterDB)), true,
			nil, map[string]string{"db": "d2", "web": "w2"}},
		"a job, and back": {suite("1.0.0", service("job", "j1"), service("web", "w1", afterJob)), suite("2.0.0", service("job", "j2"), service("web", "bad", afterJob)), false,
			map[string]string{"job": "j1 exited", "web": "w1"}, nil},
	} {
		for step := 1; step <= 36; step += every {
			t.Run(fmt.Sprint(name, "/", step), func(t *testing.T) {
				t.Parallel()
				run(t, func(h *harness) {
					addBadImage(h)
					addJob(h)
					h.driver.AddContainer(schedulerComponent())
					before := h.snapshot()
					inst := h.install(x.from)
					h.await(inst.ID, graft.StatusActive)
					time.Sleep(10 * time.Second)
					h.atStep(step, func() {
						h.cancel()
						go func() {
							<-h.ended
							h.start()
						}()
					})
					h.upgrade(inst.ID, x.to)
					time.Sleep(5 * time.Minute)
					h.driver.AfterCall(nil)
					if x.good {
						h.is(h.over(inst.ID), "2.0.0", graft.StatusActive, graft.OutcomeDone)
						h.exactly(inst.ID, x.by)
					} else {
						h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
						h.exactly(inst.ID, x.before)
					}
					if drift := h.told(graft.EventDrift, graft.EventComponent); len(drift) > 0 {
						t.Errorf("drift: %v", drift)
					}
					h.delete(inst.ID)
					time.Sleep(time.Minute)
					h.nothingLeft(before)
				})
			})
		}
	}
}
