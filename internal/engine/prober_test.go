package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// probeStage is a prober in a bubble of its own, containers for it to see, and
// what its checks answer.
type probeStage struct {
	*testing.T
	prober *prober
	now    []driver.Container

	mu      sync.Mutex
	answer  func(ctx context.Context, addresses []string) error
	asked   []ask
	changes int
}

type ask struct {
	after     time.Duration // since the stage was set up
	addresses []string
}

var errRefused = errors.New("connection refused")

func probing(t *testing.T, test func(s *probeStage)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, begin := &probeStage{T: t}, time.Now()
		s.answers(nil)
		s.prober = newProber(func(ctx context.Context, addresses []string, _ *graft.Probe) error {
			s.mu.Lock()
			s.asked = append(s.asked, ask{time.Since(begin), addresses})
			answer := s.answer
			s.mu.Unlock()
			return answer(ctx, addresses)
		}, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changes++
		})
		defer s.prober.stop()
		test(s)
	})
}

func (s *probeStage) answers(err error) {
	s.answersBy(func(context.Context, []string) error { return err })
}

func (s *probeStage) answersBy(answer func(ctx context.Context, addresses []string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// runs adds a container that has just been started.
func (s *probeStage) runs(label string) *driver.Container {
	s.now = append(s.now, driver.Container{
		ID: fmt.Sprintf("c%d", len(s.now)), State: driver.StateRunning, StartedAt: time.Now(), Addresses: []string{"10.0.0.1"},
		Labels: map[string]string{driver.EngineLabel: "e1", driver.ProbeLabel: label},
	})
	return &s.now[len(s.now)-1]
}

// see shows the containers to the prober and returns the first one's health.
func (s *probeStage) see() string {
	seen := slices.Clone(s.now)
	s.prober.see(&driver.Snapshot{Containers: seen}, "e1")
	return seen[0].Health
}

// later lets time pass.
func (s *probeStage) later(d time.Duration) {
	time.Sleep(d) // in a bubble: no real time
	synctest.Wait()
}

func (s *probeStage) want(health string) {
	s.Helper()
	if got := s.see(); got != health {
		s.Errorf("health = %q; want %q; asked %v", got, health, s.asks())
	}
}

func (s *probeStage) asks() []ask {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

const tcpProbe = `{"tcp": {"port": 80}, "interval": "1s"}`

// Without an interval, one that answers is asked less often than one in doubt.
func TestProbeIsSteady(t *testing.T) {
	probing(t, func(s *probeStage) {
		s.runs(`{"tcp": {"port": 80}}`)
		s.see()
		s.later(time.Minute)
		s.want(healthHealthy)
		if n := len(s.asks()); n < 6 || n > 8 {
			s.Errorf("asked %d times in a minute", n)
		}
		s.answers(errRefused)
		s.later(13 * time.Second)
		s.want(healthUnhealthy)
	})
}

func TestProbeBecomesHealthy(t *testing.T) {
	probing(t, func(s *probeStage) {
		s.runs(tcpProbe)
		s.want(healthStarting)
		s.later(firstProbe)
		s.want(healthHealthy)
		s.later(10 * time.Second)
		s.want(healthHealthy)
		if n := len(s.asks()); n < 11 || n > 12 {
			s.Errorf("asked %d times in 10s", n)
		}
		if s.changes != 1 || s.prober.reason("c0") != "" {
			s.Errorf("%d changes, reason %q", s.changes, s.prober.reason("c0"))
		}
	})
}

func TestProbeIsAskedSoonWhileItStarts(t *testing.T) {
	probing(t, func(s *probeStage) {
		s.runs(`{"tcp": {"port": 80}, "interval": "30s"}`)
		s.answers(errRefused)
		s.want(healthStarting)
		s.later(3 * time.Second)
		s.answers(nil)
		s.later(time.Second)
		s.want(healthHealthy)
		if n := len(s.asks()); n > 20 {
			s.Errorf("asked %d times in 4s", n)
		}
	})
}

func TestProbeFails(t *testing.T) {
	probing(t, func(s *probeStage) {
		s.runs(tcpProbe)
		s.answers(errRefused)
		s.want(healthStarting)
		s.later(2500 * time.Millisecond)
		s.want(healthStarting)
		s.later(500 * time.Millisecond)
		s.want(healthUnhealthy)
		if got := s.prober.reason("c0"); got != "connection refused" {
			s.Errorf("reason = %q", got)
		}
		s.answers(nil)
		s.later(time.Second)
		s.want(healthHealthy)
		if s.changes != 2 || s.prober.reason("c0") != "" {
			s.Errorf("%d changes, reason %q", s.changes, s.prober.reason("c0"))
		}
	})
}

func TestProbeRetries(t *testing.T) {
	probing(t, func(s *probeStage) {
		s.runs(tcpProbe)
		s.see()
		s.later(5 * time.Second)
		for range 3 { // one or two failures, then a success
			s.answers(graft.Errorf(graft.CodeUnavailable, "no"))
			s.later(1800 * time.Millisecond)
			s.want(healthHealthy)
			s.answers(nil)
			s.later(time.Second)
			s.want(healthHealthy)
		}
		s.answers(graft.Errorf(graft.CodeUnavailable, "no"))
		s.later(3 * time.Second)
		s.want(healthUnhealthy)
		if s.changes != 2 {
			s.Errorf("%d changes; want 2", s.changes)
		}
	})
}

func TestProbeStartPeriod(t *testing.T) {
	const label = `{"tcp": {"port": 80}, "start_period": "20s", "interval": "1s", "retries": 2}`
	t.Run("never healthy", func(t *testing.T) {
		probing(t, func(s *probeStage) {
			s.runs(label)
			s.answers(errRefused)
			s.see()
			s.later(20900 * time.Millisecond)
			s.want(healthStarting)
			s.later(100 * time.Millisecond)
			s.want(healthUnhealthy)
		})
	})
	t.Run("healthy once", func(t *testing.T) {
		probing(t, func(s *probeStage) {
			s.runs(label)
			s.see()
			s.later(2 * time.Second)
			s.want(healthHealthy)
			s.answers(errRefused)
			s.later(2 * time.Second)
			s.want(healthUnhealthy)
		})
	})
	t.Run("over when the engine started", func(t *testing.T) {
		probing(t, func(s *probeStage) {
			s.runs(label).StartedAt = time.Now().Add(-time.Hour)
			s.answers(errRefused)
			s.see()
			s.later(firstProbe + time.Second)
			s.want(healthUnhealthy)
		})
	})
	t.Run("clock of the runtime ahead", func(t *testing.T) {
		probing(t, func(s *probeStage) {
			s.runs(label).StartedAt = time.Now().Add(time.Hour)
			s.answers(errRefused)
			s.see()
			s.later(21 * time.Second)
			s.want(healthUnhealthy)
		})
	})
}

func TestProbeTimeout(t *testing.T) {
	probing(t, func(s *probeStage) {
		s.runs(`{"tcp": {"port": 80}, "timeout": "3s", "retries": 1}`).StartedAt = time.Now().Add(-time.Minute)
		s.answersBy(func(ctx context.Context, _ []string) error {
			<-ctx.Done()
			return ctx.Err()
		})
		s.see()
		s.later(3 * time.Second)
		s.want(healthStarting)
		s.later(firstProbe)
		s.want(healthUnhealthy)
	})
}

func TestProbeFollowsAddresses(t *testing.T) {
	probing(t, func(s *probeStage) {
		c := s.runs(tcpProbe)
		s.see()
		s.later(5 * time.Second)
		s.want(healthHealthy)

		// A probe of the old address is on its way: its answer does not count.
		asking := make(chan struct{})
		s.answersBy(func(ctx context.Context, addresses []string) error {
			if addresses[0] == "10.0.0.1" {
				asking <- struct{}{}
				<-ctx.Done()
				return nil
			}
			return errRefused
		})
		<-asking
		before := len(s.asks())
		c.Addresses = []string{"10.0.9.1"}
		s.want(healthStarting)
		synctest.Wait()
		if asked := s.asks()[before:]; len(asked) != 1 || asked[0].addresses[0] != "10.0.9.1" {
			s.Errorf("asked %v after the move; want the new address at once", asked)
		}
		s.want(healthStarting)
		s.later(time.Second)
		s.want(healthStarting)
		s.answers(nil)
		s.later(time.Second)
		s.want(healthHealthy)

		s.answers(errRefused)
		c.Addresses = nil
		s.want(healthStarting)
		s.later(3 * time.Second)
		s.want(healthUnhealthy)
	})
}

func TestProbeOfProcesses(t *testing.T) {
	probing(t, func(s *probeStage) {
		c := s.runs(tcpProbe)
		silent := func(what string) {
			s.Helper()
			before := len(s.asks())
			s.later(10 * time.Second)
			if n := len(s.asks()); n != before {
				s.Errorf("%s: asked %d times", what, n-before)
			}
			if len(s.prober.probed) != 0 || s.prober.reason("c0") != "" {
				s.Errorf("%s: it is still known", what)
			}
		}
		s.see()
		s.later(time.Second)
		s.want(healthHealthy)

		c.StartedAt = time.Now()
		s.want(healthStarting)
		s.later(time.Second)
		s.want(healthHealthy)

		c.State = driver.StateRestarting
		s.want("")
		silent("restarting")
		c.State = driver.StateRunning
		s.want(healthStarting)
		s.later(time.Second)
		s.want(healthHealthy)

		s.now = nil
		s.prober.see(&driver.Snapshot{}, "e1")
		silent("gone")
	})
}

func TestProbeLeavesAPausedContainerAlone(t *testing.T) {
	probing(t, func(s *probeStage) {
		c := s.runs(tcpProbe)
		s.see()
		s.later(time.Second)
		c.State = driver.StatePaused
		s.want(healthHealthy)
		s.answers(errRefused)
		before := len(s.asks())
		s.later(time.Minute)
		s.want(healthHealthy)
		if n := len(s.asks()); n != before {
			s.Errorf("asked %d times", n-before)
		}

		// An answer that comes while it is paused does not count.
		frozen := make(chan struct{})
		s.answersBy(func(context.Context, []string) error {
			<-frozen
			return errRefused
		})
		c.State = driver.StateRunning
		s.see()
		s.later(2 * time.Second)
		c.State = driver.StatePaused
		s.see()
		close(frozen)
		s.later(2 * time.Second)
		if got := s.prober.reason("c0"); got != "" || len(s.asks()) != before+1 {
			s.Errorf("reason %q, asked %d times", got, len(s.asks())-before)
		}

		c.State = driver.StateRunning
		s.want(healthHealthy)
		s.later(4 * time.Second)
		s.want(healthUnhealthy)
	})
}

func TestProbeIsOnlyForOurs(t *testing.T) {
	probing(t, func(s *probeStage) {
		s.runs(tcpProbe).Labels[driver.EngineLabel] = "e2"
		delete(s.runs(tcpProbe).Labels, driver.ProbeLabel)
		s.now[0].Health = healthHealthy
		s.want(healthHealthy)
		s.later(time.Minute)
		if n := len(s.asks()); n != 0 {
			s.Errorf("asked %d times", n)
		}
	})
}

func TestProbeWithABrokenLabel(t *testing.T) {
	probing(t, func(s *probeStage) {
		s.runs(`{`)
		s.answers(errRefused)
		s.see()
		s.later(3 * time.Second)
		s.want(healthUnhealthy)
	})
}

func TestProbesStop(t *testing.T) {
	probing(t, func(s *probeStage) {
		s.runs(tcpProbe)
		s.answersBy(func(ctx context.Context, _ []string) error {
			<-ctx.Done()
			return nil
		})
		s.see()
		s.later(300 * time.Millisecond)
		s.prober.stop()
		s.want(healthStarting)
		if s.changes != 0 {
			s.Errorf("%d changes", s.changes)
		}
	})
}

func TestProbesSpread(t *testing.T) {
	probing(t, func(s *probeStage) {
		for range 200 {
			s.runs(tcpProbe).StartedAt = time.Now().Add(-time.Hour)
		}
		s.see()
		s.later(firstProbe)
		if n := len(s.asks()); n != 200 {
			s.Errorf("%d of 200 asked", n)
		}
		s.later(time.Minute)
		at := map[time.Duration]int{}
		for _, a := range s.asks() {
			at[a.after.Truncate(10*time.Millisecond)]++
		}
		for after, n := range at {
			if n > 60 {
				s.Errorf("%d probes at %v", n, after)
			}
		}
	})
}

func TestBothHealths(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ runtime, probe, want string }{
		{"", healthStarting, healthStarting},
		{"", healthHealthy, healthHealthy},
		{"", healthUnhealthy, healthUnhealthy},
		{healthHealthy, healthHealthy, healthHealthy},
		{healthHealthy, healthStarting, healthStarting},
		{healthStarting, healthHealthy, healthStarting},
		{healthStarting, healthUnhealthy, healthUnhealthy},
		{healthUnhealthy, healthStarting, healthUnhealthy},
		{healthUnhealthy, healthHealthy, healthUnhealthy},
	} {
		if got := bothHealths(test.runtime, test.probe); got != test.want {
			t.Errorf("bothHealths(%q, %q) = %q; want %q", test.runtime, test.probe, got, test.want)
		}
	}
}

func BenchmarkProberSees(b *testing.B) {
	p := newProber(func(context.Context, []string, *graft.Probe) error { return nil }, func() {})
	defer p.stop()
	containers := make([]driver.Container, 200)
	for i := range containers {
		containers[i] = driver.Container{
			ID: fmt.Sprint(i), State: driver.StateRunning, StartedAt: time.Now(), Addresses: []string{"10.0.0.1"},
			Labels: map[string]string{driver.EngineLabel: "e1", driver.ProbeLabel: tcpProbe},
		}
	}
	for b.Loop() {
		p.see(&driver.Snapshot{Containers: containers}, "e1")
	}
}
