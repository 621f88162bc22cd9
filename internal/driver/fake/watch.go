package fake

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft/internal/driver"
)

// listener is a call that waits for what happens. Its channel is made by that
// call, and so belongs to the bubble that the call runs in.
type listener struct {
	wake   chan struct{}
	events []driver.Event
	broken error
}

func (l *listener) notify() {
	select {
	case l.wake <- struct{}{}:
	default: // it knows already
	}
}

// line is a line of output.
type line struct {
	at   time.Time
	text string
}

// Print adds to a container's output.
func (d *Driver) Print(id, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.find(id); c != nil {
		d.print(c, text)
	}
}

func (d *Driver) print(c *container, text string) {
	for text := range strings.Lines(text) {
		c.lines = append(c.lines, line{d.clock(), strings.TrimSuffix(text, "\n") + "\n"})
	}
	for l := range d.listeners {
		l.notify()
	}
}

// Watch implements driver.Driver.
func (d *Driver) Watch(ctx context.Context, since time.Time, connected func(), fn func(driver.Event)) error {
	l := &listener{wake: make(chan struct{}, 1)}
	err := d.call(ctx, "watch", "", func() error {
		if !since.IsZero() {
			earlier := slices.DeleteFunc(slices.Clone(d.events), func(e driver.Event) bool { return e.Time.Before(since) })
			l.events = earlier
			l.notify()
		}
		d.listeners[l] = true
		return nil
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer d.forget(l)
	if connected != nil {
		connected()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
		}
		events, broken := d.take(l)
		for _, e := range events {
			fn(e)
		}
		if broken != nil {
			return broken
		}
	}
}

// Logs implements driver.Driver.
func (d *Driver) Logs(ctx context.Context, id string, options driver.LogOptions, w io.Writer) error {
	l := &listener{wake: make(chan struct{}, 1)}
	var c *container
	life := 0
	err := d.call(ctx, "logs", d.nameOf(id), func() (err error) {
		if c, err = d.mustFind(id); err == nil {
			d.listeners[l] = true
			life = c.life
		}
		return err
	})
	if err != nil {
		return err
	}
	defer d.forget(l)
	next := -1
	for {
		var text string
		var more bool
		text, next, more = d.output(c, life, options, next)
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
		if !options.Follow || !more {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
		}
		if _, broken := d.take(l); broken != nil {
			return broken
		}
	}
}

// output returns the lines from the one numbered next on, or for -1 the ones
// that the options choose, and whether there may be more later in that life:
// like Docker, it does not go on with the next one.
func (d *Driver) output(c *container, life int, options driver.LogOptions, next int) (string, int, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if next < 0 {
		next = slices.IndexFunc(c.lines, func(l line) bool { return !l.at.Before(options.Since) })
		if next < 0 {
			next = len(c.lines)
		}
		if options.Tail > 0 {
			next = max(next, len(c.lines)-options.Tail)
		}
	}
	var text strings.Builder
	for _, l := range c.lines[next:] {
		text.WriteString(l.text)
		if options.Last != nil {
			*options.Last = l.at
		}
	}
	return text.String(), len(c.lines), c.Running() && c.life == life
}

func (d *Driver) forget(l *listener) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.listeners, l)
}

func (d *Driver) take(l *listener) ([]driver.Event, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	events := l.events
	l.events = nil
	return events, l.broken
}

func (d *Driver) emitContainer(c *container, action string) {
	event := driver.Event{Type: "container", Action: action, ID: c.ID, Name: c.Name, Labels: maps.Clone(c.Labels)}
	if action == "die" {
		event.ExitCode = c.ExitCode
	}
	d.publish(event)
}

func (d *Driver) emit(kind, action, id, name string) {
	d.publish(driver.Event{Type: kind, Action: action, ID: id, Name: name})
}

func (d *Driver) publish(event driver.Event) {
	event.Time = d.clock()
	d.events = append(d.events, event)
	for l := range d.listeners {
		if l.broken != nil {
			continue // it hears nothing of what happens later
		}
		l.events = append(l.events, event)
		l.notify()
	}
}
