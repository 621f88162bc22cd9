package engine

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// A container's health, in Docker's words.
const (
	healthStarting  = "starting"
	healthHealthy   = "healthy"
	healthUnhealthy = "unhealthy"
)

const (
	// firstProbe is the latest that a container is asked after it was first
	// seen: soon, and not all of them at once.
	firstProbe = 200 * time.Millisecond
	// hurry is the least time between two probes of a container that has not
	// answered yet.
	hurry = 100 * time.Millisecond
)

// prober knows the health of containers that have a probe. Every observation
// goes through see; between them, a goroutine for each container asks it.
//
// The meanings are Docker's: retries failures in a row make a container
// unhealthy, one success makes it healthy. The first probe that counts comes an
// interval after the start, or after a change of addresses; before that, and
// in the start period, the container is asked more often, so that it is known
// soon that it works, and failures count for nothing.
type prober struct {
	check   func(ctx context.Context, addresses []string, p *graft.Probe) error
	changed func()

	mu      sync.Mutex
	probed  map[string]*probed // by container id
	stopped bool
	running sync.WaitGroup
}

// probed is a container that runs and has a probe. The prober's mutex guards
// everything but the constants.
type probed struct {
	startedAt time.Time     // constant; with the container's id it identifies a process
	began     time.Time     // constant; the same by our clock
	probe     *graft.Probe  // constant
	end       func()        // constant; ends its goroutine
	moved     chan struct{} // constant; its goroutine is to ask at once

	addresses []string
	since     time.Time // it has been at these addresses
	paused    bool      // its process is frozen and can't answer
	abort     func()    // ends the probe that is being made
	round     int       // grows when the answers on their way count no more

	health   string
	answered bool // it was healthy once
	failures int  // in a row, as far as they count
	reason   string
}

// newProber makes a prober that asks by check. changed is called whenever a
// health has changed between two observations; it must return soon.
func newProber(check func(ctx context.Context, addresses []string, p *graft.Probe) error, changed func()) *prober {
	return &prober{check: check, changed: changed, probed: map[string]*probed{}}
}

// see takes in an observation and puts the health into its containers, whose
// slice the caller must own. Health in it always belongs to the process and the
// addresses that the observation shows.
func (p *prober) see(snapshot *driver.Snapshot, engineID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := make(map[string]bool, len(p.probed))
	for i := range snapshot.Containers {
		c := &snapshot.Containers[i]
		label, labelled := c.Labels[driver.ProbeLabel]
		if !labelled || c.Labels[driver.EngineLabel] != engineID || !c.Running() {
			continue
		}
		seen[c.ID] = true
		c.Health = bothHealths(c.Health, p.follow(c, label))
	}
	for id := range p.probed {
		if !seen[id] {
			p.leave(id)
		}
	}
}

// bothHealths joins the runtime's health, empty if it has none, with a probe's.
func bothHealths(runtime, probe string) string {
	switch {
	case runtime == "" || runtime == probe:
		return probe
	case runtime == healthUnhealthy || probe == healthUnhealthy:
		return healthUnhealthy
	}
	return healthStarting
}

// follow makes sure that a container is probed as it is now, and returns its
// health.
func (p *prober) follow(c *driver.Container, label string) string {
	e := p.probed[c.ID]
	if e != nil && !e.startedAt.Equal(c.StartedAt) {
		p.leave(c.ID)
		e = nil
	}
	switch {
	case p.stopped:
		return healthStarting
	case e == nil:
		e = p.start(c, label)
	case !slices.Equal(e.addresses, c.Addresses):
		e.move(c.Addresses)
	}
	e.paused = c.State == driver.StatePaused
	return e.health
}

// start begins to probe a container.
func (p *prober) start(c *driver.Container, label string) *probed {
	began := c.StartedAt
	if now := time.Now(); began.After(now) { // the runtime's clock is another one
		began = now
	}
	e := &probed{
		startedAt: c.StartedAt, began: began, probe: new(graft.Probe), moved: make(chan struct{}, 1),
		addresses: slices.Clone(c.Addresses), since: began, health: healthStarting,
	}
	if err := json.Unmarshal([]byte(label), e.probe); err != nil {
		e.probe = new(graft.Probe) // asks nothing, so it fails and says so
	}
	ctx, end := context.WithCancel(context.Background())
	e.end = end
	p.probed[c.ID] = e
	p.running.Go(func() { p.keepAsking(ctx, e) })
	return e
}

