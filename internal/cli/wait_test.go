package cli

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
)

// counter follows a number up to three.
func counter(next func(context.Context, int64) (*int, error)) follower[int] {
	return follower[int]{
		next:     next,
		revision: func(n *int) int64 { return int64(*n) },
		settled:  func(n *int) bool { return *n >= 3 },
		say:      func(n *int) string { return strconv.Itoa(*n) },
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	away := graft.Errorf(graft.CodeUnavailable, "away")
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		calls := 0
		f := counter(func(_ context.Context, since int64) (*int, error) {
			calls++
			if calls%2 == 0 {
				return nil, away
			}
			n := int(since) + 1
			return &n, nil
		})
		last, err := f.follow(t.Context(), &progress{w: &out, terminal: -1}, new(int))
		if err != nil || *last != 3 {
			t.Errorf("got %v, %v", *last, err)
		}
		want := "0\n1\naway; trying again\n2\naway; trying again\n3\n"
		if out.String() != want {
			t.Errorf("got\n%s\nwant\n%s", out.String(), want)
		}
	})
}

func TestFollowGivesUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err     error
		atLeast time.Duration
	}{
		"server away":  {graft.Errorf(graft.CodeUnavailable, "away"), reconnectFor},
		"other errors": {graft.Errorf(graft.CodeNotFound, "gone"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var out bytes.Buffer
				f := counter(func(context.Context, int64) (*int, error) { return nil, test.err })
				_, err := f.follow(t.Context(), &progress{w: &out, terminal: -1}, new(int))
				if lines := strings.Count(out.String(), "\n"); lines > 2 {
					t.Errorf("the same is said again and again:\n%s", out.String())
				}
				if took := time.Since(start); !errors.Is(err, test.err) || took < test.atLeast || took > test.atLeast+time.Second {
					t.Errorf("got %v after %v", err, took)
				}
			})
		})
	}
}

func TestFollowTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := waiting{timeout: time.Minute}
		ctx, cancel := w.context(t.Context())
		defer cancel()
		f := counter(func(ctx context.Context, _ int64) (*int, error) {
			<-ctx.Done()
			return nil, graft.WrapError(graft.CodeUnavailable, ctx.Err(), "gave up")
		})
		if _, err := f.follow(ctx, &progress{w: &bytes.Buffer{}, terminal: -1}, new(int)); !errors.Is(err, errWaited) {
			t.Errorf("got %v", err)
		}
	})
}
