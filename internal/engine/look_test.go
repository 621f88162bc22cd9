package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft/internal/driver"
)

// scene is a runtime whose look takes a second and shows how many had begun.
type scene struct {
	looks *looks
	begun atomic.Int64
	now   atomic.Int64
	most  atomic.Int64
}

func (s *scene) take(ctx context.Context) (*driver.Snapshot, error) {
	seen := make([]driver.Container, s.begun.Add(1))
	s.most.Store(max(s.most.Load(), s.now.Add(1)))
	defer s.now.Add(-1)
	select {
	case <-time.After(time.Second): // of the bubble
		return &driver.Snapshot{Containers: seen}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// look returns the number of the look that the caller was shown.
func (s *scene) look(ctx context.Context) (int64, error) {
	snapshot, err := s.looks.share(ctx, s.take)
	if err != nil {
		return 0, err
	}
	return int64(len(snapshot.Containers)), nil
}

func TestLooksAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &scene{looks: newLooks()}
		var all sync.WaitGroup
		for n := range 50 {
			all.Go(func() {
				time.Sleep(time.Duration(n) * 30 * time.Millisecond) // of the bubble: 1.5 s in all
				before := s.begun.Load()
				seen, err := s.look(t.Context())
				if err != nil || seen <= before {
					t.Errorf("asked after look %d, shown look %d: %v", before, seen, err)
				}
			})
		}
		all.Wait()
		if s.begun.Load() != 3 || s.most.Load() != 1 {
			t.Errorf("%d looks, %d at a time", s.begun.Load(), s.most.Load())
		}
	})
}

// Who gives up leaves the others their look, whether it has begun or not.
func TestLookGivenUp(t *testing.T) {
	t.Parallel()
	for what, after := range map[string]time.Duration{"while it waits": 500 * time.Millisecond, "while it looks": 1500 * time.Millisecond} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &scene{looks: newLooks()}
				var all sync.WaitGroup
				ask := func(ctx context.Context, at time.Duration, want error) {
					all.Go(func() {
						time.Sleep(at) // of the bubble
						if _, err := s.look(ctx); !errors.Is(err, want) {
							t.Errorf("who asked at %s: %v", at, err)
						}
					})
				}
				impatient, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				ask(t.Context(), 0, nil)
				ask(impatient, 100*time.Millisecond, context.DeadlineExceeded)
				ask(t.Context(), 200*time.Millisecond, nil)
				ask(t.Context(), 200*time.Millisecond, nil)
				begin := time.Now()
				all.Wait()
				if took := time.Since(begin); took > 3500*time.Millisecond || s.most.Load() != 1 {
					t.Errorf("it took %s, %d looks at a time", took, s.most.Load())
				}
			})
		})
	}
}
