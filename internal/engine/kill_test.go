package engine_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/graftplatform/graft"
)

// TestKilledAnywhere stops the engine at each changing call of each story in
// turn, before and after its effect, and starts another one on the same store.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	var points atomic.Int64
	t.Cleanup(func() { t.Logf("FIGURE: killed at %d points", points.Load()) })
	for _, s := range stories() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			_, calls := countCalls(t, s)
			if calls < 10 {
				t.Errorf("only %d calls: the story is too short to mean anything", calls)
			}
			for _, when := range []string{"before", "after"} {
				for n := 1; n <= calls; n += every {
					t.Run(fmt.Sprintf("%s/%d", when, n), func(t *testing.T) {
						t.Parallel()
						if killAt(t, s, when, n) {
							points.Add(1)
						}
					})
				}
			}
		})
	}
}

// killAt tells a story whose engine is killed at its nth changing call, and is
// false when there are fewer.
func killAt(t *testing.T, s story, when string, n int) (killed bool) {
	t.Helper()
	run(t, func(h *harness) {
		u := newUser(h, s)
		w := &witness{user: u}
		var calls atomic.Int64
		kill, dead := make(chan string, 1), make(chan struct{})
		hook := func(op, target string) error {
			if err := w.look(); err != nil || reads(op) || calls.Add(1) != int64(n) {
				return err
			}
			kill <- op + " " + target
			<-dead
			return graft.Errorf(graft.CodeUnavailable, "killed")
		}
		if when == "before" {
			h.driver.OnCall(hook)
		} else {
			h.driver.AfterCall(hook)
		}
		killer := make(chan string)
		go func() {
			at := <-kill
			if at != "" {
				u.replaceEngine(dead)
			}
			killer <- at
		}()
		defer func() {
			close(kill)
			at := <-killer
			killed = at != ""
			if t.Failed() {
				t.Logf("killed %s %s", when, at)
			}
		}()
		tellStory(u)
		w.verdict(callLimit)
	})
	return killed
}

// replaceEngine kills the engine, whose last call is answered when dead is
// closed, and starts another one.
func (u *user) replaceEngine(dead chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.cancel()
	close(dead)
	<-u.ended
	u.start()
}
