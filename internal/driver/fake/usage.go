package fake

import (
	"context"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

var _ driver.UsageReader = (*Driver)(nil)

// Usage implements driver.UsageReader: containers use what their image's Behaviour
// says from their start on.
func (d *Driver) Usage(ctx context.Context, id string) (usage driver.Usage, err error) {
	err = d.call(ctx, "usage", d.nameOf(id), func() error {
		c, err := d.mustFind(id)
		if err != nil {
			return err
		}
		if !c.Running() {
			return graft.Errorf(graft.CodeConflict, "container %q does not run, and so uses nothing", id)
		}
		behaviour, now := d.behaviour(c.Image), d.clock()
		usage = driver.Usage{
			Time: now, Memory: behaviour.Memory,
			CPU: time.Duration(behaviour.CPUs * float64(now.Sub(c.StartedAt))),
		}
		return nil
	})
	return usage, err
}
