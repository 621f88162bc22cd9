package engine_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// The wait for a service that goes to the other version looks for its container
// by the name that it does not have yet.
func TestUpgradeOfWhatOthersWaitForToBeHealthy(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		inst := h.install(suite("1.0.0", service("db", "d1", aliveCheck), service("web", "w1", afterDB)))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("db", "d2", aliveCheck), service("web", "w2", afterDB)))
		h.is(h.over(inst.ID), "2.0.0", graft.StatusActive, graft.OutcomeDone)
		h.exactly(inst.ID, map[string]string{"db": "d2", "web": "w2"})
	})
}

func TestUpgradeOfAJobThatOthersWaitFor(t *testing.T) {
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
func TestUpgradeBesideAJobThatIsDone(t *testing.T) {
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
func TestUpgradeWithANewServiceThatDoesNotStayUp(t *testing.T) {
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
func TestUpgradeWithARenamedServiceThatDoesNotStayUp(t *testing.T) {
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
func TestUpgradeWithANewServiceThatIsUnhealthy(t *testing.T) {
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
func TestUpgradeOfAServiceThatIsNotRestarted(t *testing.T) {
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

func TestUpgradeThatIsUnhealthy(t *testing.T) {
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
func TestUpgradeThatSwapsPorts(t *testing.T) {
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
func TestUpgradeThatMovesAPort(t *testing.T) {
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
func TestUpgradeThatPrefixesAName(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		inst := h.install(suite("1.0.0", service("web", "w1")))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("cluster_web", "w2")))
		h.is(h.over(inst.ID), "2.0.0", graft.StatusActive, graft.OutcomeDone)
		h.exactly(inst.ID, map[string]string{"web": "w2"})
	})
}

// Docker answers no question about a container while it starts it again. Whoever
// asked meanwhile has waited for as long as the gate lasts, and the container has
// just begun.
func TestUpgradeGateCountsFromWhenItRuns(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		const life, gate, pause = 80 * time.Millisecond, 90 * time.Millisecond, 100 * time.Millisecond
		h.driver.AddImage(imageOf("bad"), fake.Behaviour{ExitAfter: life, ExitCode: 7})
		inst := h.install(suite("1.0.0", service("web", "w1")))
		h.await(inst.ID, graft.StatusActive)
		started := make(chan struct{}, 1)
		h.driver.AfterCall(func(op, _ string) error {
			if op == "start" {
				started <- struct{}{}
			}
			return nil
		})
		h.upgrade(inst.ID, suite("2.0.0", service("web", "bad", fmt.Sprintf(`"stable_for":%q`, gate))))
		<-started
		h.driver.AfterCall(nil)
		h.stop()
		time.Sleep(life + time.Millisecond)
		again, looks := time.Now().Add(pause), atomic.Int32{}
		h.driver.OnCall(func(op, _ string) error {
			if op != "observe" {
				return nil
			}
			if looks.Add(1) > 1 { // the first one sees that it ended
				time.Sleep(time.Until(again)) // of the bubble
			}
			return nil
		})
		h.start()
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"web": "w1"})
	})
}
