package api

import (
	"context"
	"math"
	"net/http"
	"time"
)

const (
	defaultWait = 30 * time.Second
	maxWait     = 60 * time.Second
)

// fetch answers a document at once or, with ?since=, when its revision is
// beyond that or the timeout is over, whichever comes first.
func fetch[T any](
	s *service, r *http.Request, id string,
	now func(context.Context, string) (T, error),
	wait func(context.Context, string, int64) (T, error),
) (T, error) {
	q := queryOf(r)
	since := q.integer("since", math.MaxInt64)
	timeout := q.duration("timeout", defaultWait, maxWait)
	if err := q.err(); err != nil {
		var none T
		return none, err
	}
	if !q.has("since") {
		return now(r.Context(), id)
	}
	ctx, cancel := s.untilStopping(r.Context())
	defer cancel()
	ctx, cancelTimeout := context.WithTimeout(ctx, timeout)
	defer cancelTimeout()
	return wait(ctx, id, since)
}

// untilStopping returns a context that ends with ctx or when the server is
// about to stop.
func (s *service) untilStopping(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-s.Stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
