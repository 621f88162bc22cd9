package engine

import (
	"context"
	"sync"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// pulse wakes everybody who waits for a change. It carries no data: whoever is
// woken looks for himself.
type pulse struct {
	mu   sync.Mutex
	next chan struct{}
}

func newPulse() *pulse { return &pulse{next: make(chan struct{})} }

// C returns a channel that is closed at the next beat. Get it before looking,
// so that no change is missed in between.
func (p *pulse) C() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next
}

func (p *pulse) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.next)
	p.next = make(chan struct{})
}

// lookAgain bounds how long a wait relies on events alone.
const lookAgain = 30 * time.Second

// wait returns nil once a container is as it should be, and an error once it
// can't become so any more.
func (x *executor) wait(ctx context.Context, o *operation) error {
	since, life := time.Now(), time.Time{}
	for {
		changed := x.changed.C()
		snapshot, err := x.observer.observe(ctx)
		if err != nil {
			return err
		}
		c := (&world{snapshot: snapshot}).container(o.id)
		now := time.Now()
		if c != nil && !c.StartedAt.Equal(life) {
			// Docker says nothing about a container while it starts it: the answer may
			// have come when all the time was over, and the container had just begun.
			since, life = now, c.StartedAt
		}
		reached, again, err := progress(c, o, since, now)
		if reached && o.until == untilStable {
			x.observer.passed(c)
		}
		if err != nil && c != nil {
			err = x.observer.explain(c, err)
			if !c.Running() && x.observer.away.Load() != x.away {
				// That tells nothing about the addon: the next plan starts it again.
				err = graft.WrapError(graft.CodeUnavailable, err, "the container runtime went away meanwhile, and container %q ended", o.target)
			}
		}
		if reached || err != nil {
			return err
		}
		timer := time.NewTimer(min(again, lookAgain))
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return graft.WrapError(graft.CodeConflict, context.Cause(ctx), "container %q did not become %s in time", o.target, o.until)
		}
		timer.Stop()
	}
}

// drainFor is longer than it takes a client to send again what got lost: a
// connection's first packet is repeated after a second.
const drainFor = 2 * time.Second

// drain lets requests come to their end.
func drain(ctx context.Context) error {
	timer := time.NewTimer(drainFor)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// progress says whether a container has reached what is waited for, since it was
// seen to live the life that it lives, else when to look again at the latest, or why
// it never will. It is pure.
func progress(c *driver.Container, o *operation, since, now time.Time) (bool, time.Duration, error) {
	name := o.target
	if c == nil {
		return false, 0, graft.Errorf(graft.CodeConflict, "container %q is gone", name)
	}
	ended := !c.Running()
	if o.until == untilCompleted {
		switch {
		case !ended:
			return false, lookAgain, nil
		case c.State == driver.StateExited && c.ExitCode == 0:
			return true, 0, nil
		}
		return false, 0, graft.Errorf(graft.CodeConflict, "container %q %s", name, endReason(c))
	}
	switch {
	case o.mayEnd && c.State == driver.StateExited && c.ExitCode == 0:
		return true, 0, nil
	case ended, c.Restarts > o.restarts:
		return false, 0, graft.Errorf(graft.CodeConflict, "container %q %s", name, endReason(c))
	case c.Health == "unhealthy":
		return false, 0, graft.Errorf(graft.CodeConflict, "container %q is unhealthy: its health check fails", name)
	case c.Health == "healthy" && !o.stays:
		return true, 0, nil
	case c.Health == "healthy": // it may have become so where it was before
		left := o.stableFor - now.Sub(since)
		return left <= 0, left, nil
	case c.Health == "starting":
		return false, lookAgain, nil
	case o.until == untilHealthy:
		return false, 0, graft.Errorf(graft.CodeConflict, "container %q has no health check, and another service waits for it to be healthy", name)
	}
	left := o.stableFor - now.Sub(since) // it may have run for long, but not where it is now
	return left <= 0, left, nil
}
