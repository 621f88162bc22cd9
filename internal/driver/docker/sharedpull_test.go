package docker

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/graftplatform/graft/internal/driver"
)

// onePull is a pull that a test holds in its hands.
type onePull struct {
	began   atomic.Int32
	reports chan driver.PullProgress
	finish  chan error
	ended   chan error // how its context ended, if it did
}

func newOnePull() *onePull {
	return &onePull{reports: make(chan driver.PullProgress), finish: make(chan error), ended: make(chan error, 1)}
}

func (o *onePull) run(ctx context.Context, progress func(driver.PullProgress)) error {
	o.began.Add(1)
	for {
		select {
		case p := <-o.reports:
			progress(p)
		case err := <-o.finish:
			return err
		case <-ctx.Done():
			o.ended <- ctx.Err()
			return ctx.Err()
		}
	}
}

// wanting is somebody who waits for the pull.
type wanting struct {
	leave  context.CancelFunc
	result chan error
	mu     sync.Mutex
	seen   []driver.PullProgress
}

func want(p *pulls, o *onePull) *wanting {
	ctx, cancel := context.WithCancel(context.Background())
	w := &wanting{leave: cancel, result: make(chan error, 1)}
	go func() {
		w.result <- p.do(ctx, "image", func(progress driver.PullProgress) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.seen = append(w.seen, progress)
		}, o.run)
	}()
	return w
}

func (w *wanting) last(t *testing.T) driver.PullProgress {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.seen) == 0 {
		t.Fatal("no progress was told")
	}
	return w.seen[len(w.seen)-1]
}

func TestPullIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pulls
		o := newOnePull()
		first, second, third := want(&p, o), want(&p, o), want(&p, o)
		synctest.Wait()
		o.reports <- driver.PullProgress{Layers: 2}
		synctest.Wait()
		for _, w := range []*wanting{first, second, third} {
			if got := w.last(t).Layers; got != 2 {
				t.Errorf("%d layers were told, want 2", got)
			}
		}
		first.leave()
		if err := <-first.result; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		late := want(&p, o)
		synctest.Wait()
		if got := late.last(t).Layers; got != 2 {
			t.Errorf("who came late was told of %d layers, want 2", got)
		}
		o.reports <- driver.PullProgress{Layers: 2, LayersDone: 2}
		failure := errors.New("failure")
		o.finish <- failure
		for _, w := range []*wanting{second, third, late} {
			if err := <-w.result; !errors.Is(err, failure) {
				t.Errorf("a waiter got %v", err)
			}
			if got := w.last(t).LayersDone; got != 2 {
				t.Errorf("the last progress is %d layers, want 2", got)
			}
		}
		if got := o.began.Load(); got != 1 {
			t.Errorf("the image was pulled %d times", got)
		}
		if len(first.seen) != 1 {
			t.Errorf("who left was told %v", first.seen)
		}
	})
}

func TestPullEndsWithItsLastWaiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pulls
		o := newOnePull()
		first, second := want(&p, o), want(&p, o)
		synctest.Wait()
		first.leave()
		synctest.Wait()
		select {
		case <-o.ended:
			t.Fatal("the pull ended with its first waiter")
		default:
		}
		second.leave()
		if err := <-o.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the pull ended with %v", err)
		}
		<-second.result
		again := newOnePull()
		third := want(&p, again)
		again.finish <- nil
		if err := <-third.result; err != nil {
			t.Errorf("a later pull: %v", err)
		}
		synctest.Wait()
		if len(p.images) != 0 {
			t.Errorf("%d pulls are left", len(p.images))
		}
	})
}
