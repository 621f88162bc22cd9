package fake

import (
	"strconv"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// Docker waits between restarts, twice as long each time.
const (
	firstRestartDelay = 100 * time.Millisecond
	maxRestartDelay   = time.Minute
)

// Exit ends a container as if its process had ended by itself; its restart
// policy applies.
func (d *Driver) Exit(id string, code int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.find(id); c != nil && c.Running() {
		d.exit(c, code)
	}
}

// SetHealth changes the health of a running container: starting, healthy or
// unhealthy.
func (d *Driver) SetHealth(id, health string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.find(id); c != nil && c.Running() {
		d.setHealth(c, health)
	}
}

// start gives a container its next life.
func (d *Driver) start(c *container) error {
	behaviour := d.behaviour(c.Image)
	if err := d.canStart(c, behaviour); err != nil {
		c.Error = graft.ErrorMessage(err)
		return err
	}
	c.newLife()
	c.State, c.StartedAt = driver.StateRunning, d.clock()
	c.Error, c.ExitCode, c.OOMKilled = "", 0, false
	for _, e := range c.Endpoints {
		d.join(c, e)
	}
	d.print(c, c.expand(behaviour.Output))
	d.emitContainer(c, "start")
	if !c.NoHealthcheck && (c.Healthcheck || behaviour.HealthAfter > 0 || behaviour.Unhealthy) {
		c.Health = "starting"
		first := "healthy"
		if behaviour.Unhealthy {
			first = "unhealthy"
		}
		d.after(c, behaviour.HealthAfter, func() { d.setHealth(c, first) })
	}
	if behaviour.ExitAfter > 0 && (behaviour.ExitWithout == "" || c.endpoint(behaviour.ExitWithout) < 0) {
		d.after(c, behaviour.ExitAfter, func() { d.exit(c, behaviour.ExitCode) })
	}
	return nil
}

func (d *Driver) behaviour(image string) Behaviour {
	if b, ok := d.images[image]; ok {
		return b
	}
	return d.images[AnyImage]
}

func (d *Driver) canStart(c *container, behaviour Behaviour) error {
	if behaviour.StartError != nil {
		return behaviour.StartError
	}
	for _, e := range c.Endpoints {
		if id := c.lastOn[e.Network]; id != "" && d.networks[e.Network].ID != id {
			return errNoNetwork(e.Network)
		}
	}
	return d.canJoin(c, c.Endpoints)
}

// end ends a container's life, and itself if it is to be removed then.
func (d *Driver) end(c *container, code int) {
	c.newLife()
	c.State, c.ExitCode, c.FinishedAt, c.Health = driver.StateExited, code, d.clock(), ""
	c.live, c.published = nil, false
	d.emitContainer(c, "die")
	if c.AutoRemove {
		d.drop(c)
	}
}

// exit is an end that the restart policy may answer with a new start.
func (d *Driver) exit(c *container, code int) {
	d.end(c, code)
	if c.AutoRemove || !restarts(c.RestartPolicy, code, c.Restarts) {
		return
	}
	delay := min(firstRestartDelay<<min(c.Restarts, 20), maxRestartDelay)
	c.Restarts++
	c.State = driver.StateRestarting
	d.after(c, delay, func() {
		if err := d.start(c); err != nil {
			c.State = driver.StateExited
		}
	})
}

func restarts(policy string, code, already int) bool {
	name, limit, limited := strings.Cut(policy, ":")
	switch name {
	case "always", "unless-stopped":
		return true
	case "on-failure":
		n, _ := strconv.Atoi(limit) // 0, as Docker has it: no limit
		return code != 0 && (!limited || n == 0 || already < n)
	}
	return false
}

func validPolicy(policy string) bool {
	name, limit, limited := strings.Cut(policy, ":")
	switch name {
	case "no", "always", "unless-stopped":
		return !limited
	case "on-failure":
		n, err := strconv.Atoi(limit)
		return !limited || err == nil && n >= 0
	}
	return false
}

func (d *Driver) setHealth(c *container, health string) {
	if c.Health != health {
		c.Health = health
		d.emitContainer(c, "health_status")
	}
}

// after calls fn with the lock held unless the container's life ends before.
func (d *Driver) after(c *container, delay time.Duration, fn func()) {
	life := c.life
	c.timers = append(c.timers, time.AfterFunc(delay, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if c.life == life {
			fn()
		}
	}))
}

func (c *container) newLife() {
	c.life++
	for _, timer := range c.timers {
		timer.Stop()
	}
	c.timers = nil
}
