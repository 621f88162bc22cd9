package engine

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// observer looks at the runtime, and remembers what the runtime forgets: the
// exit code of a container that was started again, and how often it was.
type observer struct {
	driver   driver.Driver
	engineID string
	prober   *prober
	budget   *budget
	mu       sync.Mutex
	ends     map[string]ending    // by container id: the last one
	expected map[string]bool      // containers, by id, that were told to end
	gated    map[string]string    // containers, by id: the networks on which they passed the gate of a swap
	created  map[string]time.Time // containers, by id: when they were first seen, not started yet
	looks    *looks
	// away counts how often the runtime went away: what ran may have ended with it.
	away atomic.Int64
}

func newObserver(d driver.Driver, engineID string, p *prober, b *budget) *observer {
	return &observer{driver: d, engineID: engineID, prober: p, budget: b, ends: map[string]ending{}, gated: map[string]string{}, expected: map[string]bool{}, created: map[string]time.Time{}, looks: newLooks()}
}

// expectEnd notes that a container is told to end.
func (o *observer) expectEnd(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.expected[id] = true
}

// note takes in an event, and is false if it was told before or expected.
func (o *observer) note(event driver.Event) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case event.Type != "container":
	case event.Action == "die":
		if last, told := o.ends[event.ID]; told && last.at.Equal(event.Time) {
			return false
		}
		o.ends[event.ID] = ending{event.Time, event.ExitCode}
		return !o.expected[event.ID]
	case event.Action == "start":
		delete(o.expected, event.ID)
	case event.Action == "destroy":
		delete(o.ends, event.ID)
		delete(o.gated, event.ID)
		delete(o.expected, event.ID)
	}
	return true
}

// ending is how and when a container's process ended.
type ending struct {
	at   time.Time
	code int
}

// passed notes that a container passed the gate of a swap where it is now.
func (o *observer) passed(c *driver.Container) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gated[c.ID] = place(c)
}

// gates returns the containers, by id, that passed the gate of a swap since
// this engine started, each with the networks on which it did.
func (o *observer) gates() map[string]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.gated)
}

// unfinished returns the containers, by id, that were seen first a moment ago and
// have not been started: who makes them may not be done.
func (o *observer) unfinished() map[string]bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	var unfinished map[string]bool
	for id, at := range o.created {
		if time.Since(at) < creationTime {
			if unfinished == nil {
				unfinished = map[string]bool{}
			}
			unfinished[id] = true
		}
	}
	return unfinished
}

// place tells where a container is: to pass a gate on other networks is another
// thing, and so is to pass it in another life.
func place(c *driver.Container) string {
	names := []string{c.StartedAt.String()}
	for _, e := range c.Endpoints {
		names = append(names, e.Network)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// observe returns everything there is, or an error, in bounded time. The
// snapshot is shared: nobody may change it.
func (o *observer) observe(ctx context.Context) (*driver.Snapshot, error) {
	return o.looks.share(ctx, o.look)
}

func (o *observer) look(ctx context.Context) (*driver.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout) // whoever waits for it may have no limit
	defer cancel()
	snapshot, err := o.driver.Observe(ctx)
	if err != nil {
		return nil, err
	}
	// The driver's snapshots may share what they hold; this one is changed.
	snapshot = &driver.Snapshot{
		Containers: slices.Clone(snapshot.Containers), Networks: snapshot.Networks, Volumes: snapshot.Volumes,
	}
	o.forget(snapshot)
	o.prober.see(snapshot, o.engineID)
	o.budget.see(snapshot, o.engineID, time.Now())
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range snapshot.Containers {
		c := &snapshot.Containers[i]
		if c.Running() && c.Restarts > 0 {
			c.ExitCode = o.ends[c.ID].code
		}
		if c.State == driver.StateCreated && o.created[c.ID].IsZero() {
			o.created[c.ID] = time.Now()
		}
	}
	return snapshot, nil
}

// forget forgets containers that are gone, as the event that said so may have
// been missed.
func (o *observer) forget(snapshot *driver.Snapshot) {
	there := make(map[string]bool, len(snapshot.Containers))
	for i := range snapshot.Containers {
		there[snapshot.Containers[i].ID] = true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.created, func(id string, _ time.Time) bool { return !there[id] })
	maps.DeleteFunc(o.ends, func(id string, _ ending) bool { return !there[id] })
	maps.DeleteFunc(o.expected, func(id string, _ bool) bool { return !there[id] })
	maps.DeleteFunc(o.gated, func(id string, _ string) bool { return !there[id] })
}

// explain adds to why a container is not as it should be what its probe said.
func (o *observer) explain(c *driver.Container, err error) error {
	why := o.prober.reason(c.ID)
	if why == "" || c.Health != "unhealthy" {
		return err
	}
	return graft.WrapError(graft.ErrorCode(err), err, "%s: %s", graft.ErrorMessage(err), why)
}
