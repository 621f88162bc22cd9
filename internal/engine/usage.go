package engine

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// Bounds of measuring what containers use.
const (
	usageFresh   = time.Second            // that old an answer may be
	usageTime    = 10 * time.Second       // for one measurement
	usageReaders = 8                      // containers that are asked at a time
	shortestSpan = 500 * time.Millisecond // between two samples of a container
	longestSpan  = time.Minute
)

// Stats returns what the containers of the installations' services use just now;
// those that don't run, or that can't be asked, are left out. All who ask within a
// second get one answer. Errors: CodeNotFound when the runtime can't tell;
// CodeUnavailable when it does not answer.
func (e *Engine) Stats(ctx context.Context) ([]graft.ServiceUsage, error) {
	reader, ok := e.driver.(driver.UsageReader)
	if !ok {
		return nil, graft.Errorf(graft.CodeNotFound, "The runtime of this engine does not tell what containers use.")
	}
	m := e.usage.join(func() ([]graft.ServiceUsage, error) {
		// It is for all who ask: it goes on when one of them leaves.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), usageTime)
		defer cancel()
		return e.measure(ctx, reader)
	})
	select {
	case <-m.over:
		return m.found, m.err
	case <-ctx.Done():
		return nil, graft.WrapError(graft.CodeUnavailable, ctx.Err(), "the request was given up")
	}
}

// usage is what is known of what containers use.
type usage struct {
	mu   sync.Mutex
	last *measurement // maybe not over yet; nil: nobody has asked
	// samples are the last ones, by container id. They belong to whoever measures.
	samples map[string]sample
}

// measurement is one answer, for all who came soon enough.
type measurement struct {
	over  chan struct{} // closed then
	found []graft.ServiceUsage
	err   error
	at    time.Time // when it was over
}

// sample is what a container has used in one of its lives.
type sample struct {
	driver.Usage
	life time.Time // when that began
}

// join returns the last measurement if it is new enough, else one that begins now.
func (u *usage) join(measure func() ([]graft.ServiceUsage, error)) *measurement {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last != nil && u.last.serves() {
		return u.last
	}
	m := &measurement{over: make(chan struct{})}
	u.last = m
	go func() {
		defer close(m.over)
		m.found, m.err = measure()
		m.at = time.Now()
	}()
	return m
}

// serves is whether somebody who asks now is given this answer.
func (m *measurement) serves() bool {
	select {
	case <-m.over:
		return time.Since(m.at) < usageFresh
	default:
		return true
	}
}

// measured is a container that is being measured.
type measured struct {
	installation string
	container    *driver.Container
	before, now  sample
	err          error
}

// measure asks the containers. It looks at the runtime by itself, so that the loop
// need not wait for it.
func (e *Engine) measure(ctx context.Context, reader driver.UsageReader) ([]graft.ServiceUsage, error) {
	installs, err := e.store.Installations(ctx)
	if err != nil {
		return nil, err
	}
	snapshot, err := e.driver.Observe(ctx)
	if err != nil {
		return nil, err
	}
	w := &world{settings: e.settings, snapshot: snapshot, installs: installs}
	running := w.measurable()
	if err := e.usage.sample(ctx, reader, running); err != nil {
		return nil, err
	}
	found := []graft.ServiceUsage{}
	for _, m := range running {
		if rate, ok := m.rate(); ok {
			found = append(found, graft.ServiceUsage{
				InstallationID: m.installation, Service: m.container.Labels[driver.ServiceLabel], ContainerID: m.container.ID,
				CPUs: rate, Memory: m.now.Memory, MemoryLimit: m.container.MemLimit, Time: m.now.Time.UTC(),
			})
		}
	}
	return found, nil
}

// measurable are the containers that run for installations that users see.
func (w *world) measurable() []*measured {
	var running []*measured
	for i := range w.installs {
		if unseen(&w.installs[i]) {
			continue
		}
		for _, c := range w.containersOf(w.installs[i].ID) {
			if c.Running() {
				running = append(running, &measured{installation: w.installs[i].ID, container: c})
			}
		}
	}
	return running
}

// sample sets two samples of each container, the second one taken now. Where none
// is known that can be the first, that is taken now, too. It fails only when the
// runtime answered for no container.
func (u *usage) sample(ctx context.Context, reader driver.UsageReader, running []*measured) error {
	if err := take(ctx, reader, running); err != nil {
		return err
	}
	var unknown []*measured
	for _, m := range running {
		m.before = u.samples[m.container.ID]
		if span := m.now.Time.Sub(m.before.Time); m.err == nil && (!m.follows() || span < shortestSpan || span > longestSpan) {
			m.before = m.now
			unknown = append(unknown, m)
		}
	}
	if len(unknown) > 0 {
		if err := pause(ctx, shortestSpan); err != nil {
			return err
		}
		if err := take(ctx, reader, unknown); err != nil && len(unknown) == len(running) {
			return err
		}
	}
	u.samples = make(map[string]sample, len(running)) // containers that are gone are forgotten
	for _, m := range running {
		if m.err == nil {
			u.samples[m.container.ID] = m.now
		}
	}
	return nil
}

// take takes a sample of each container, some at a time. It fails when the runtime
// answered for none.
func take(ctx context.Context, reader driver.UsageReader, running []*measured) error {
	var group errgroup.Group
	group.SetLimit(usageReaders)
	for _, m := range running {
		group.Go(func() error {
			m.now.life = m.container.StartedAt
			m.now.Usage, m.err = reader.Usage(ctx, m.container.ID)
			return nil
		})
	}
	_ = group.Wait() // nobody returns an error
	var away error
	for _, m := range running {
		if graft.ErrorCode(m.err) != graft.CodeUnavailable {
			return nil
		}
		away = m.err
	}
	return away
}

// pause waits for that long.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return graft.WrapError(graft.CodeUnavailable, ctx.Err(), "the runtime did not answer within %s", usageTime)
	}
}

// follows is whether the second sample is a later one of the same life as the first.
func (m *measured) follows() bool {
	return m.now.life.Equal(m.before.life) && m.now.Time.After(m.before.Time) && m.now.CPU >= m.before.CPU
}

// rate is how many cores the container kept busy between the two samples, to a
// tenth of a thousandth; false if that is not known.
func (m *measured) rate() (float64, bool) {
	if m.err != nil || !m.follows() {
		return 0, false
	}
	rate := float64(m.now.CPU-m.before.CPU) / float64(m.now.Time.Sub(m.before.Time))
	return math.Round(rate*1e4) / 1e4, true
}
