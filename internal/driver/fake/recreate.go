package fake

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// asked is what the specification of a container asks for and driver.Container
// does not tell.
type asked struct {
	Environment   map[string]string
	Healthcheck   bool // it asks for one
	NoHealthcheck bool // it forbids one
}

// record is everything of a container that it can be made again from.
type record struct {
	driver.Container
	Asked asked
}

// Recreate implements driver.Driver.
func (d *Driver) Recreate(ctx context.Context, written json.RawMessage, name string) error {
	return d.call(ctx, "recreate", name, func() error {
		r, err := readRecord(written)
		if err != nil {
			return err
		}
		if err := d.hasAll(name, r.Image, r.Endpoints); err != nil {
			return err
		}
		c := &container{Container: r.Container, asked: r.Asked}
		c.ID, c.Name, c.CreatedAt, c.State = d.newID(), name, d.clock(), driver.StateCreated
		c.Health, c.Error, c.ExitCode, c.OOMKilled, c.Restarts = "", "", 0, false, 0
		c.StartedAt, c.FinishedAt = time.Time{}, time.Time{}
		d.add(c)
		return nil
	})
}

func readRecord(written json.RawMessage) (*record, error) {
	var r record
	if err := json.Unmarshal(written, &r); err != nil || r.ID == "" {
		return nil, graft.WrapError(graft.CodeInvalid, err, "the record of the container can't be read")
	}
	return &r, nil
}

// Move implements driver.Driver: as two calls, each of which may fail.
func (d *Driver) Move(ctx context.Context, from, to string, endpoint driver.Endpoint, record json.RawMessage) error {
	if err := d.Disconnect(ctx, from, endpoint.Network); err != nil {
		return err
	}
	if len(record) > 0 {
		return d.Reconnect(ctx, to, record, endpoint.Network)
	}
	return d.Connect(ctx, to, endpoint)
}

// drop removes a container that does not run.
func (d *Driver) drop(c *container) {
	if _, ok := d.containers[c.ID]; !ok {
		return
	}
	c.newLife()
	c.live, c.published = nil, false
	c.State = driver.StateRemoving // for who follows its output
	delete(d.containers, c.ID)
	d.emitContainer(c, "destroy")
}

// expand puts the container's environment into a text.
func (c *container) expand(text string) string {
	pairs := make([]string, 0, 2*len(c.Environment))
	for name, value := range c.Environment {
		pairs = append(pairs, "${"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
