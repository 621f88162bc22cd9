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

// composed is the component as Docker Compose makes it.
func composed() driver.Container {
	c := schedulerComponent()
	c.Labels = map[string]string{
		driver.ComposeProjectLabel: "cluster_orchestrator", driver.ComposeServiceLabel: "cluster_scheduler",
	}
	return c
}

// "docker compose up" of a changed file, while a plugin is in place: it makes the
// component anew under a name of its own and removes the old container. The new
// one steps aside, whether its port kept it from starting or not, and it is the
// one that comes back.
func TestComposeMakesTheComponentAnew(t *testing.T) {
	t.Parallel()
	answers := func(h *harness, installation string) {
		h.t.Helper()
		for _, name := range []string{"cluster_scheduler", "scheduler"} {
			if got := h.driver.Owners("oakestra", name); !slices.Equal(got, []string{"cluster_scheduler"}) {
				h.t.Errorf("%s is %v", name, got)
			}
		}
		if c := h.container("cluster_scheduler"); c == nil || !c.Running() || c.Labels[driver.InstallationLabel] != installation {
			h.t.Errorf("in the component's place: %+v, want that of %q", c, installation)
		}
	}
	for name, ports := range map[string][]driver.Port{"with a host port": composed().Ports, "inside the network": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				ctx := context.Background()
				was := composed()
				was.Ports = ports
				old := h.driver.AddContainer(was)
				id := h.install(plainPlugin).ID
				h.await(id, graft.StatusActive)
				plugin := h.container("cluster_scheduler")

				anew := was
				anew.Name, anew.Image, anew.State = "0123456789ab_cluster_scheduler", "core:2", driver.StateCreated
				made := h.driver.AddContainer(anew)
				if err := h.driver.Remove(ctx, old); err != nil {
					t.Fatal(err)
				}
				_ = h.driver.Start(ctx, made) // with a port it fails
				time.Sleep(time.Minute)       // of the bubble
				synctest.Wait()
				answers(h, id)
				if now := h.container("cluster_scheduler"); now.ID != plugin.ID || !now.StartedAt.Equal(plugin.StartedAt) {
					t.Errorf("the plugin was disturbed: %+v", now)
				}
				if told := h.told(graft.EventComponent); len(told) == 0 || !strings.Contains(strings.Join(told, "\n"), "made it anew as 0123456789ab_cluster_scheduler") {
					t.Errorf("told: %q", told)
				}
				h.delete(id)
				answers(h, "")
				if back := h.container("cluster_scheduler"); back.ID != made || back.Image != "core:2" || back.RestartPolicy != was.RestartPolicy {
					t.Errorf("another container is back: %+v", back)
				}
				if all := h.snapshot().Containers; len(all) != 1 {
					t.Errorf("%d containers are left", len(all))
				}
			})
		})
	}
}

// Docker Compose connects a container to its second network after it has created
// it: what is written down of it is the whole.
func TestComposeMakesAComponentOnTwoNetworksAnew(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		ctx := context.Background()
		was := composed()
		was.Endpoints = append(was.Endpoints, driver.Endpoint{Network: "second", Aliases: []string{"scheduler"}})
		old := h.driver.AddContainer(was)
		id := h.install(plainPlugin).ID
		h.await(id, graft.StatusActive)
		anew := was
		anew.Name, anew.State, anew.Endpoints = "0123456789ab_cluster_scheduler", driver.StateCreated, was.Endpoints[:1]
		made := h.driver.AddContainer(anew)
		h.pass(time.Second)
		try(t, h.driver.Connect(ctx, made, was.Endpoints[1]))
		try(t, h.driver.Remove(ctx, old))
		h.pass(time.Minute)
		h.answers(id)
		h.delete(id)
		h.answers("")
		if back := h.container("cluster_scheduler"); back.ID != made || len(back.Endpoints) != 2 {
			t.Errorf("it is not whole: %+v", back)
		}
		if all := h.snapshot().Containers; len(all) != 1 {
			t.Errorf("%d containers are left", len(all))
		}
	})
}

