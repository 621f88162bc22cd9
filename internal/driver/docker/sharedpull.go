package docker

import (
	"context"
	"sync"

	"github.com/graftplatform/graft/internal/driver"
)

// pulls lets those who want the same image at the same time share one pull.
// The zero value is ready.
type pulls struct {
	mu     sync.Mutex
	images map[string]*sharedPull
}

// sharedPull is a pull that is under way, with those who wait for it.
type sharedPull struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when err is set
	err    error

	// Guarded by the mutex of pulls.
	waiters map[*waiter]bool
	last    *driver.PullProgress // nil: none yet
}

// waiter is told of progress by its own goroutine, so that a slow one holds up
// nobody, and none after it has left.
type waiter struct {
	news chan struct{}
	last *driver.PullProgress // guarded by the mutex of pulls; nil: told already
}

// do waits for the pull of an image, which it begins unless one is under way.
// When ctx ends, it leaves the others alone and returns the context's error; the
// pull's own context ends when nobody is left.
func (p *pulls) do(ctx context.Context, image string, progress func(driver.PullProgress),
	pull func(context.Context, func(driver.PullProgress)) error,
) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s, w := p.join(ctx, image, pull)
	defer p.leave(image, s, w)
	tell := func() {
		if latest := p.take(w); latest != nil && progress != nil {
			progress(*latest)
		}
	}
	for {
		select {
		case <-w.news:
			tell()
		case <-s.done:
			tell()
			return s.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// join returns the pull of an image with the caller among its waiters.
func (p *pulls) join(ctx context.Context, image string, pull func(context.Context, func(driver.PullProgress)) error) (*sharedPull, *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &waiter{news: make(chan struct{}, 1)}
	if s := p.images[image]; s != nil {
		s.waiters[w] = true
		w.tell(s.last)
		return s, w
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &sharedPull{cancel: cancel, done: make(chan struct{}), waiters: map[*waiter]bool{w: true}}
	if p.images == nil {
		p.images = map[string]*sharedPull{}
	}
	p.images[image] = s
	go func() {
		s.err = pull(ctx, func(progress driver.PullProgress) { p.report(s, progress) })
		p.forget(image, s)
		close(s.done)
	}()
	return s, w
}

// leave ends a pull that nobody waits for; who comes then begins another one.
func (p *pulls) leave(image string, s *sharedPull, w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(s.waiters, w)
	if len(s.waiters) > 0 {
		return
	}
	s.cancel()
	p.drop(image, s)
}

func (p *pulls) forget(image string, s *sharedPull) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(image, s)
}

// drop is called with the mutex held.
func (p *pulls) drop(image string, s *sharedPull) {
	if p.images[image] == s {
		delete(p.images, image)
	}
}

func (p *pulls) report(s *sharedPull, progress driver.PullProgress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.last = &progress
	for w := range s.waiters {
		w.tell(s.last)
	}
}

// tell is called with the mutex held.
func (w *waiter) tell(progress *driver.PullProgress) {
	if progress == nil {
		return
	}
	w.last = progress
	select {
	case w.news <- struct{}{}:
	default: // it knows that there is some
	}
}

// take returns the progress that the waiter was not told yet, nil if there is
// none.
func (p *pulls) take(w *waiter) *driver.PullProgress {
	p.mu.Lock()
	defer p.mu.Unlock()
	latest := w.last
	w.last = nil
	return latest
}
