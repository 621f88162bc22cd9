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

// Bounds of reading logs.
const (
	keptLines   = 100              // of a failed service, with its status
	lookTime    = 15 * time.Second // for the runtime to say which containers there are
	attachPause = 5 * time.Second  // after the runtime did not answer, or a stream broke
)

// Logs writes the output of an installation's services, or of one of them, to
// w; every line after its service's name. Of a service that has no container, or
// one that was never started, it writes what was kept of the last one; of every
// service, while the runtime does not answer. With Follow it goes on with what
// comes, of later containers too, until ctx ends or the installation is removed
// (nil), and waits for a runtime that does not answer. Lines after "graft" are
// the engine's own. Errors: CodeNotFound; CodeUnavailable when the runtime does
// not answer and nothing is kept.
func (e *Engine) Logs(ctx context.Context, id, service string, options driver.LogOptions, w io.Writer) error {
	inst, err := e.Installation(ctx, id)
	if err != nil {
		return err
	}
	if service != "" && inst.Service(service) == nil {
		return graft.Errorf(graft.CodeNotFound, "addon %q has no service %q", inst.Name, service)
	}
	l := &logReader{
		engine: e, id: id, service: service, options: options, out: w,
		sources: map[string]*source{}, ended: make(chan struct{}, 1),
	}
	if options.Follow {
		return l.follow(ctx)
	}
	streams, streaming := errgroup.WithContext(ctx)
	_, err = l.attach(streaming, streams)
	if failed := streams.Wait(); err == nil {
		err = failed
	}
	if !l.looked && graft.ErrorCode(err) == graft.CodeUnavailable {
		return l.insteadOf(inst, err)
	}
	return err
}

// logReader reads the output of an installation's containers.
type logReader struct {
	engine      *Engine
	id, service string // no service: all
	options     driver.LogOptions
	looked      bool          // the runtime has answered
	lookedAt    time.Time     // when it was asked last
	away        bool          // it did not the last time, and that was said
	ended       chan struct{} // the reading of a container did
	writing     sync.Mutex
	out         io.Writer
	mu          sync.Mutex
	sources     map[string]*source // by container id
}

// source is a container whose output is read.
type source struct {
	reading bool
	begun   time.Time // when the container's life had in which it was read last
	ended   time.Time // when that reading did; zero: never read
	broken  bool      // it ended although there may be more
	last    time.Time // of the last line
	tail    int
}

