package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver/fake"
)

const (
	plainPlugin = `{"name":"plain","services":[{"service_name":"cluster_scheduler","image":"p"}]}`
	otherPlugin = `{"name":"other","services":[{"service_name":"cluster_scheduler","image":"q"}]}`
	thirdPlugin = `{"name":"third","services":[{"service_name":"scheduler","image":"r"}]}`
)

func TestSecondPluginIsRefused(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		id := h.install(pluginAddon).ID
		h.await(id, graft.StatusActive)
		before := h.snapshot()
		_, err := h.engine.Install(context.Background(), graft.InstallRequest{MarketplaceID: h.publish(otherPlugin)})
		if graft.ErrorCode(err) != graft.CodeRefused || !strings.Contains(graft.ErrorMessage(err), `by addon "better" already`) {
			t.Errorf("second plugin: %v", err)
		}
		if all, err := h.engine.Installations(context.Background(), ""); err != nil || len(all) != 1 {
			t.Errorf("installations: %+v, %v", all, err)
		}
		if diff := cmp.Diff(before, h.snapshot()); diff != "" {
			t.Errorf("something was touched:\n%s", diff)
		}
		h.answers(id)
	})
}

// Three addons on top of each other, removed in every order: whoever is the
// uppermost is in the component's place, and the component when nobody is left.
func TestSupersedeUnwindsInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, order := range [][]int{{2, 1, 0}, {2, 0, 1}, {1, 2, 0}, {1, 0, 2}, {0, 1, 2}, {0, 2, 1}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(schedulerComponent())
				before := h.snapshot()
				ids := []string{h.install(plainPlugin).ID}
				h.await(ids[0], graft.StatusActive)
				for _, next := range []string{otherPlugin, thirdPlugin} {
					ids = append(ids, h.supersede(next))
					h.await(ids[len(ids)-1], graft.StatusActive)
					h.answers(ids[len(ids)-1])
				}
				h.superseded(ids[0])
				h.superseded(ids[1])
				left := slices.Clone(ids)
				for _, i := range order {
					h.delete(ids[i])
					left = slices.DeleteFunc(left, func(id string) bool { return id == ids[i] })
					top := ""
					if len(left) > 0 {
						top = left[len(left)-1]
						h.awaitThat(top, "in place", func(inst *graft.Installation) bool {
							return inst.Status == graft.StatusActive && inst.Details.Services[0].State == graft.ServiceRunning
						})
					}
					h.answers(top)
				}
				h.nothingLeft(before)
			})
		})
	}
}

// superseded checks how an addon is that another one is on top of.
func (h *harness) superseded(id string) {
	h.t.Helper()
	h.awaitThat(id, "superseded", func(inst *graft.Installation) bool {
		return inst.Status == graft.StatusActive && inst.Details.Services[0].State == graft.ServiceSuperseded
	})
}

// All at once: the component comes back, however they get into each other's way.
func TestSupersedeUnwindsAtOnce(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		first := h.install(plainPlugin).ID
		h.await(first, graft.StatusActive)
		second := h.supersede(otherPlugin)
		h.await(second, graft.StatusActive)
		h.disable(first)
		h.disable(second)
		h.await(first, graft.StatusDisabled)
		h.await(second, graft.StatusDisabled)
		h.answers("")
		h.enable(first)
		h.await(first, graft.StatusActive)
		h.enable(second) // it was installed later, and may
		h.await(second, graft.StatusActive)
		h.answers(second)
		h.delete(first)
		h.answers(second)
		h.delete(second)
		h.nothingLeft(before)
	})
}

// supersede installs an addon that may take another's place.
func (h *harness) supersede(descriptor string) string {
	h.t.Helper()
	request := h.request(descriptor)
	request.Supersede = true
	inst, err := h.engine.Install(context.Background(), request)
	if err != nil {
		h.t.Fatal(err)
	}
	return inst.ID
}

// One that fails on top after the one below was stopped for it: that one is
// started again.
func TestSupersedeThatFailsCold(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		h.driver.AddImage(imageOf("q"), fake.Behaviour{ExitAfter: 2 * time.Second, ExitCode: 3})
		first := h.install(`{"name":"plain","services":[{"service_name":"cluster_scheduler","image":"p","volumes":["/srv:/data"]}]}`).ID
		h.await(first, graft.StatusActive)
		second := h.supersede(`{"name":"other","services":[{"service_name":"cluster_scheduler","image":"q","volumes":["/srv:/data"]}]}`)
		h.awaitThat(second, "restored", restoredNow)
		h.awaitThat(first, "in place", func(i *graft.Installation) bool {
			return i.Status == graft.StatusActive && i.Details.Services[0].State == graft.ServiceRunning
		})
		h.answers(first)
	})
}
