package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/graftplatform/graft"
)

// TestStoriesThatFailed has those stories, made short, that showed a fault of
// the engine once.
func TestStoriesThatFailed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault string
		story []step
	}{
		{"a component that ran on a warm network that is gone could not start again", []step{
			{what: "install", addon: top},
			{what: "disable", addon: top, rush: 4 * time.Millisecond},
			{what: "enable", addon: top},
			{what: "uninstall", addon: top},
		}},
		{"who waits for a plugin that can't come up kept the component from coming back", []step{
			{what: "install", addon: plain},
			{what: "image gone", addon: plain},
			{what: "install", addon: top},
			{what: "exit", addon: top, n: 8},
		}},
		{"a plugin that was superseded while it warmed up stayed there", []step{
			{what: "install", addon: plain, rush: 881 * time.Millisecond},
			{what: "fault", fault: hanging, n: 6, rush: 9 * time.Millisecond},
			{what: "install", addon: top},
		}},
		{"after a failure the runtime was asked without a limit", []step{
			{what: "install", addon: top},
			{what: "image gone", addon: top},
			{what: "remove container", addon: top, rush: 332 * time.Millisecond},
			{what: "fault", fault: hanging, n: 2},
		}},
		{"a component that was made again was not known under its own name", []step{
			{what: "install", addon: manager},
			{what: "prune"},
			{what: "fault", fault: losing, n: 9, rush: time.Millisecond},
			{what: "uninstall", addon: manager},
		}},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			var err error
			run(t, func(h *harness) { err = newModel(h).tell(c.story) })
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// Faults by their index.
const (
	hanging = 3
	losing  = 4
)

// TestGaplessSwapIsTold: a swap without a gap is an event too.
func TestGaplessSwapIsTold(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		s := stories()[3]
		u := newUser(h, s)
		id := u.install(plainAddon, false)
		u.up(id)
		u.settle()
		events, err := h.store.Events(context.Background(), id, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Type == graft.EventSwapped {
				if e.Gap == nil || *e.Gap != 0 || e.Way != graft.SwapWarm {
					t.Errorf("the swap is told as %+v", e)
				}
				return
			}
		}
		t.Error("nothing told of the swap")
	})
}
