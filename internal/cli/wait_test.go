package cli

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
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

// Who interrupts a command is told that what it began goes on, and how to follow it.
func TestInterruptedWait(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := &graft.Installation{ID: "65f000000000000000000001", Desired: graft.DesiredEnabled, Generation: 1, Status: graft.StatusInstalling, Revision: 1}
		i.Name = "hello"
		if r.Method == http.MethodGet { // it waits for news
			interrupt()
			<-r.Context().Done()
			return
		}
		send(w, 201, i)
	}))
	t.Cleanup(server.Close)
	var stdout, stderr bytes.Buffer
	p := newProgram(strings.NewReader(""), &stdout, &stderr, []string{"GRAFT_TOKEN=" + fakeToken})
	code := p.run(ctx, []string{"install", "65f000000000000000000009", "--data-dir", t.TempDir(), "--engine", server.URL})
	const want = "interrupted; hello is still installing\n  \"graft status 65f000000000000000000001\" tells how it goes on\n"
	if code != exitFailed || !strings.HasSuffix(stderr.String(), want) {
		t.Errorf("exit code %d:\n%s%s", code, stdout.String(), stderr.String())
	}
}
