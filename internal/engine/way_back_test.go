package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// pass lets the bubble's time pass.
func (h *harness) pass(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

// answered fails unless exactly one container answers to the component's name.
func (h *harness) answered() {
	h.t.Helper()
	if got := h.driver.Owners("oakestra", "cluster_scheduler"); len(got) != 1 {
		h.t.Errorf("cluster_scheduler is %v", got)
	}
}

// status returns an installation as it is stored.
func (h *harness) status(id string) *graft.Installation {
	h.t.Helper()
	inst, err := h.store.Installation(context.Background(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return inst
}

// What keeps a component from coming back is seen while its plugin is still in
// its place, and there the plugin stays; when it is gone, the component comes back.
func TestPluginStaysWhileTheComponentCanNotComeBack(t *testing.T) {
	t.Parallel()
	addressed := schedulerComponent()
	addressed.Endpoints[0].IPv4Address = "10.9.9.9"
	for _, c := range []struct {
		name      string
		component driver.Container
		block     func(h *harness) (unblock func())
		reason    string
	}{
		{
			"its address is taken", addressed, func(h *harness) func() {
				id := h.driver.AddContainer(driver.Container{
					Name: "other", Image: "x", Endpoints: []driver.Endpoint{{Network: "oakestra", IPv4Address: "10.9.9.9"}},
				})
				return func() { try(h.t, h.driver.Remove(context.Background(), id)) }
			}, `its address on network "oakestra" is taken by container "other"`,
		},
		{
			"it can't be started", schedulerComponent(), func(h *harness) func() {
				h.driver.AddImage("core", fake.Behaviour{StartError: graft.Errorf(graft.CodeInvalid, "bind source path does not exist")})
				return func() { h.driver.AddImage("core", fake.Behaviour{}) }
			}, "bind source path does not exist",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(c.component)
				id := h.install(plainPlugin).ID
				h.await(id, graft.StatusActive)
				unblock := c.block(h)
				h.disable(id)
				inst := h.awaitThat(id, "not restored", func(i *graft.Installation) bool {
					return i.Details != nil && i.Details.Outcome == graft.OutcomeNotRestored
				})
				if !strings.Contains(inst.Details.Reason, c.reason) {
					t.Errorf("reason %q", inst.Details.Reason)
				}
				if s := inst.Details.Services; len(s) != 1 || s[0].State != graft.ServiceRunning || s[0].Replaces != "cluster_scheduler" {
					t.Errorf("the plugin that stays is told as %+v", s)
				}
				for range 60 {
					h.pass(time.Minute)
					h.answers(id)
				}
				told := slices.DeleteFunc(h.events(id), func(e graft.Event) bool {
					return e.Type != graft.EventStatus || e.Outcome != graft.OutcomeNotRestored
				})
				if len(told) != 1 || !strings.Contains(told[0].Message, c.reason) {
					t.Errorf("told: %+v", told)
				}
				unblock()
				h.await(id, graft.StatusDisabled)
				h.answers("")
			})
		})
	}
}

// A component that can't take its place, for a reason that nobody could see
// before, does not leave it empty: the plugin answers until that is over.
func TestPluginStandsInWhileTheComponentIsTriedAgain(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		id := h.install(plainPlugin).ID
		h.await(id, graft.StatusActive)
		h.driver.OnCall(func(op, target string) error {
			if op == "reconnect" || op == "start" && target == "cluster_scheduler" {
				return graft.Errorf(graft.CodeConflict, "a process of the host has the port")
			}
			return nil
		})
		h.disable(id)
		for range 60 {
			h.pass(time.Minute)
			if got := h.driver.Owners("oakestra", "cluster_scheduler"); len(got) != 1 {
				t.Errorf("cluster_scheduler is %v", got)
			}
			if got := h.driver.Publishers(10105); len(got) != 1 {
				t.Errorf("its port is published by %v", got)
			}
		}
		if inst := h.status(id); inst.Details.Outcome != graft.OutcomeNotRestored || !strings.Contains(inst.Details.Reason, "a process of the host") {
			t.Errorf("details: %+v", inst.Details)
		}
		h.driver.OnCall(nil)
		h.await(id, graft.StatusDisabled)
		h.answers("")
	})
}

// A component that ends after it has proved itself, and before anything is to
// start it again, is started.
func TestComponentThatEndsOnItsWayBack(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		component := h.driver.AddContainer(schedulerComponent())
		id := h.install(plainPlugin).ID
		h.await(id, graft.StatusActive)
		ended := false
		h.driver.OnCall(func(op, _ string) error {
			if op == "reconnect" && !ended {
				ended = true
				h.driver.Exit(component, 1)
			}
			return nil
		})
		h.disable(id)
		h.await(id, graft.StatusDisabled)
		h.answers("")
		if !ended {
			t.Error("it did not end")
		}
	})
}

// A component that was stopped on its networks finds them again by name, if
// somebody made them anew.
func TestNetworkIsMadeAnewWhileTheComponentIsAside(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		ctx := context.Background()
		cold := schedulerComponent()
		cold.Mounts = []driver.Mount{{Source: "/var/run/docker.sock", Target: "/var/run/docker.sock", Bind: true}}
		h.driver.AddContainer(cold)
		id := h.install(plainPlugin).ID
		h.await(id, graft.StatusActive)
		h.stop()
		try(t, h.driver.Remove(ctx, h.container("cluster_scheduler").ID))
		try(t, h.driver.RemoveNetwork(ctx, "oakestra"))
		try(t, h.driver.CreateNetwork(ctx, driver.NetworkSpec{Name: "oakestra", Driver: "bridge"}))
		h.start()
		h.await(id, graft.StatusActive)
		h.disable(id)
		h.await(id, graft.StatusDisabled)
		h.answers("")
	})
}

// That a component is back is told, also when there was no time to measure.
func TestComponentIsToldToBeBack(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		id := h.install(plainPlugin).ID
		h.await(id, graft.StatusActive)
		h.driver.AddImage(imageOf("p"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 3})
		h.driver.Exit(h.container("cluster_scheduler").ID, 3)
		h.awaitThat(id, "restored", restoredNow)
		h.answers("")
		if told := h.told(graft.EventRestored); len(told) != 1 || told[0] != "component cluster_scheduler is back" {
			t.Errorf("told: %q", told)
		}
		told := slices.DeleteFunc(h.events(id), func(e graft.Event) bool { return e.Outcome != graft.OutcomeRestored })
		if len(told) != 1 || told[0].Type != graft.EventStatus {
			t.Errorf("told of the outcome: %+v", told)
		}
	})
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
