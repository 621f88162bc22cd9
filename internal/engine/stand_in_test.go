package engine_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// comesBack is whether a call puts the scheduler's component into its place.
func comesBack(op, target string) bool {
	return op == "reconnect" || op == "start" && target == "cluster_scheduler"
}

func errPortInUse() error {
	return graft.Errorf(graft.CodeConflict, "a process of the host has the port")
}

// A component that can't come back is tried again from time to time, whether the
// plugin can stand in meanwhile or not.
func TestStandInIsNoHotLoop(t *testing.T) {
	t.Parallel()
	disabled := func(h *harness, id string) { h.disable(id) }
	for _, c := range []struct {
		name   string
		policy string
		fails  func(op, target string) bool
		leaves func(h *harness, id string)
	}{
		{"the plugin stands in", "always", comesBack, disabled},
		{"the plugin can't be started either", "always", func(op, target string) bool {
			return comesBack(op, target) || op == "connect" || op == "start" && strings.HasPrefix(target, "cluster_scheduler")
		}, disabled},
		{"the plugin can't be connected either", "always", func(op, target string) bool {
			return comesBack(op, target) || op == "connect" && strings.HasSuffix(target, " oakestra")
		}, disabled},
		{"the plugin ends at once", "no", comesBack, func(h *harness, _ string) {
			h.driver.AddImage(imageOf("p"), fake.Behaviour{ExitAfter: 50 * time.Millisecond, ExitCode: 1})
			h.driver.Exit(h.container("cluster_scheduler").ID, 1)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(schedulerComponent())
				id := h.install(`{"name":"p","services":[{"service_name":"cluster_scheduler","image":"p","restart":"` + c.policy + `"}]}`).ID
				h.await(id, graft.StatusActive)
				var looks, failures atomic.Int64
				h.driver.OnCall(func(op, target string) error {
					if op == "observe" {
						looks.Add(1)
						time.Sleep(20 * time.Millisecond) // of the bubble, which would stand still else
					}
					if c.fails(op, target) {
						failures.Add(1)
						return errPortInUse()
					}
					return nil
				})
				c.leaves(h, id)
				h.pass(2 * time.Minute)
				if failures.Load() < 2 || looks.Load() > 200 {
					t.Errorf("%d calls failed, %d looks within two minutes", failures.Load(), looks.Load())
				}
				h.driver.OnCall(nil)
				h.pass(10 * time.Minute)
				h.answers("")
			})
		})
	}
}

// Also a plugin that made room stands in for the component that can't come back,
// whether there is anything else of its addon or not, and that is an alarm.
func TestPluginThatMadeRoomStandsIn(t *testing.T) {
	t.Parallel()
	for what, others := range map[string]string{"alone": ``, "with another service": `,{"service_name":"web","image":"w"}`} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(schedulerComponent())
				id := h.install(`{"name":"p","services":[{"service_name":"cluster_scheduler","image":"p","restart":"no"}` + others + `]}`).ID
				h.await(id, graft.StatusActive)
				h.driver.OnCall(func(op, target string) error {
					if comesBack(op, target) {
						return errPortInUse()
					}
					return nil
				})
				h.driver.Exit(h.container("cluster_scheduler").ID, 1)
				if seconds := h.unanswered(10 * time.Minute); seconds > 10 {
					t.Errorf("nobody answered for %d seconds", seconds)
				}
				if inst := h.status(id); inst.Details.Outcome != graft.OutcomeNotRestored {
					t.Errorf("status %s, details %+v", inst.Status, inst.Details)
				}
				h.driver.OnCall(nil)
				h.awaitThat(id, "restored", restoredNow)
				h.answers("")
			})
		})
	}
}

// A plugin that stands in has the component to itself: an addon that is to take
// the place does not begin before it is done.
func TestStandInHoldsTheComponent(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		cold := schedulerComponent()
		cold.Ports = nil
		cold.Mounts = []driver.Mount{{Source: "/var/run/docker.sock", Target: "/var/run/docker.sock", Bind: true}}
		h.driver.AddContainer(cold)
		first := h.install(plainPlugin).ID
		h.await(first, graft.StatusActive)
		var mu sync.Mutex
		var most []string
		var armed atomic.Bool
		pulled := make(chan struct{})
		h.driver.OnCall(func(op, target string) error {
			now := h.driver.Owners("oakestra", "cluster_scheduler")
			mu.Lock()
			if len(now) > len(most) {
				most = now
			}
			mu.Unlock()
			switch {
			case op == "pull" && target == imageOf("q"):
				<-pulled
			case comesBack(op, target):
				if armed.CompareAndSwap(true, false) {
					close(pulled) // just before the plugin is to stand in
					time.Sleep(time.Second)
				}
				return errPortInUse()
			}
			return nil
		})
		h.disable(first)
		h.pass(time.Minute)
		h.answered()
		armed.Store(true)
		second := h.supersede(otherPlugin)
		h.unanswered(10 * time.Minute)
		if inst := h.status(second); inst.Status != graft.StatusActive {
			t.Errorf("the other one is %s, %+v", inst.Status, inst.Details)
		}
		h.answered()
		mu.Lock()
		defer mu.Unlock()
		if len(most) > 1 {
			t.Errorf("two answered at a time: %v", most)
		}
	})
}

// That a component can't come back is told once, whatever else happens to the
// addon meanwhile.
func TestNotRestoredIsToldOnce(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(managerComponent())
		id := h.install(`{"name":"p","services":[{"service_name":"cluster_manager","image":"m","ports":{"10100":"11100"}},
			{"service_name":"web","image":"w"}]}`).ID
		h.await(id, graft.StatusActive)
		h.occupy(10100)
		h.driver.AddImage(imageOf("m"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 1})
		h.driver.Exit(h.container("cluster_manager").ID, 1)
		h.awaitThat(id, "not restored", func(i *graft.Installation) bool { return i.Details.Outcome == graft.OutcomeNotRestored })
		for range 5 {
			try(t, h.driver.Stop(context.Background(), h.container("cluster_web").ID))
			h.pass(time.Minute)
		}
		if inst := h.status(id); inst.Details.Outcome != graft.OutcomeNotRestored {
			t.Errorf("status %s, details %+v", inst.Status, inst.Details)
		}
		if n := h.outcomes(id, graft.OutcomeNotRestored); n != 1 {
			t.Errorf("told %d times", n)
		}
	})
}

// outcomes returns how often the status of an addon was told with an outcome.
func (h *harness) outcomes(id string, outcome graft.Outcome) (n int) {
	for _, e := range h.events(id) {
		if e.Type == graft.EventStatus && e.Outcome == outcome {
			n++
		}
	}
	return n
}
