package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

const twoServices = `{"name":"two","services":[{"service_name":"web","image":"w"},{"service_name":"side","image":"s"}]}`

// A service that crashes for ever rests and is tried again; the others are left
// alone.
func TestExtensionThatCrashesForEver(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		id := h.install(twoServices).ID
		h.await(id, graft.StatusActive)
		web, side := h.container("cluster_web"), h.container("cluster_side")
		h.driver.AddImage(imageOf("s"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 9, Output: "broken\n"})
		h.driver.Exit(side.ID, 9)
		inst := h.await(id, graft.StatusPartiallyActive)
		if !slices.Equal(inst.Details.FailedServices, []string{"side"}) || !strings.Contains(inst.Details.Reason, "exited with code 9") {
			t.Errorf("details: %+v", inst.Details)
		}
		inst = h.awaitThat(id, "resting", func(i *graft.Installation) bool { return i.Details.RetryAt != nil })
		if inst.Status != graft.StatusPartiallyActive || !strings.Contains(inst.Logs, "side | broken") {
			t.Errorf("status %s, details %+v, logs %q", inst.Status, inst.Details, inst.Logs)
		}
		time.Sleep(time.Until(*inst.Details.RetryAt) - time.Second) // of the bubble
		synctest.Wait()
		if c := h.container("cluster_side"); c.State != driver.StateExited {
			t.Errorf("it does not rest but is %s", c.State)
		}
		h.driver.AddImage(imageOf("s"), fake.Behaviour{})
		h.await(id, graft.StatusActive)
		if c := h.container("cluster_side"); c.ID != side.ID || !c.Running() {
			t.Errorf("it is another container, or does not run: %+v", c)
		}
		if c := h.container("cluster_web"); c.ID != web.ID || !c.StartedAt.Equal(web.StartedAt) {
			t.Errorf("the other service was touched: %+v, before %+v", c, web)
		}
	})
}

func TestUnhealthyIsStartedAnew(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddImage(imageOf("s"), fake.Behaviour{HealthAfter: time.Second})
		id := h.install(twoServices).ID
		h.await(id, graft.StatusActive)
		side := h.container("cluster_side")
		h.driver.ResetCalls()
		h.driver.SetHealth(side.ID, "unhealthy")
		h.pass(time.Minute) // it is over so soon that who looks may see nothing of it
		told := h.told(graft.EventStatus)
		if !slices.ContainsFunc(told, func(m string) bool {
			return strings.Contains(m, `active → partially_active: service "side" is unhealthy`)
		}) {
			t.Errorf("users were told %q", told)
		}
		h.await(id, graft.StatusActive)
		if calls := h.driver.Calls(); !slices.Equal(calls, []string{"stop cluster_side", "start cluster_side"}) {
			t.Errorf("calls: %v", calls)
		}
		if c := h.container("cluster_side"); c.ID != side.ID {
			t.Error("it is another container")
		}
	})
}

// An unhealthy plugin is started anew too, in its place.
func TestUnhealthyPluginIsStartedAnew(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		h.driver.AddImage(imageOf("p"), fake.Behaviour{HealthAfter: time.Second})
		id := h.install(pluginAddon).ID
		h.await(id, graft.StatusActive)
		before := h.container("cluster_scheduler")
		h.driver.SetHealth(before.ID, "unhealthy")
		h.pass(time.Minute)
		if told := h.told(graft.EventUnhealthy); len(told) != 1 {
			t.Errorf("users were told %q", told)
		}
		if now := h.container("cluster_scheduler"); now.ID != before.ID || !now.StartedAt.After(before.StartedAt) {
			t.Errorf("it was %+v and is %+v", before, now)
		}
		h.await(id, graft.StatusActive)
		h.answers(id)
	})
}

func TestRenamedContainerGetsItsNameBack(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		id := h.install(pluginAddon).ID
		h.await(id, graft.StatusActive)
		for _, name := range []string{"cluster_side", "cluster_scheduler"} {
			c := h.container(name)
			if err := h.driver.Rename(context.Background(), c.ID, "mine"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute) // of the bubble
			synctest.Wait()
			if now := h.container(name); now == nil || now.ID != c.ID || !now.StartedAt.Equal(c.StartedAt) {
				t.Errorf("%s: %+v", name, now)
			}
		}
		h.await(id, graft.StatusActive)
		h.answers(id)
	})
}

