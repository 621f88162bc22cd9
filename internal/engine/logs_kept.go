package engine

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

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

// lastLinesTime bounds how long the last lines are waited for. They are gone with
// their container, and a busy Docker takes more than two seconds; but a component that
// comes back waits for them, too.
const lastLinesTime = 5 * time.Second

// lastLines returns the last lines of services that failed, as far as they can
// be had: logs are a help, and their absence must not keep a status from being
// written. Lines that were kept before stay for those services whose containers
// are gone or have written nothing, unless they run.
func (e *Engine) lastLines(ctx context.Context, w *world, inst *graft.Installation, failed []string) string {
	ctx, cancel := context.WithTimeout(ctx, lastLinesTime)
	defer cancel()
	containers := w.containersOf(inst.ID)
	var out strings.Builder
	for i := range inst.Services {
		s := &inst.Services[i]
		digest := specDigest(s, inst.Images[s.Name])
		started := slices.DeleteFunc(startedOf(containers, s.Name), func(c *driver.Container) bool {
			of := c.Labels[driver.SpecLabel]
			return of != "" && of != digest // of another version, which is not what failed
		})
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
