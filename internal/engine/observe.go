package engine

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/graftplatform/graft/internal/driver"
)

// observer looks at the runtime, and remembers what the runtime forgets: the
// exit code of a container that was started again.
type observer struct {
	driver driver.Driver
	mu     sync.Mutex
	ends   map[string]int  // container id → exit code of its last end
	gated  map[string]bool // containers, by id, that passed the gate of a swap
}

func newObserver(d driver.Driver) *observer {
	return &observer{driver: d, ends: map[string]int{}, gated: map[string]bool{}}
}

// note takes in an event.
func (o *observer) note(event driver.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case event.Type != "container":
	case event.Action == "die":
		o.ends[event.ID] = event.ExitCode
	case event.Action == "destroy":
		delete(o.ends, event.ID)
		delete(o.gated, event.ID)
	}
}

// passed notes that a container passed the gate of a swap.
func (o *observer) passed(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gated[id] = true
}

// gates returns the containers, by id, that passed the gate of a swap since
// this engine started.
func (o *observer) gates() map[string]bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.gated)
}

// observe returns everything there is, or an error.
func (o *observer) observe(ctx context.Context) (*driver.Snapshot, error) {
	snapshot, err := o.driver.Observe(ctx)
	if err != nil {
		return nil, err
	}
	// Snapshots may share what they hold; this one is changed.
	snapshot = &driver.Snapshot{
		Containers: slices.Clone(snapshot.Containers), Networks: snapshot.Networks, Volumes: snapshot.Volumes,
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range snapshot.Containers {
		if c := &snapshot.Containers[i]; c.Running() && c.Restarts > 0 {
			c.ExitCode = o.ends[c.ID]
		}
	}
	return snapshot, nil
}
