package engine_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// unanswered lets time pass, and returns in how many of its seconds nobody
// answered to the component's name.
func (h *harness) unanswered(d time.Duration) (seconds int) {
	for range int(d / time.Second) {
		h.pass(time.Second)
		if len(h.driver.Owners("oakestra", "cluster_scheduler")) == 0 {
			seconds++
		}
	}
	return seconds
}

// undisturbed fails unless containers are the ones that they were, and were not
// started again.
func (h *harness) undisturbed(were ...*driver.Container) {
	h.t.Helper()
	for _, was := range were {
		if now := h.container(was.Name); now == nil || now.ID != was.ID || !now.StartedAt.Equal(was.StartedAt) {
			h.t.Errorf("%s was disturbed: %+v", was.Name, now)
		}
	}
}

func errHiccup() error { return graft.Errorf(graft.CodeInvalid, "a hiccup") }

// The repair of a plugin waits for nothing that is done for another service.
func TestPluginWaitsForNoOtherService(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, others string
		trouble      func(h *harness) // ends with the plugin down
	}{
		{"that takes its time to stop", `{"service_name":"web","image":"w","stop_grace_period":"10m"}`, func(h *harness) {
			h.driver.OnCall(func(op, target string) error {
				if op == "stop" && strings.Contains(target, "web") {
					time.Sleep(10 * time.Minute) // of the bubble
				}
				return nil
			})
			h.driver.SetHealth(h.container("cluster_web").ID, "unhealthy")
			h.pass(time.Second)
			try(h.t, h.driver.Stop(context.Background(), h.container("cluster_scheduler").ID))
		}},
		{"that waits for a third one", `{"service_name":"db","image":"d"},
			{"service_name":"web","image":"w","depends_on":{"db":{"condition":"service_healthy"}}}`, func(h *harness) {
			h.driver.AddImage(imageOf("d"), fake.Behaviour{HealthAfter: 9 * time.Minute})
			h.stop()
			for _, name := range []string{"cluster_db", "cluster_web"} {
				try(h.t, h.driver.Stop(context.Background(), h.container(name).ID))
			}
			h.start()
			h.pass(5 * time.Second)
			try(h.t, h.driver.Stop(context.Background(), h.container("cluster_scheduler").ID))
		}},
		{"whose volume can't be made", `{"service_name":"side","image":"s","volumes":["data:/d"]}`, func(h *harness) {
			h.driver.OnCall(func(op, _ string) error {
				if op == "create-volume" {
					return graft.Errorf(graft.CodeInvalid, "the volume driver is broken")
				}
				return nil
			})
			plugin, side := h.container("cluster_scheduler").ID, h.container("cluster_side").ID
			h.stop()
			try(h.t, h.driver.Remove(context.Background(), plugin))
			try(h.t, h.driver.Remove(context.Background(), side))
			try(h.t, h.driver.RemoveVolume(context.Background(), "cluster_p_data"))
			h.start()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(schedulerComponent())
				for _, image := range []string{"w", "d"} {
					h.driver.AddImage(imageOf(image), fake.Behaviour{HealthAfter: time.Second})
				}
				id := h.install(`{"name":"p","services":[{"service_name":"cluster_scheduler","image":"p"},` + c.others + `]}`).ID
				h.await(id, graft.StatusActive)
				c.trouble(h)
				if seconds := h.unanswered(5 * time.Minute); seconds > 10 {
					t.Errorf("nobody answered for %d seconds", seconds)
				}
				h.answers(id)
			})
		})
	}
}

// What fails often for one service is no reason to take another one's plugin
// out, whatever that plugin does just then.
func TestFailuresOfOneServiceAreItsOwn(t *testing.T) {
	t.Parallel()
	for what, happens := range map[string]func(h *harness){
		"the plugin is paused for some minutes": func(h *harness) {
			h.pass(10 * time.Minute)
			h.answered()
			plugin := h.container("cluster_scheduler").ID
			h.driver.SetPaused(plugin, true)
			h.pass(6 * time.Minute)
			h.driver.SetPaused(plugin, false)
		},
		"the plugin crashes once while the other's image is pulled": func(h *harness) {
			var pulls atomic.Int64
			h.driver.OnCall(func(op, target string) error {
				if op != "pull" || target != imageOf("s") {
					return nil
				}
				if pulls.Add(1) == 5 { // the runtime starts it again in a moment
					h.driver.Exit(h.container("cluster_scheduler").ID, 1)
				}
				return errNoImage()
			})
			h.pass(time.Hour)
			if n := pulls.Load(); n < 5 {
				h.t.Errorf("there were %d pulls", n)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(schedulerComponent())
				id := h.install(pluginAndWeb).ID
				h.await(id, graft.StatusActive)
				h.noSuch("s", errNoImage())
				try(t, h.driver.Remove(context.Background(), h.container("cluster_side").ID))
				happens(h)
				h.pass(time.Minute)
				h.answers(id)
				if told := h.told(graft.EventRestored); len(told) > 0 {
					t.Errorf("the plugin made room: %q", told)
				}
				if inst := h.status(id); inst.Status != graft.StatusPartiallyActive || len(inst.Details.Withdrawn) > 0 {
					t.Errorf("status %s, details %+v", inst.Status, inst.Details)
				}
			})
		})
	}
}

