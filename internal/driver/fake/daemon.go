package fake

import (
	"maps"
	"slices"
	"strings"

	"github.com/graftplatform/graft/internal/driver"
)

// RestartDaemon does what a restart of the runtime does: every container ends,
// those start again whose restart policy says so, watches break, and what
// happened before can't be watched any more.
func (d *Driver) RestartDaemon() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.endAll()
	for _, c := range d.inOrder() {
		if !c.StartedAt.IsZero() && (c.RestartPolicy == "always" || c.RestartPolicy == "unless-stopped" && !c.stopped) {
			_ = d.start(c) // a failure is in c.Error
		}
	}
}

// KillDaemon does what is seen just after the runtime was killed and started again:
// watches broke without a word, every container has ended, and none was started
// again yet.
func (d *Driver) KillDaemon() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.breakWatches()
	d.endAll()
}

// endAll ends all containers, and forgets what was told before.
func (d *Driver) endAll() {
	for _, c := range d.inOrder() {
		switch {
		case c.Running():
			d.end(c, 0)
		case c.State == driver.StateRestarting:
			c.newLife()
			c.State = driver.StateExited
		}
	}
	d.events = nil
	d.breakWatches()
}

// Prune removes the containers that do not run, as "docker container prune" does.
func (d *Driver) Prune() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.inOrder() {
		switch c.State {
		case driver.StateCreated, driver.StateExited, driver.StateDead:
			d.drop(c)
		}
	}
}

// SetPaused pauses a running container, or lets a paused one go on.
func (d *Driver) SetPaused(id string, paused bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.find(id)
	switch {
	case c == nil:
	case paused && c.State == driver.StateRunning:
		c.State = driver.StatePaused
		d.emitContainer(c, "pause")
	case !paused && c.State == driver.StatePaused:
		c.State = driver.StateRunning
		d.emitContainer(c, "unpause")
	}
}

// inOrder returns the containers, the oldest first.
func (d *Driver) inOrder() []*container {
	return slices.SortedFunc(maps.Values(d.containers), func(a, b *container) int { return strings.Compare(a.ID, b.ID) })
}