// A component of which there are two is not half replaced.
func TestComponentWithTwoContainersIsRefused(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(composed())
		second := composed()
		second.Name, second.Ports = "cluster_scheduler_2", nil
		h.driver.AddContainer(second)
		before := h.snapshot()
		_, err := h.engine.Install(context.Background(), graft.InstallRequest{MarketplaceID: h.publish(plainPlugin)})
		if graft.ErrorCode(err) != graft.CodeRefused || !strings.Contains(graft.ErrorMessage(err), `"cluster_scheduler_2"`) {
			t.Errorf("install: %v", err)
		}
		h.nothingLeft(before)
	})
}

// What somebody does to containers is put right, and told.
func TestDriftIsTold(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		ctx := context.Background()
		h.driver.AddContainer(schedulerComponent())
		h.driver.AddImage(imageOf("s"), fake.Behaviour{HealthAfter: time.Second})
		id := h.install(pluginAddon).ID
		h.await(id, graft.StatusActive)
		aside := func() *driver.Container {
			for _, c := range h.snapshot().Containers {
				if strings.Contains(c.Name, ".graft-aside-") {
					return &c
				}
			}
			t.Fatal("no component is aside")
			return nil
		}
		for _, c := range []struct {
			does func() error
			kind graft.EventType
			want string
		}{
			{func() error { return h.driver.Rename(ctx, h.container("cluster_side").ID, "mine") }, graft.EventDrift, "service side: somebody renamed its container to mine"},
			{func() error { return h.driver.Remove(ctx, h.container("cluster_side").ID) }, graft.EventDrift, "service side: its container is gone"},
			{func() error { return h.driver.SetRestartPolicy(ctx, h.container("cluster_scheduler").ID, "no") }, graft.EventDrift, "restart policy to no"},
			{func() error { return h.driver.Disconnect(ctx, h.container("cluster_side").ID, "oakestra") }, graft.EventDrift, "not on network oakestra"},
			{func() error { return h.driver.Start(ctx, aside().ID) }, graft.EventComponent, "somebody started it as cluster_scheduler.graft-aside-"},
			{func() error { return h.driver.Rename(ctx, aside().ID, "mine") }, graft.EventComponent, "somebody renamed its container to mine"},
			{func() error { return h.driver.SetRestartPolicy(ctx, aside().ID, "always") }, graft.EventComponent, "restart policy to always"},
			{func() error { return h.driver.Remove(ctx, aside().ID) }, graft.EventComponent, "somebody removed its container"},
			{func() error { h.driver.SetHealth(h.container("cluster_side").ID, "unhealthy"); return nil }, graft.EventUnhealthy, "service side is unhealthy"},
		} {
			before := len(h.told(c.kind))
			if err := c.does(); err != nil {
				t.Fatalf("%s: %v", c.want, err)
			}
			time.Sleep(time.Minute) // of the bubble
			synctest.Wait()
			if told := h.told(c.kind)[before:]; len(told) != 1 || !strings.Contains(told[0], c.want) {
				t.Errorf("told %q, want %q once", told, c.want)
			}
			if inst := h.await(id, graft.StatusActive); inst.Details.Outcome != graft.OutcomeDone {
				t.Errorf("after %q: %+v", c.want, inst.Details)
			}
			h.answers(id)
		}
	})
}

// told returns the messages of the stored events of a type.
func (h *harness) told(kinds ...graft.EventType) []string {
	h.t.Helper()
	synctest.Wait() // for the journal
	events, err := h.store.Events(context.Background(), "", 0, 10_000)
	if err != nil {
		h.t.Fatal(err)
	}
	var messages []string
	for _, e := range events {
		if slices.Contains(kinds, e.Type) {
			messages = append(messages, e.Message)
		}
	}
	return messages
}