// leave ends the probing of a container.
func (p *prober) leave(id string) {
	p.probed[id].end()
	p.probed[id].round++
	delete(p.probed, id)
}

// move forgets what was heard from other addresses.
func (e *probed) move(addresses []string) {
	e.addresses, e.since = slices.Clone(addresses), time.Now()
	e.health, e.failures, e.reason = healthStarting, 0, ""
	e.round++
	if e.abort != nil {
		e.abort()
	}
	select {
	case e.moved <- struct{}{}:
	default: // it knows
	}
}

// keepAsking probes a container until ctx ends.
func (p *prober) keepAsking(ctx context.Context, e *probed) {
	timer := time.NewTimer(rand.N(min(firstProbe, e.probe.Schedule().Interval)))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-e.moved:
		}
		timer.Reset(p.ask(ctx, e))
	}
}

// ask probes a container once and returns when to do it again.
func (p *prober) ask(ctx context.Context, e *probed) time.Duration {
	schedule := e.probe.Schedule()
	ctx, cancel := context.WithTimeout(ctx, schedule.Timeout)
	defer cancel()
	p.mu.Lock()
	addresses, round, paused := e.addresses, e.round, e.paused
	if paused {
		p.mu.Unlock()
		return schedule.Interval
	}
	e.abort = cancel
	p.mu.Unlock()
	asked := time.Now()
	err := p.check(ctx, addresses, e.probe)

	p.mu.Lock()
	e.abort = nil
	if e.round != round || e.paused { // what was asked is no more; a move asks again at once
		p.mu.Unlock()
		return schedule.Interval
	}
	before := e.health
	e.take(err, asked, schedule)
	differs, again := e.health != before, e.again(time.Now(), schedule)
	p.mu.Unlock()
	if differs {
		p.changed()
	}
	return again
}

// take takes in the answer to a probe made at that time.
func (e *probed) take(err error, asked time.Time, schedule graft.Schedule) {
	if err == nil {
		e.health, e.answered, e.failures, e.reason = healthHealthy, true, 0, ""
		return
	}
	if e.reason = graft.ErrorMessage(err); e.reason == "" {
		e.reason = err.Error()
	}
	if asked.Before(e.graceEnd(schedule)) {
		return
	}
	if e.failures++; e.failures >= schedule.Retries {
		e.health = healthUnhealthy
	}
}

// graceEnd is when failures begin to count.
func (e *probed) graceEnd(schedule graft.Schedule) time.Time {
	end := e.since.Add(schedule.Interval)
	if start := e.began.Add(schedule.StartPeriod); !e.answered && start.After(end) {
		return start
	}
	return end
}

// again is when to ask again. While failures do not count, that is the sooner
// the less time has passed: the wait adds little to the time that the container
// takes to come up, and one that takes long is not asked all the time.
func (e *probed) again(now time.Time, schedule graft.Schedule) time.Duration {
	grace := e.graceEnd(schedule).Sub(now)
	if e.health == healthStarting && grace > 0 {
		return min(max(now.Sub(e.since)/5, hurry), schedule.Interval, grace)
	}
	pause := schedule.Interval
	if e.health == healthHealthy && e.failures == 0 {
		pause = schedule.Steady
	}
	return pause - rand.N(pause/10+1) // so that they spread
}

// reason says why the last probe of a container failed; it is empty if it
// did not, and for containers without a probe.
func (p *prober) reason(containerID string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.probed[containerID]; e != nil {
		return e.reason
	}
	return ""
}

// reasons says why the last probes failed, by container; the others are left out.
func (p *prober) reasons() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var reasons map[string]string
	for id, e := range p.probed {
		if e.reason == "" {
			continue
		}
		if reasons == nil {
			reasons = map[string]string{}
		}
		reasons[id] = e.reason
	}
	return reasons
}

// stop ends all probes and waits for their goroutines; changed must not call
// it. What is seen after that is starting.
func (p *prober) stop() {
	p.mu.Lock()
	p.stopped = true
	for id := range p.probed {
		p.leave(id)
	}
	p.mu.Unlock()
	p.running.Wait()
}
