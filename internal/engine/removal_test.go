package engine_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// uninstall has an installation go that is still there after that.
func (h *harness) uninstall(id string, keepData bool) {
	h.t.Helper()
	if inst, err := h.engine.Uninstall(context.Background(), id, keepData); err != nil || inst == nil || inst.Status != graft.StatusDisabling {
		h.t.Fatalf("uninstall: %+v, %v", inst, err)
	}
}

// gone waits until an installation is no more.
func (h *harness) gone(id string) {
	h.t.Helper()
	h.pass(time.Hour)
	if inst, err := h.store.Installation(context.Background(), id); graft.ErrorCode(err) != graft.CodeNotFound {
		h.t.Errorf("it is there still: %+v, %v", inst, err)
	}
}

// What can be asked of an addon while it is being uninstalled: those who disable it
// are told that it is being disabled, whoever wants anything else is refused.
func TestUninstallMeanwhile(t *testing.T) {
	t.Parallel()
	for _, keepData := range []bool{true, false} {
		run(t, func(h *harness) {
			ctx := context.Background()
			id := h.install(keptAddon).ID
			h.await(id, graft.StatusActive)
			next := h.request(strings.Replace(keptAddon, `"hello"`, `"hello","version":"2.0.0"`, 1))
			h.driver.SetAway(true)
			h.uninstall(id, keepData)
			for what, ask := range map[string]func() (*graft.Installation, error){
				"delete":             func() (*graft.Installation, error) { return h.engine.Delete(ctx, id, false) },
				"disable":            func() (*graft.Installation, error) { return h.engine.SetDesired(ctx, id, graft.DesiredDisabled) },
				"the same once more": func() (*graft.Installation, error) { return h.engine.Uninstall(ctx, id, keepData) },
			} {
				if inst, err := ask(); err != nil || inst == nil || inst.Status != graft.StatusDisabling || inst.Generation != 2 {
					t.Errorf("%s: %+v, %v", what, inst, err)
				}
			}
			for what, ask := range map[string]func() error{
				"enable":        func() error { _, err := h.engine.SetDesired(ctx, id, graft.DesiredEnabled); return err },
				"the other way": func() error { _, err := h.engine.Uninstall(ctx, id, !keepData); return err },
				"upgrade":       func() error { _, err := h.engine.Upgrade(ctx, id, next); return err },
				"its plan":      func() error { _, err := h.engine.PlanUpgrade(ctx, id, next); return err },
			} {
				if err := ask(); graft.ErrorCode(err) != graft.CodeConflict || !strings.Contains(err.Error(), "is being removed, which can't be taken back") {
					t.Errorf("%s: %v", what, err)
				}
			}
			if _, err := h.engine.Delete(ctx, id, true); keepData != (err == nil) {
				t.Errorf("delete, keeping data: %v", err)
			}
			h.driver.SetAway(false)
			h.gone(id)
			if kept := h.kept(); (len(kept) == 2) != keepData {
				t.Errorf("kept: %+v", kept)
			}
		})
	}
}

// An addon whose component can't come back is seen until it can, whichever engine is
// at it, and then it goes by itself.
func TestUninstallOfWhatIsStuck(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		id := h.install(pluginAddon).ID
		h.await(id, graft.StatusActive)
		h.stop()
		try(t, h.driver.Rename(context.Background(), h.container("cluster_scheduler").ID, "moved"))
		stranger := h.driver.AddContainer(driver.Container{Name: "cluster_scheduler", Labels: map[string]string{driver.ComposeProjectLabel: "strangers"}})
		_, err := h.store.Remove(context.Background(), id, false)
		try(t, err)
		for range 2 {
			h.start()
			inst := h.awaitThat(id, "not restored", func(i *graft.Installation) bool {
				return i.Details != nil && i.Details.Outcome == graft.OutcomeNotRestored
			})
			listed, err := h.engine.Installations(context.Background(), string(graft.StatusDisabling))
			if err != nil || len(listed) != 1 || !strings.Contains(inst.Details.Reason, "another container has its name now") {
				t.Errorf("listed %+v, %v; details %+v", listed, err, inst.Details)
			}
			h.pass(time.Hour)
			h.stop()
		}
		h.start()
		try(t, h.driver.Remove(context.Background(), stranger))
		h.gone(id)
		h.nothingLeft(before)
	})
}

// A component that vanishes as soon as it is made again is not made again without a
// pause, also when its addon is being uninstalled.
func TestUninstallIsNoHotLoop(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		id := h.install(pluginAddon).ID
		h.await(id, graft.StatusActive)
		i := slices.IndexFunc(h.snapshot().Containers, func(c driver.Container) bool { return c.Labels[driver.EngineLabel] == "" })
		try(t, h.driver.Remove(context.Background(), h.snapshot().Containers[i].ID))
		var made atomic.Int64
		h.driver.AfterCall(func(op, target string) error {
			if op == "recreate" && made.Add(1) < 100 { // or it would go on for ever
				return h.driver.Remove(context.Background(), target)
			}
			return nil
		})
		h.uninstall(id, false)
		h.pass(time.Minute)
		if n := made.Load(); n < 2 || n > 20 {
			t.Errorf("made %d times in a minute", n)
		}
		h.driver.AfterCall(nil)
		h.gone(id)
	})
}
