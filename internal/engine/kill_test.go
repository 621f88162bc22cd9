package engine_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/graftplatform/graft"
)

// TestKilledAnywhere stops the engine at each call in turn, before and after
// its effect, and starts another one on the same store.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			points := 0
			for n := 1; ; n++ {
				killed := true
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					run(t, func(h *harness) { killed = killAt(h, when, n) })
				})
				if !killed || t.Failed() {
					break
				}
				points++
			}
			t.Logf("killed at %d points", points)
			if points < 15 {
				t.Errorf("only %d points: the scenario is too short to mean anything", points)
			}
		})
	}
}

// killAt kills the engine at its nth changing call of a plugin's life, and is
// false when there are fewer.
func killAt(h *harness, when string, n int) bool {
	h.driver.AddContainer(schedulerComponent())
	before := h.snapshot()
	var calls atomic.Int64
	kill, dead := make(chan struct{}), make(chan struct{})
	hook := func(op, _ string) error {
		if op == "info" || op == "observe" || op == "watch" || op == "logs" {
			return nil
		}
		if calls.Add(1) == int64(n) {
			close(kill)
			<-dead
			return graft.Errorf(graft.CodeUnavailable, "killed")
		}
		return nil
	}
	if when == "before" {
		h.driver.OnCall(hook)
	} else {
		h.driver.AfterCall(hook)
	}
	over := make(chan struct{})
	killer := make(chan bool)
	go func() {
		select {
		case <-kill:
			h.cancel()
			close(dead)
			<-h.ended
			h.start()
			killer <- true
		case <-over:
			killer <- false
		}
	}()
	id := h.install(pluginAddon).ID
	h.awaitStored(id, graft.StatusActive)
	h.setStored(id, graft.DesiredDisabled, graft.StatusDisabling)
	h.awaitStored(id, graft.StatusDisabled)
	h.setStored(id, graft.DesiredRemoved, graft.StatusDisabled)
	h.awaitStored(id, "")
	close(over)
	killed := <-killer
	h.nothingLeft(before)
	return killed
}

// setStored changes the spec in the store itself, as the engine may be another
// one by the time.
func (h *harness) setStored(id string, desired graft.DesiredState, status graft.InstallationStatus) {
	h.t.Helper()
	if _, err := h.store.SetDesired(context.Background(), id, desired, status); err != nil {
		h.t.Fatal(err)
	}
}

// awaitStored returns once the stored status is that one; empty: once there is
// no such installation any more.
func (h *harness) awaitStored(id string, status graft.InstallationStatus) {
	h.t.Helper()
	var last *graft.Installation
	for range 3600 {
		inst, err := h.store.Installation(context.Background(), id)
		switch {
		case graft.ErrorCode(err) == graft.CodeNotFound && status == "":
			return
		case err != nil:
			h.t.Fatal(err)
		case inst.Status == status:
			return
		}
		last = inst
		time.Sleep(time.Second) // of the bubble
	}
	h.t.Fatalf("not %q after an hour but %s, %+v", status, last.Status, last.Details)
}