// follow reads what there is and what comes. Whenever something changed it looks
// again: containers are started again and made anew.
func (l *logReader) follow(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	streams, ctx := errgroup.WithContext(ctx)
	var err error
	for {
		// A container that is busy elsewhere must not make us look at everything
		// again and again.
		if err := l.breathe(ctx); err != nil {
			break
		}
		changed, updated := l.engine.changed.C(), l.engine.updated.C()
		var again time.Duration
		again, err = l.attach(ctx, streams)
		l.away = l.away && err != nil
		if graft.ErrorCode(err) == graft.CodeUnavailable && ctx.Err() == nil {
			again, err = attachPause, l.sayAway(err)
		}
		if err != nil || ctx.Err() != nil {
			break
		}
		timer := time.NewTimer(again)
		select {
		case <-changed:
		case <-updated:
		case <-l.ended:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	cancel()
	failed := streams.Wait()
	switch {
	case parent.Err() != nil, failed == nil && graft.ErrorCode(err) == graft.CodeNotFound:
		return nil // that is how following ends
	case failed != nil:
		return failed
	}
	return err
}

// lookPause is between two looks of one who follows logs.
const lookPause = 200 * time.Millisecond

// breathe waits until it is time to look again.
func (l *logReader) breathe(ctx context.Context) error {
	timer := time.NewTimer(time.Until(l.lookedAt.Add(lookPause)))
	defer timer.Stop()
	select {
	case <-timer.C:
		l.lookedAt = time.Now()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attach begins to read the containers that may have something to say, and
// returns when to look again at the latest.
func (l *logReader) attach(ctx context.Context, streams *errgroup.Group) (time.Duration, error) {
	inst, err := l.engine.Installation(ctx, l.id)
	if err != nil {
		return 0, err
	}
	containers, err := l.look(ctx)
	if err != nil {
		return 0, err
	}
	if !l.looked {
		kept := l.kept(inst, func(service string) bool { return len(startedOf(containers, service)) == 0 })
		if err := l.write(kept); err != nil {
			return 0, err
		}
	}
	again := lookAgain
	for _, s := range inst.Services {
		if l.service != "" && l.service != s.Name {
			continue
		}
		for _, c := range startedOf(containers, s.Name) {
			again = min(again, l.read(ctx, streams, s.Name, c))
		}
	}
	l.looked = true
	return again, nil
}

// look returns the installation's containers, in bounded time.
func (l *logReader) look(ctx context.Context) ([]*driver.Container, error) {
	looking, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	snapshot, err := l.engine.driver.Observe(looking)
	if err != nil && looking.Err() != nil && ctx.Err() == nil {
		err = graft.WrapError(graft.CodeUnavailable, err, "the runtime did not answer within %s", lookTime)
	}
	if err != nil {
		return nil, err
	}
	return (&world{settings: l.engine.settings, snapshot: snapshot}).containersOf(l.id), nil
}

// read begins to read a container, unless that is being done or nothing is to be
// expected, and returns when to see to it again.
func (l *logReader) read(ctx context.Context, streams *errgroup.Group, service string, c *driver.Container) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sources[c.ID]
	if s == nil {
		s = &source{}
		if !l.looked {
			s.tail = l.options.Tail // a container that comes later is read from its beginning
		}
		l.sources[c.ID] = s
	}
	if wait := s.wait(c); wait > 0 {
		return wait
	}
	s.reading, s.begun = true, c.StartedAt
	options := l.options
	options.Tail = s.tail
	if !s.last.IsZero() {
		options.Since = s.last.Add(time.Nanosecond)
	}
	if options.Follow {
		options.Last = &s.last // nobody else looks at it meanwhile
	}
	streams.Go(func() error {
		lines := &prefixWriter{prefix: service + " | ", out: l.out, mu: &l.writing}
		err := l.engine.driver.Logs(ctx, c.ID, options, lines)
		lines.flush()
		return l.over(s, err)
	})
	return lookAgain
}

// wait is how long not to read a container; zero: it is to be read now. That its
// reading ended while it runs may only mean that its end was not seen yet.
func (s *source) wait(c *driver.Container) time.Duration {
	switch {
	case s.reading:
		return lookAgain
	case s.ended.IsZero(), !s.begun.Equal(c.StartedAt):
		return 0
	case s.broken, c.Running():
		return max(attachPause-time.Since(s.ended), 0)
	}
	return lookAgain
}

// over notes that the reading of a container ended. It returns the error, unless
// following goes on after it.
func (l *logReader) over(s *source, err error) error {
	if !l.options.Follow {
		return err
	}
	code := graft.ErrorCode(err)
	l.mu.Lock()
	s.reading, s.ended, s.broken = false, time.Now(), code == graft.CodeUnavailable
	if !s.broken || !s.last.IsZero() {
		s.tail = 0
	}
	l.mu.Unlock()
	select {
	case l.ended <- struct{}{}:
	default: // it will look anyway
	}
	if code == graft.CodeUnavailable || code == graft.CodeNotFound {
		return nil
	}
	return err
}

// kept returns what was kept of those services. The lines have no time; they are
// older than what is asked for if nothing of the installation changed since.
func (l *logReader) kept(inst *graft.Installation, wanted func(service string) bool) []string {
	if inst.UpdatedAt.Before(l.options.Since) {
		return nil
	}
	var kept []string
	for _, s := range inst.Services {
		if (l.service == "" || l.service == s.Name) && wanted(s.Name) {
			lines := keptOf(inst.Logs, s.Name)
			if n := l.options.Tail; n > 0 && len(lines) > n {
				lines = lines[len(lines)-n:]
			}
			kept = append(kept, lines...)
		}
	}
	return kept
}

// insteadOf writes what was kept of all services, as the runtime does not answer;
// if there is nothing, it returns why it does not.
func (l *logReader) insteadOf(inst *graft.Installation, cause error) error {
	kept := l.kept(inst, func(string) bool { return true })
	if len(kept) == 0 {
		return cause
	}
	if err := l.say(graft.ErrorMessage(cause) + "; these lines were kept"); err != nil {
		return err
	}
	return l.write(kept)
}

// sayAway says once that the runtime does not answer.
func (l *logReader) sayAway(cause error) error {
	if l.away {
		return nil
	}
	l.away = true
	return l.say(graft.ErrorMessage(cause) + "; waiting for it")
}

// say writes something of the engine's own.
func (l *logReader) say(text string) error {
	_, err := (&prefixWriter{prefix: "graft | ", out: l.out, mu: &l.writing}).Write([]byte(text + "\n"))
	return err
}

func (l *logReader) write(lines []string) error {
	if len(lines) == 0 {
		return nil // an empty write would begin the answer
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	_, err := io.WriteString(l.out, strings.Join(lines, ""))
	return err
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
