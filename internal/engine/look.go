package engine

import (
	"context"
	"sync"

	"github.com/graftplatform/graft/internal/driver"
)

// looks shares looks at the runtime: one goes on at a time, and all who ask
// meanwhile get the next. So nobody is shown what was before he asked, looks
// never overtake each other, and fifty who ask at once cost the runtime two.
type looks struct {
	turn chan struct{} // has room for who looks
	mu   sync.Mutex
	next *look // that has not begun; nil if nobody waits for one
}

// look is one look, for all who came before it began.
type look struct {
	over      chan struct{} // closed then
	snapshot  *driver.Snapshot
	err       error
	abandoned bool // who was to look gave up
}

func newLooks() *looks { return &looks{turn: make(chan struct{}, 1)} }

// share returns what a look shows that began after the call: take is done by
// this caller or by another one who waits for the same.
func (l *looks) share(ctx context.Context, take func(ctx context.Context) (*driver.Snapshot, error)) (*driver.Snapshot, error) {
	for {
		shared, first := l.join()
		if first {
			l.look(ctx, shared, take)
		}
		select {
		case <-shared.over:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !shared.abandoned || first {
			return shared.snapshot, shared.err
		}
	}
}

// join returns the next look, and whether the caller is the first who wants it,
// and so does it.
func (l *looks) join() (next *look, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next != nil {
		return l.next, false
	}
	l.next = &look{over: make(chan struct{})}
	return l.next, true
}

// look does a look when it is its turn.
func (l *looks) look(ctx context.Context, shared *look, take func(ctx context.Context) (*driver.Snapshot, error)) {
	defer close(shared.over)
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
	}
	l.mu.Lock()
	l.next = nil // who comes from now on must not be shown what this one sees
	l.mu.Unlock()
	if shared.err = ctx.Err(); shared.err == nil {
		shared.snapshot, shared.err = take(ctx)
	}
	shared.abandoned = ctx.Err() != nil
}
