package engine

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// keptLines is how many lines of a failed service are kept with its status.
const keptLines = 100

// Logs writes the output of an installation's services, or of one of them, to
// w; every line after its service's name. Of an installation whose containers
// are gone it writes what was kept.
func (e *Engine) Logs(ctx context.Context, id, service string, options driver.LogOptions, w io.Writer) error {
	inst, err := e.Installation(ctx, id)
	if err != nil {
		return err
	}
	if service != "" && inst.Service(service) == nil {
		return graft.Errorf(graft.CodeNotFound, "addon %q has no service %q", inst.Name, service)
	}
	snapshot, err := e.driver.Observe(ctx)
	if err != nil {
		return err
	}
	containers := (&world{settings: e.settings, snapshot: snapshot}).containersOf(id)
	var group errgroup.Group
	var mu sync.Mutex
	found := false
	for _, c := range containers {
		name := c.Labels[driver.ServiceLabel]
		if service != "" && name != service {
			continue
		}
		found = true
		group.Go(func() error {
			lines := &prefixWriter{prefix: name + " | ", out: w, mu: &mu}
			err := e.driver.Logs(ctx, c.ID, options, lines)
			lines.flush()
			return err
		})
	}
	if !found {
		for line := range strings.Lines(inst.Logs) {
			if service != "" && !strings.HasPrefix(line, service+" | ") {
				continue
			}
			if _, err := io.WriteString(w, line); err != nil {
				return err
			}
		}
	}
	return group.Wait()
}

// lastLines returns the last lines of services, as far as they can be had: logs
// are a help, and their absence must not keep a status from being written.
func (e *Engine) lastLines(ctx context.Context, w *world, inst *graft.Installation, services []string) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var out bytes.Buffer
	var mu sync.Mutex
	for _, name := range services {
		for _, c := range w.containersOf(inst.ID) {
			if c.Labels[driver.ServiceLabel] != name {
				continue
			}
			lines := &prefixWriter{prefix: name + " | ", out: &out, mu: &mu}
			if err := e.driver.Logs(ctx, c.ID, driver.LogOptions{Tail: keptLines}, lines); err != nil {
				e.log.Debug("no logs", "container", c.Name, "error", err)
			}
			lines.flush()
		}
	}
	return out.String()
}

// maxLine bounds a line that is held back until it is whole.
const maxLine = 64 << 10

// prefixWriter writes whole lines with a prefix, so that several of them can
// share one output.
type prefixWriter struct {
	prefix string
	out    io.Writer
	mu     *sync.Mutex // of out
	rest   []byte
}

func (p *prefixWriter) Write(data []byte) (int, error) {
	p.rest = append(p.rest, data...)
	for {
		end := bytes.IndexByte(p.rest, '\n')
		switch {
		case end >= 0:
			end++
		case len(p.rest) > maxLine:
			end = maxLine
		default:
			return len(data), nil
		}
		if err := p.line(p.rest[:end]); err != nil {
			return 0, err
		}
		p.rest = p.rest[end:]
	}
}

// flush writes a last line that had no end.
func (p *prefixWriter) flush() {
	if len(p.rest) > 0 {
		_ = p.line(p.rest) // the reader is gone: nobody to tell
		p.rest = nil
	}
}

func (p *prefixWriter) line(line []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := p.prefix + string(bytes.TrimRight(line, "\r\n")) + "\n"
	_, err := io.WriteString(p.out, text)
	return err
}