// An installation that failed is tried again when its cause is gone, by itself.
func TestFailedIsNotTheEnd(t *testing.T) {
	t.Parallel()
	t.Run("the image appears", func(t *testing.T) {
		t.Parallel()
		run(t, func(h *harness) {
			var there atomic.Bool
			h.driver.OnCall(func(op, _ string) error {
				if op == "pull" && !there.Load() {
					return graft.Errorf(graft.CodeNotFound, "no such image")
				}
				return nil
			})
			before := h.snapshot()
			id := h.install(helloAddon).ID
			inst := h.awaitThat(id, "restored", restoredNow)
			if inst.Status != graft.StatusFailed || inst.Details.RetryAt == nil || !strings.Contains(inst.Details.Reason, "no such image") {
				t.Errorf("status %s, details %+v", inst.Status, inst.Details)
			}
			time.Sleep(time.Hour) // of the bubble
			h.nothingLeft(before)
			pulls := 0
			for _, call := range h.driver.Calls() {
				if strings.HasPrefix(call, "pull ") {
					pulls++
				}
			}
			if pulls < 10 || pulls > 40 {
				t.Errorf("tried %d times in an hour", pulls)
			}
			there.Store(true)
			h.await(id, graft.StatusActive)
		})
	})
	t.Run("the port is freed", func(t *testing.T) {
		t.Parallel()
		run(t, func(h *harness) {
			other := h.driver.AddContainer(driver.Container{
				Name: "other", Ports: []driver.Port{{HostPort: 8080, ContainerPort: 1, Protocol: "tcp"}},
				Endpoints: []driver.Endpoint{{Network: "bridge"}},
			})
			id := h.install(helloAddon).ID
			if inst := h.await(id, graft.StatusFailed); inst.Details.Outcome != graft.OutcomeRefused || !strings.Contains(inst.Details.Reason, `"other"`) {
				t.Errorf("details: %+v", inst.Details)
			}
			if err := h.driver.Remove(context.Background(), other); err != nil {
				t.Fatal(err)
			}
			h.await(id, graft.StatusActive)
		})
	})
	t.Run("the container with the name is gone", func(t *testing.T) {
		t.Parallel()
		run(t, func(h *harness) {
			other := h.driver.AddContainer(driver.Container{Name: "cluster_web"})
			id := h.install(helloAddon).ID
			h.await(id, graft.StatusFailed)
			if err := h.driver.Remove(context.Background(), other); err != nil {
				t.Fatal(err)
			}
			h.await(id, graft.StatusActive)
		})
	})
}

// A slow pull holds up nobody else, and ends when nobody wants it any more.
func TestSlowPull(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		before := h.snapshot()
		pulling, release := make(chan struct{}), make(chan struct{})
		h.driver.OnCall(func(op, target string) error {
			if op == "pull" && target == imageOf("h") {
				close(pulling)
				<-release
				return errors.New("interrupted")
			}
			return nil
		})
		slow := h.install(helloAddon).ID
		<-pulling
		quick := h.install(twoServices).ID
		h.await(quick, graft.StatusActive)
		if inst, err := h.engine.Installation(context.Background(), slow); err != nil || inst.Status != graft.StatusInstalling {
			t.Errorf("while it pulls: %+v, %v", inst, err)
		}
		h.disable(slow)
		h.delete(quick)
		close(release)
		h.await(slow, graft.StatusDisabled)
		h.delete(slow)
		h.nothingLeft(before)
	})
}

func TestTwoAddonsOfOneImage(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		before := h.snapshot()
		one := h.install(`{"name":"one","services":[{"service_name":"a","image":"x"}]}`).ID
		two := h.install(`{"name":"two","services":[{"service_name":"b","image":"x"},{"service_name":"c","image":"x"}]}`).ID
		h.await(one, graft.StatusActive)
		h.await(two, graft.StatusActive)
		h.delete(one)
		h.await(two, graft.StatusActive)
		h.delete(two)
		h.nothingLeft(before)
	})
}
