package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/graftplatform/graft"
)

// pollPause is the least time between two polls that bring nothing new. Servers
// that can hold a poll never make it matter; the old ones answer at once, and a
// caller that waits in a loop must not drown them.
const pollPause = time.Second

// long makes a long poll of a request.
func long(r request, since int64) request {
	r.query = url.Values{
		"since":   {strconv.FormatInt(since, 10)},
		"timeout": {pollTimeout.String()},
	}
	r.timeout += pollTimeout
	return r
}

// poll asks once. It returns an answer beyond since at once, any other not
// before pollPause is over.
func poll[T any](ctx context.Context, ask func(context.Context) (T, int64, error), since int64) (T, error) {
	pause := time.NewTimer(pollPause)
	defer pause.Stop()
	answer, revision, err := ask(ctx)
	if err != nil || revision > since {
		return answer, err
	}
	select {
	case <-pause.C:
		return answer, nil
	case <-ctx.Done():
		var none T
		return none, graft.WrapError(graft.CodeUnavailable, context.Cause(ctx), "gave up waiting")
	}
}
