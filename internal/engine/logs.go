package engine

import (
	"bytes"
	"context"
	"io"
	"slices"
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
// w; every line after its service's name. Of a service that has no container, or
// one that was never started, it writes what was kept of the last one.
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
	for _, s := range inst.Services {
		if service != "" && s.Name != service || len(startedOf(containers, s.Name)) > 0 {
			continue
		}
		if err := writeLast(w, keptOf(inst.Logs, s.Name), options.Tail); err != nil {
			return err
		}
	}
	var group errgroup.Group
	var mu sync.Mutex
	for _, s := range inst.Services {
		if service != "" && s.Name != service {
			continue
		}
		for _, c := range startedOf(containers, s.Name) {
			group.Go(func() error {
				lines := &prefixWriter{prefix: s.Name + " | ", out: w, mu: &mu}
				err := e.driver.Logs(ctx, c.ID, options, lines)
				lines.flush()
				return err
			})
		}
	}
	return group.Wait()
}

// startedOf returns the containers of a service that may have written something.
func startedOf(containers []*driver.Container, service string) []*driver.Container {
	var found []*driver.Container
	for _, c := range containers {
		if c.Labels[driver.ServiceLabel] == service && (c.Running() || !c.StartedAt.IsZero()) {
			found = append(found, c)
		}
	}
	return found
}

// keptOf returns those of the kept lines that are a service's.
func keptOf(logs, service string) []string {
	var lines []string
	for line := range strings.Lines(logs) {
		if strings.HasPrefix(line, service+" | ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// writeLast writes the last n lines, all of them when n is 0.
func writeLast(w io.Writer, lines []string, n int) error {
	if n > 0 && len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	for _, line := range lines {
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}

// lastLines returns the last lines of services that failed, as far as they can
// be had: logs are a help, and their absence must not keep a status from being
// written. Lines that were kept before stay for those services whose containers
// are gone or have written nothing, unless they run.
func (e *Engine) lastLines(ctx context.Context, w *world, inst *graft.Installation, failed []string) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	containers := w.containersOf(inst.ID)
	var out strings.Builder
	for _, s := range inst.Services {
		started := startedOf(containers, s.Name)
		var fresh bytes.Buffer
		if slices.Contains(failed, s.Name) {
			e.readLast(ctx, started, s.Name, &fresh)
		} else if slices.ContainsFunc(started, (*driver.Container).Running) {
			continue
		}
		if fresh.Len() == 0 {
			fresh.WriteString(strings.Join(keptOf(inst.Logs, s.Name), ""))
		}
		out.Write(fresh.Bytes())
	}
	return out.String()
}

// readLast writes the last lines of a service's containers to out.
func (e *Engine) readLast(ctx context.Context, containers []*driver.Container, service string, out io.Writer) {
	var mu sync.Mutex
	for _, c := range containers {
		lines := &prefixWriter{prefix: service + " | ", out: out, mu: &mu}
		if err := e.driver.Logs(ctx, c.ID, driver.LogOptions{Tail: keptLines}, lines); err != nil {
			e.log.Debug("no logs", "container", c.Name, "error", err)
		}
		lines.flush()
	}
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
