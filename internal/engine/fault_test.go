package engine_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// fault is how one call fails.
type fault struct {
	name string
	err  error
	lost bool // after its effect; then calls that have none are left out
	// lasting is whether the error says that another attempt is of no use, so
	// that what was to come up may be put back, and has to be asked for again.
	lasting bool
}

func faults() []fault {
	return []fault{
		{name: "unavailable", err: graft.Errorf(graft.CodeUnavailable, "made to fail")},
		{name: "upstream", err: graft.Errorf(graft.CodeUpstream, "made to fail"), lasting: true},
		{name: "conflict", err: graft.Errorf(graft.CodeConflict, "made to fail"), lasting: true},
		{name: "hang", err: fake.ErrHang},
		{name: "lost", err: graft.Errorf(graft.CodeUnavailable, "the answer was lost"), lost: true},
	}
}

// TestFaults lets each call of each story fail once, in each way.
func TestFaults(t *testing.T) {
	t.Parallel()
	var cases, missed atomic.Int64
	t.Cleanup(func() {
		t.Logf("FIGURE: %d cases; in %d the call did not come", cases.Load(), missed.Load())
		if missed.Load()*20 > cases.Load() {
			t.Error("too many calls did not come: the stories are not the same each time")
		}
	})
	for _, s := range stories() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			all, changing := countCalls(t, s)
			for _, f := range faults() {
				calls := all
				if f.lost {
					calls = changing
				}
				for n := 1; n <= calls; n += every {
					t.Run(fmt.Sprintf("%s/%d", f.name, n), func(t *testing.T) {
						t.Parallel()
						cases.Add(1)
						if !faultAt(t, s, f, n) {
							missed.Add(1)
						}
					})
				}
			}
		})
	}
}

// reads is whether a call changes nothing.
func reads(op string) bool {
	switch op {
	case "info", "observe", "watch", "logs", "has-image":
		return true
	}
	return false
}

// countCalls tells a story without a fault, and counts its calls.
func countCalls(t *testing.T, s story) (all, changing int) {
	t.Helper()
	run(t, func(h *harness) {
		u := newUser(h, s)
		w := &witness{user: u}
		var calls atomic.Int64
		h.driver.OnCall(func(string, string) error {
			if !u.hidden() {
				calls.Add(1)
			}
			return w.look()
		})
		tellStory(u)
		all, changing = int(calls.Load()), len(h.driver.Calls())
		w.verdict(0)
		if ways := u.ways(); s.way != "" && (len(ways) == 0 || ways[0] != s.way) {
			t.Errorf("the plugin came in the ways %v, want %s", ways, s.way)
		}
	})
	t.Logf("%d calls, %d of them changing", all, changing)
	return all, changing
}

// faultAt tells a story in which the nth call fails, and is false when there
// are fewer.
func faultAt(t *testing.T, s story, f fault, n int) (reached bool) {
	t.Helper()
	run(t, func(h *harness) {
		u := newUser(h, s)
		if f.lasting {
			u.patience = 1
		}
		w := &witness{user: u}
		var calls atomic.Int64
		var failed atomic.Value
		hook := func(op, target string) error {
			if err := w.look(); err != nil {
				return err
			}
			if u.hidden() || f.lost && reads(op) || calls.Add(1) != int64(n) {
				return nil
			}
			failed.Store(op + " " + target)
			return f.err
		}
		if f.lost {
			h.driver.OnCall(func(string, string) error { return w.look() })
			h.driver.AfterCall(hook)
		} else {
			h.driver.OnCall(hook)
		}
		defer func() {
			if t.Failed() {
				t.Logf("what failed was: %v", failed.Load())
			}
		}()
		tellStory(u)
		// A call that hangs is given up after two minutes, and nothing that
		// comes after it has been done by then.
		w.verdict(callLimit)
		reached = failed.Load() != nil
	})
	return reached
}

// witness watches who answers to a component's name, and on its ports.
type witness struct {
	user *user

	mu    sync.Mutex
	since time.Time     // two owners; zero: not now
	both  time.Duration // how long there were two at most
	calls int
	wrong string // what must never be seen
}

// manyCalls is more than any story needs.
const manyCalls = 3000

// look is called at every call. An engine that never rests would stop the
// bubble's clock for good: its calls hang.
func (w *witness) look() error {
	d, c := w.user.driver, &w.user.story.component
	owners := d.Owners("oakestra", c.Name)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range c.Ports {
		if publishers := d.Publishers(p.HostPort); len(publishers) > 1 {
			w.wrong = fmt.Sprintf("port %d is published by %v", p.HostPort, publishers)
		}
	}
	most := 1
	if len(c.Ports) == 0 {
		most = 2 // who comes joins before who leaves does
	}
	if len(owners) > most {
		w.wrong = fmt.Sprintf("%s is %v", c.Name, owners)
	}
	switch {
	case len(owners) < 2:
		w.since = time.Time{}
	case w.since.IsZero():
		w.since = time.Now()
	default:
		w.both = max(w.both, time.Since(w.since))
	}
	if w.calls++; w.calls > manyCalls {
		w.wrong = "the engine never rests"
		return fake.ErrHang
	}
	return nil
}

// verdict fails the test if something was seen that must not be.
func (w *witness) verdict(both time.Duration) {
	w.user.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wrong != "" {
		w.user.t.Error(w.wrong)
	}
	if w.both > both {
		w.user.t.Errorf("two answered to one name for %v", w.both)
	}
}
