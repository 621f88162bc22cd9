package engine

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/graftplatform/graft/internal/driver"
)

// Docker starts containers that end again, for ever. A budget bounds that: one
// that was started again too often within a time rests, longer each time, or,
// if it is a plugin, makes room for its component.
const (
	defaultRetries = 5
	budgetWindow   = 10 * time.Minute
	firstRest      = time.Minute
	lastRest       = 15 * time.Minute
)

// budget counts how often containers are started again.
type budget struct {
	retries int // within the window
	// again is told of every start after the first one.
	again func(c *driver.Container)

	mu      sync.Mutex
	tallies map[string]*tally // by container id
}

// tally is what is known of one container's starts.
type tally struct {
	installation string
	startedAt    time.Time
	restarts     int
	// due is whether a restart was counted that has not been seen to begin: the
	// runtime counts it some time before.
	due       bool
	again     []time.Time // starts after the first one
	rests     int         // how often it had to rest
	restUntil time.Time
}

func newBudget(retries int, again func(c *driver.Container)) *budget {
	return &budget{retries: retries, again: again, tallies: map[string]*tally{}}
}

// see takes in an observation.
func (b *budget) see(snapshot *driver.Snapshot, engineID string, now time.Time) {
	for _, c := range b.count(snapshot, engineID, now) {
		b.again(c)
	}
}

// count returns the containers that were started again, as often as they were.
func (b *budget) count(snapshot *driver.Snapshot, engineID string, now time.Time) (again []*driver.Container) {
	b.mu.Lock()
	defer b.mu.Unlock()
	there := make(map[string]bool, len(b.tallies))
	for i := range snapshot.Containers {
		c := &snapshot.Containers[i]
		if c.Labels[driver.EngineLabel] != engineID {
			continue
		}
		there[c.ID] = true
		t := b.tallies[c.ID]
		if t == nil {
			b.tallies[c.ID] = &tally{installation: c.Labels[driver.InstallationLabel], startedAt: c.StartedAt, restarts: c.Restarts}
			continue
		}
		for range t.count(c, now) {
			again = append(again, c)
		}
		if len(t.again) > b.retries && !now.Before(t.restUntil) {
			t.rest(now)
		}
	}
	for id := range b.tallies {
		if !there[id] {
			delete(b.tallies, id)
		}
	}
	return again
}

// count returns how often a container was started again since the last look. A
// look from before that one says nothing.
func (t *tally) count(c *driver.Container, now time.Time) int {
	if c.StartedAt.Before(t.startedAt) || c.StartedAt.Equal(t.startedAt) && c.Restarts < t.restarts {
		return 0
	}
	again := max(c.Restarts-t.restarts, 0)
	started := c.StartedAt.After(t.startedAt)
	if again == 0 && started && !t.due && !t.startedAt.IsZero() {
		again = 1
	}
	if started || again > 0 {
		t.due = again > 0 && (!started || c.State == driver.StateRestarting)
	}
	t.restarts, t.startedAt = c.Restarts, c.StartedAt
	for range again {
		t.again = append(t.again, now)
	}
	t.again = slices.DeleteFunc(t.again, func(at time.Time) bool { return now.Sub(at) > budgetWindow })
	if len(t.again) == 0 && now.After(t.restUntil.Add(budgetWindow)) {
		t.rests = 0 // it has been well for long
	}
	return again
}

// rest lets a container rest, longer each time, with jitter; then it has its
// whole budget again.
func (t *tally) rest(now time.Time) {
	pause := min(firstRest<<min(t.rests, 10), lastRest)
	t.rests++
	t.restUntil = now.Add(pause + rand.N(pause/4+1))
	t.again = t.again[:0]
}

// resting returns the containers, by id, that are not to be started before some
// time.
func (b *budget) resting(now time.Time) map[string]time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	var resting map[string]time.Time
	for id, t := range b.tallies {
		if now.Before(t.restUntil) {
			if resting == nil {
				resting = map[string]time.Time{}
			}
			resting[id] = t.restUntil
		}
	}
	return resting
}

// rested returns the containers, by id, whose rest is over and that have not been
// started since.
func (b *budget) rested(now time.Time) map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	var rested map[string]bool
	for id, t := range b.tallies {
		if !t.restUntil.IsZero() && !now.Before(t.restUntil) && t.startedAt.Before(t.restUntil) {
			if rested == nil {
				rested = map[string]bool{}
			}
			rested[id] = true
		}
	}
	return rested
}

// forgive forgets what is known of an installation's containers, as somebody
// wants them tried anew.
func (b *budget) forgive(installation string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, t := range b.tallies {
		if t.installation == installation {
			delete(b.tallies, id)
		}
	}
}