// A failure that is over is no part of why something else fails later.
func TestPastFailureIsNoReason(t *testing.T) {
	t.Parallel()
	for what, mend := range map[string]func(h *harness){
		"mended by the engine": func(*harness) {},
		"mended by somebody":   func(h *harness) { try(h.t, h.driver.Start(context.Background(), h.container("cluster_web").ID)) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				id := h.install(`{"name":"e","services":[{"service_name":"web","image":"w"},{"service_name":"job","image":"j","restart":"no"}]}`).ID
				h.await(id, graft.StatusActive)
				h.driver.FailNext("start", errHiccup())
				try(t, h.driver.Stop(context.Background(), h.container("cluster_web").ID))
				h.awaitThat(id, "told of the hiccup", func(i *graft.Installation) bool { return strings.Contains(i.Details.Reason, "hiccup") })
				mend(h)
				h.await(id, graft.StatusActive)
				h.pass(time.Hour)
				h.driver.Exit(h.container("cluster_job").ID, 1)
				h.pass(time.Minute)
				inst := h.status(id)
				if inst.Status != graft.StatusPartiallyActive || inst.Details.Reason != `service "job" exited with code 1` || inst.Details.RetryAt != nil {
					t.Errorf("status %s, details %+v", inst.Status, inst.Details)
				}
			})
		})
	}
}

// Failures with successes in between are not added up: each is the first one.
func TestSuccessEndsAPause(t *testing.T) {
	t.Parallel()
	hiccup := func(h *harness) {
		h.t.Helper()
		h.driver.FailNext("start", errHiccup())
		try(h.t, h.driver.Stop(context.Background(), h.container("cluster_scheduler").ID))
		if seconds := h.unanswered(20 * time.Minute); seconds > 20 {
			h.t.Errorf("after a hiccup nobody answered for %d seconds", seconds)
		}
	}
	for what, before := range map[string]func(h *harness, id string){
		"many hiccups": func(h *harness, _ string) {
			for range 6 {
				hiccup(h)
			}
		},
		"a plugin that was broken for an hour": func(h *harness, id string) {
			h.driver.AddImage(imageOf("p"), fake.Behaviour{StartError: graft.Errorf(graft.CodeInvalid, "broken")})
			try(h.t, h.driver.Stop(context.Background(), h.container("cluster_scheduler").ID))
			h.pass(time.Hour)
			h.driver.AddImage(imageOf("p"), fake.Behaviour{})
			h.await(id, graft.StatusActive)
			h.pass(time.Hour)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(schedulerComponent())
				id := h.install(pluginAndWeb).ID
				h.await(id, graft.StatusActive)
				before(h, id)
				restored := h.told(graft.EventRestored)
				hiccup(h)
				h.await(id, graft.StatusActive)
				h.answers(id)
				if told := h.told(graft.EventRestored); len(told) > len(restored) {
					t.Errorf("after one hiccup the plugin made room: %q", told)
				}
			})
		})
	}
}

// When a plugin makes room, its component is back at once: the pause after the
// plugin's failures is not the component's.
func TestComponentComesBackWithoutAPause(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		id := h.install(pluginAndWeb).ID
		h.await(id, graft.StatusActive)
		h.driver.AddImage(imageOf("p"), fake.Behaviour{StartError: graft.Errorf(graft.CodeInvalid, "broken")})
		try(t, h.driver.Stop(context.Background(), h.container("cluster_scheduler").ID))
		h.awaitThat(id, "withdrawn", func(i *graft.Installation) bool { return len(i.Details.Withdrawn) > 0 })
		h.pass(time.Second)
		h.answers("")
	})
}
