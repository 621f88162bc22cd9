package api

import (
	"context"
	"math"
	"net/http"
	"time"

	"github.com/graftplatform/graft"
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
	release, err := s.places.polls.Take(r)
	if err != nil {
		var none T
		return none, err
	}
	defer release()
	ctx, cancel := s.untilStopping(r.Context())
	defer cancel()
	ctx, cancelTimeout := context.WithTimeout(ctx, timeout)
	defer cancelTimeout()
	return wait(ctx, id, since)
}

// errStopping is why a request has no whole answer when the server stops.
var errStopping = graft.Errorf(graft.CodeUnavailable, "The server stops; ask again in a moment.")

// untilStopping returns a context that ends with ctx or when the server is
// about to stop, which is its cause then.
func (s *service) untilStopping(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.Stopping:
			cancel(errStopping)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// askAgain is how often it is asked whether a token is good still that a stream began
// with.
const askAgain = 15 * time.Second

// streaming is untilStopping for streams. One without an end also ends when its
// token is good no longer; while nobody can tell, it goes on.
func (s *service) streaming(r *http.Request, endless bool) (context.Context, context.CancelFunc) {
	ctx, cancel := s.untilStopping(r.Context())
	if s.Auth == nil || !endless {
		return ctx, cancel
	}
	credentials := bearer(r)
	go func() {
		ticker := time.NewTicker(askAgain)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			if _, err := s.Auth.Authenticate(ctx, credentials); graft.ErrorCode(err) == graft.CodeUnauthorized {
				cancel()
			}
		}
	}()
	return ctx, cancel
}
