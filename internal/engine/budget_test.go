package engine

import (
	"testing"
	"time"

	"github.com/graftplatform/graft/internal/driver"
)

// sight is a budget of two starts within the window that sees one container.
type sight struct {
	t *testing.T
	b *budget
	c driver.Container
}

// noon is when the container is seen first.
func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func newSight(t *testing.T) *sight {
	t.Helper()
	s := &sight{t: t, b: newBudget(2, func(*driver.Container) {}), c: driver.Container{
		ID: "c", State: driver.StateRunning, StartedAt: noon(),
		Labels: map[string]string{driver.EngineLabel: "e1", driver.InstallationLabel: "i"},
	}}
	s.see(0)
	return s
}

func (s *sight) see(after time.Duration) {
	s.b.see(&driver.Snapshot{Containers: []driver.Container{s.c}}, "e1", noon().Add(after))
}

// restarted is a start by the runtime.
func (s *sight) restarted(after time.Duration) {
	s.c.Restarts++
	s.c.StartedAt = noon().Add(after)
	s.see(after)
}

// rests checks whether the container rests at a time, and returns how long it
// will from then on.
func (s *sight) rests(after time.Duration, want bool) time.Duration {
	s.t.Helper()
	until, resting := s.b.resting(noon().Add(after))["c"]
	if resting != want {
		s.t.Errorf("after %v: resting is %v", after, resting)
	}
	return until.Sub(noon().Add(after))
}

func TestBudgetIsOfAWindow(t *testing.T) {
	t.Parallel()
	s := newSight(t)
	s.restarted(time.Second)
	s.restarted(2 * time.Second)
	s.rests(2*time.Second, false)
	s.see(3 * time.Second) // looking is no start
	s.rests(3*time.Second, false)
	s.restarted(budgetWindow + 2*time.Second) // the first one is out of the window by now
	s.rests(budgetWindow+2*time.Second, false)
	s.restarted(budgetWindow + 2*time.Second + 1)
	s.restarted(budgetWindow + 3*time.Second)
	s.rests(budgetWindow+3*time.Second, true)
}

func TestBudgetCountsEveryStart(t *testing.T) {
	t.Parallel()
	t.Run("several between two looks", func(t *testing.T) {
		t.Parallel()
		s := newSight(t)
		s.c.Restarts = 3
		s.see(time.Second)
		s.rests(time.Second, true)
	})
	t.Run("by the engine, which the runtime does not count", func(t *testing.T) {
		t.Parallel()
		s := newSight(t)
		for i := range 3 {
			s.rests(time.Minute, false)
			s.c.Restarts, s.c.StartedAt = 0, noon().Add(time.Duration(i+1)*time.Second)
			s.see(time.Duration(i+1) * time.Second)
		}
		s.rests(3*time.Second, true)
	})
	t.Run("the first one is free", func(t *testing.T) {
		t.Parallel()
		s := newSight(t)
		s.b = newBudget(0, func(*driver.Container) {})
		s.c.StartedAt, s.c.State = time.Time{}, driver.StateCreated
		s.see(0)
		s.c.StartedAt, s.c.State = noon().Add(time.Second), driver.StateRunning
		s.see(time.Second)
		s.rests(time.Second, false)
		s.restarted(2 * time.Second)
		s.rests(2*time.Second, true)
	})
	t.Run("of before the engine's time none", func(t *testing.T) {
		t.Parallel()
		s := newSight(t)
		s.b = newBudget(2, func(*driver.Container) {})
		s.c.Restarts = 99
		s.see(time.Second)
		s.see(2 * time.Second)
		s.rests(2*time.Second, false)
	})
	t.Run("of others none", func(t *testing.T) {
		t.Parallel()
		s := newSight(t)
		s.b = newBudget(0, func(*driver.Container) {})
		s.c.Labels = map[string]string{driver.EngineLabel: "e2"}
		s.see(time.Second)
		s.restarted(2 * time.Second)
		s.rests(2*time.Second, false)
	})
}

// The runtime counts a restart before it begins.
func TestBudgetCountsEveryStartOnce(t *testing.T) {
	t.Parallel()
	again := 0
	s := newSight(t)
	s.b = newBudget(99, func(*driver.Container) { again++ })
	s.see(0)
	at := time.Duration(0)
	for i := range 5 {
		at += time.Second
		s.c.State, s.c.Restarts = driver.StateRestarting, s.c.Restarts+1
		before := s.c
		s.see(at)
		at += time.Second
		s.c.State, s.c.StartedAt = driver.StateRunning, noon().Add(at)
		s.see(at)
		after := s.c
		s.c = before // a look that began before and ended later
		s.see(at)
		s.c = after
		s.see(at)
		if again != i+1 {
			t.Fatalf("counted %d restarts of %d", again, i+1)
		}
	}
	s.c.State, s.c.Restarts = driver.StateRestarting, s.c.Restarts+1
	s.see(at)
	s.c.Restarts, s.c.StartedAt = s.c.Restarts+1, noon().Add(at+time.Second) // it began, ended, and is due again
	s.see(at + time.Second)
	s.c.State, s.c.StartedAt = driver.StateRunning, noon().Add(at+2*time.Second)
	s.see(at + 2*time.Second)
	if again != 7 {
		t.Errorf("counted %d restarts of 7", again)
	}
}

func TestRestsGrowLonger(t *testing.T) {
	t.Parallel()
	s := newSight(t)
	at, want := time.Duration(0), firstRest
	for i := range 8 {
		for range 3 {
			at += time.Second
			s.restarted(at)
		}
		rest := s.rests(at, true)
		if rest < want || rest > want+want/4 {
			t.Fatalf("rest %d lasts %v, want %v to %v", i+1, rest, want, want+want/4)
		}
		s.rests(at+rest-1, true)
		at += rest
		s.rests(at, false) // and it has its whole budget again
		s.see(at)
		s.rests(at, false)
		want = min(2*want, lastRest)
	}
}

func TestHealthForgets(t *testing.T) {
	t.Parallel()
	s := newSight(t)
	at := time.Duration(0)
	exhaust := func() time.Duration {
		for range 3 {
			at += time.Second
			s.restarted(at)
		}
		return s.rests(at, true)
	}
	exhaust()
	at += 2 * firstRest
	if second := exhaust(); second < 2*firstRest {
		t.Errorf("the second rest lasts %v", second)
	}
	at += 4*firstRest + budgetWindow
	s.see(at)
	if rest := exhaust(); rest > 2*firstRest {
		t.Errorf("the first rest after a time of health lasts %v", rest)
	}
}

func TestForgive(t *testing.T) {
	t.Parallel()
	s := newSight(t)
	s.c.Restarts = 3
	s.see(time.Second)
	s.b.forgive("another")
	s.rests(time.Second, true)
	s.b.forgive("i")
	s.rests(time.Second, false)
	s.see(2 * time.Second) // the next look does not bring it back
	s.rests(2*time.Second, false)
	s.restarted(3 * time.Second)
	s.restarted(4 * time.Second)
	s.rests(4*time.Second, false)
	s.restarted(5 * time.Second)
	s.rests(5*time.Second, true)
}

func TestBudgetOfAContainerGoesWithIt(t *testing.T) {
	t.Parallel()
	s := newSight(t)
	s.c.Restarts = 3
	s.see(time.Second)
	s.b.see(&driver.Snapshot{}, "e1", noon().Add(2*time.Second))
	s.rests(2*time.Second, false)
	if len(s.b.tallies) != 0 {
		t.Errorf("kept: %v", s.b.tallies)
	}
}
