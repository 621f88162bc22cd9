package engine_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/engine"
)

// probedBy starts the engine again with probes that check answers.
func (h *harness) probedBy(check func() error) {
	h.t.Helper()
	h.stop()
	e, err := engine.New(engine.Options{
		Store: h.store, Driver: h.driver, Catalog: h.catalog, Plane: graft.PlaneCluster,
		Project: "cluster_orchestrator", Network: "oakestra",
		IDLabel: driver.AddonIDLabel, ServiceLabel: driver.ServiceNameLabel,
		Probe: func(context.Context, []string, *graft.Probe) error { return check() },
	})
	try(h.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := e.Run(ctx); err != nil {
			h.t.Error(err)
		}
	}()
	h.engine, h.cancel, h.ended = e, cancel, ended
}

// overtaking lets every second look come back late, with what it saw early, and
// somebody else's container make that there are many looks, for some seconds.
func (h *harness) overtaking(seconds int) {
	var looks atomic.Int64
	h.driver.AfterCall(func(op, _ string) error {
		if op == "observe" && looks.Add(1)%2 == 0 {
			time.Sleep(30 * time.Millisecond) // of the bubble
		}
		return nil
	})
	chatter := h.chatter()
	go func() {
		for range 100 * seconds {
			time.Sleep(10 * time.Millisecond) // of the bubble
			chatter()
		}
	}()
}

// chatter adds somebody else's container, and returns what makes two events of it.
func (h *harness) chatter() (talk func()) {
	id := h.driver.AddContainer(driver.Container{Name: "chatter", Image: "x", Endpoints: []driver.Endpoint{{Network: "bridge"}}})
	return func() {
		h.driver.SetHealth(id, "starting")
		h.driver.SetHealth(id, "healthy")
	}
}

// looks returns how often the runtime was looked at since.
func (h *harness) looks() *atomic.Int64 {
	n := new(atomic.Int64)
	h.driver.OnCall(func(op, _ string) error {
		if op == "observe" {
			n.Add(1)
		}
		return nil
	})
	return n
}

// A plugin whose probe never answered does not take the component's place, also
// when looks overtake each other.
func TestLateLookIsNoReasonToSwap(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.probedBy(func() error { return errors.New("connection refused") })
		h.overtaking(6)
		h.driver.AddContainer(schedulerComponent())
		id := h.install(`{"name":"p","services":[{"service_name":"cluster_scheduler","image":"p","probe":{"tcp":{"port":1},"start_period":"5m"}}]}`).ID
		h.pass(30 * time.Second)
		h.answers("")
		if told := h.told(graft.EventSwapped); len(told) > 0 {
			t.Errorf("told: %q", told)
		}
		if inst := h.status(id); inst.Status != graft.StatusInstalling {
			t.Errorf("status %s, details %+v", inst.Status, inst.Details)
		}
	})
}

// Nor is it then said that a service with a probe has no health check.
func TestLateLookKeepsTheHealth(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		begin := time.Now()
		h.probedBy(func() error {
			if time.Since(begin) < 20*time.Second {
				return errors.New("connection refused")
			}
			return nil
		})
		h.overtaking(30)
		id := h.install(`{"name":"e","services":[{"service_name":"db","image":"d","probe":{"tcp":{"port":1},"start_period":"1m"}},
			{"service_name":"web","image":"w","depends_on":{"db":{"condition":"service_healthy"}}}]}`).ID
		h.pass(10 * time.Second)
		if inst := h.status(id); inst.Status != graft.StatusInstalling {
			t.Errorf("before the probe answers: status %s, details %+v", inst.Status, inst.Details)
		}
		h.pass(50 * time.Second)
		if inst := h.status(id); inst.Status != graft.StatusActive {
			t.Errorf("status %s, details %+v", inst.Status, inst.Details)
		}
	})
}

// A runtime whose clock is ahead, or behind, is not asked more often, while
// Docker Compose seems to be making a component anew, and its container steps
// aside all the same.
func TestClocksThatDiffer(t *testing.T) {
	t.Parallel()
	for what, off := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				old := h.driver.AddContainer(composed())
				id := h.install(plainPlugin).ID
				h.await(id, graft.StatusActive)
				anew := composed()
				anew.Name, anew.State, anew.Ports = "0123456789ab_cluster_scheduler", driver.StateCreated, nil
				anew.CreatedAt = time.Now().Add(off)
				looks := h.looks()
				made := h.driver.AddContainer(anew)
				h.pass(2 * time.Second)
				if now := h.container(anew.Name); now == nil || now.ID != made {
					t.Errorf("it was touched before it was finished: %+v", now)
				}
				try(t, h.driver.Remove(context.Background(), old))
				h.pass(time.Hour - time.Minute)
				if n := looks.Load(); n > 300 {
					t.Errorf("%d looks within an hour", n)
				}
				if now := h.container(anew.Name); now != nil {
					t.Errorf("it did not step aside: %+v", now)
				}
				h.answers(id)
			})
		})
	}
}

// What somebody did to a container is told once, however often its repair fails
// and whatever else is repaired.
func TestDriftIsToldOnce(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		id := h.install(`{"name":"e","services":[{"service_name":"web","image":"w"},{"service_name":"side","image":"s"}]}`).ID
		h.await(id, graft.StatusActive)
		h.driver.OnCall(func(op, target string) error {
			if op == "create" && strings.Contains(target, "side") {
				return graft.Errorf(graft.CodeInvalid, "no space left")
			}
			return nil
		})
		try(t, h.driver.Remove(context.Background(), h.container("cluster_side").ID))
		h.pass(time.Hour)
		try(t, h.driver.Stop(context.Background(), h.container("cluster_web").ID))
		h.pass(time.Minute)
		if told := h.told(graft.EventDrift); len(told) != 1 || !strings.HasPrefix(told[0], "service side: its container is gone") {
			t.Errorf("told: %q", told)
		}
	})
}

// Nothing is told of an addon after its removal, whatever was under way.
func TestRemovalIsToldLast(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		id := h.install(`{"name":"e","services":[{"service_name":"web","image":"w"},{"service_name":"side","image":"s"}]}`).ID
		h.await(id, graft.StatusActive)
		h.driver.RemoveImage(imageOf("s"))
		h.driver.OnCall(func(op, _ string) error {
			if op == "pull" {
				time.Sleep(15 * time.Second) // of the bubble: it heeds no interruption
			}
			return nil
		})
		try(t, h.driver.Remove(context.Background(), h.container("cluster_side").ID))
		h.pass(time.Second)
		h.delete(id)
		h.pass(time.Minute)
		events := h.events(id)
		if last := events[len(events)-1]; last.Type != graft.EventRemoved {
			t.Errorf("the last is %s: %s", last.Type, last.Message)
		}
	})
}

// Those who follow logs look at their own pace, not at every event of others.
func TestFollowersLookSeldom(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		id := h.install(`{"name":"e","services":[{"service_name":"web","image":"w"}]}`).ID
		h.await(id, graft.StatusActive)
		talk := h.chatter()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		const followers, pairs = 10, 50
		for range followers {
			go func() { _ = h.engine.Logs(ctx, id, "", driver.LogOptions{Follow: true}, io.Discard) }()
		}
		h.pass(time.Second)
		looks := h.looks()
		for range pairs {
			talk()
			h.pass(20 * time.Millisecond)
		}
		if n := looks.Load(); n > 2*pairs+10*followers {
			t.Errorf("%d looks of the engine and %d followers at %d events within a second", n, followers, 2*pairs)
		}
	})
}
