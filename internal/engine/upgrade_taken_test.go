package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
)

// slowCatalog lets something happen while an addon is asked for.
type slowCatalog struct {
	catalog
	meanwhile func()
}

func (c slowCatalog) Addon(ctx context.Context, id string) (*graft.Addon, error) {
	c.meanwhile()
	return c.catalog.Addon(ctx, id)
}

// A version that may have to come back is nobody else's until that is known.
func TestUpgradeKeepsTheVersionBefore(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		ctx := context.Background()
		addBadImage(h)
		inst := h.install(suite("1.0.0", service("web", "w1")))
		h.await(inst.ID, graft.StatusActive)
		other := h.install(suite("0.9.0", service("other", "o")))
		h.await(other.ID, graft.StatusActive)
		h.upgrade(inst.ID, suite("2.0.0", service("web", "bad")))
		request := graft.InstallRequest{MarketplaceID: inst.MarketplaceID}
		for what, ask := range map[string]func() error{
			"install":      func() error { _, err := h.engine.Install(ctx, request); return err },
			"plan":         func() error { _, err := h.engine.PlanInstall(ctx, request); return err },
			"upgrade":      func() error { _, err := h.engine.Upgrade(ctx, other.ID, request); return err },
			"plan upgrade": func() error { _, err := h.engine.PlanUpgrade(ctx, other.ID, request); return err },
		} {
			if err := ask(); graft.ErrorCode(err) != graft.CodeConflict || !strings.Contains(graft.ErrorMessage(err), "comes back to it") {
				t.Errorf("%s: %v", what, err)
			}
		}
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"web": "w1"})
	})
}

// Somebody asked for the version before anybody had it, and the marketplace's answer
// comes when it is the one that may have to come back.
func TestUpgradeWhileTheVersionBeforeIsAskedFor(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		addBadImage(h)
		inst := h.install(suite("0.9.0", service("web", "w0")))
		h.await(inst.ID, graft.StatusActive)
		one := h.request(suite("1.0.0", service("web", "w1")))
		slow := h.another(slowCatalog{h.catalog, func() {
			if _, err := h.engine.Upgrade(context.Background(), inst.ID, one); err != nil {
				t.Error(err)
			}
			h.is(h.upgraded(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeDone)
			h.upgrade(inst.ID, suite("2.0.0", service("web", "bad")))
			h.driver.SetAway(true) // nobody sees who has the name
		}})
		if _, err := slow.Install(context.Background(), one); graft.ErrorCode(err) != graft.CodeConflict || !strings.Contains(graft.ErrorMessage(err), "comes back to it") {
			t.Errorf("installed: %v", err)
		}
		h.driver.SetAway(false)
		h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"web": "w1"})
	})
}

// The store of an older Graft may have the version before as another installation:
// then the component answers, it is told what is in the way, and the version before
// comes back when that is gone.
func TestUpgradeSomebodyHasTheVersionBefore(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		ctx := context.Background()
		addBadImage(h)
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		inst := h.install(suite("1.0.0", service("cluster_scheduler", "p1", `"volumes":["data:/data"]`), service("web", "w1")))
		first := h.await(inst.ID, graft.StatusActive)
		other := h.install(suite("1.0.0", service("other", "o")))
		h.await(other.ID, graft.StatusActive)

		previous, bad := *first.Pinned(), h.request(suite("2.0.0", service("cluster_scheduler", "p2", `"volumes":["data:/data"]`), service("web", "bad")))
		previous.MarketplaceID = other.MarketplaceID
		next := *first
		next.MarketplaceID, next.Descriptor = bad.MarketplaceID, h.catalog[bad.MarketplaceID].Descriptor
		next.Images = map[string]string{"cluster_scheduler": imageOf("p2"), "web": imageOf("bad")}
		_, err := h.store.SetVersion(ctx, inst.ID, first.Generation, next.Pinned(), &previous,
			&graft.StatusDetails{FailedServices: []string{}, Upgrade: &graft.UpgradeStatus{From: "1.0.0", To: "2.0.0"}})
		try(t, err)

		got := h.awaitThat(inst.ID, "given up", func(i *graft.Installation) bool { return i.Status == graft.StatusFailed })
		h.is(got, "2.0.0", graft.StatusFailed, graft.OutcomeNotRestored)
		for _, part := range []string{"exited with code 3. The version that ran before can't come back", "Uninstall that one"} {
			if !strings.Contains(got.Details.Reason, part) {
				t.Errorf("the reason is %q", got.Details.Reason)
			}
		}
		if !strings.Contains(got.Logs, "no such table") || len(got.Details.FailedServices) != 1 {
			t.Errorf("details %+v, logs %q", got.Details, got.Logs)
		}
		h.pass(time.Hour)
		h.exactly(inst.ID, map[string]string{})
		h.answered()
		calls := len(h.driver.Calls())
		h.pass(10 * time.Minute)
		for _, call := range h.driver.Calls()[calls:] {
			if changes(strings.Fields(call)[0]) {
				t.Errorf("it is not at rest: %s", call)
			}
		}

		h.delete(other.ID)
		h.is(h.upgraded(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
		h.exactly(inst.ID, map[string]string{"scheduler": "p1", "web": "w1"})
		h.answers(inst.ID)
		h.delete(inst.ID)
		h.nothingLeft(before)
	})
}
