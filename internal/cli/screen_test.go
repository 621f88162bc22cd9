package cli

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
)

// frames collects what a terminal is sent.
type frames []string

func (f *frames) Write(p []byte) (int, error) {
	*f = append(*f, strings.TrimPrefix(string(p), "\x1b[H\x1b[J"))
	return len(p), nil
}

// A server that goes away is waited for; another failure ends it, and so does a
// server that was never there.
func TestScreenFollows(t *testing.T) {
	t.Parallel()
	away, broken := graft.Errorf(graft.CodeUnavailable, "it is\x1b[31m away"), errors.New("broken")
	for _, c := range []struct {
		name   string
		shown  []any // texts and errors, one after the other; then the context ends
		frames frames
		err    error
	}{
		{"goes on", []any{"one\n", "two\n"}, frames{"one\n", "two\n"}, nil},
		{"away for a while", []any{"one\n", away, "two\n"}, frames{"one\n", "it is[31m away\n", "two\n"}, nil},
		{"never there", []any{away}, nil, away},
		{"broken", []any{"one\n", broken}, frames{"one\n"}, broken},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		ticks := make(chan time.Time, len(c.shown))
		var got frames
		s := screen{w: &got, size: func() (int, int, error) { return 80, 24, nil }}
		err := s.follow(ctx, ticks, func(w io.Writer) error {
			if len(c.shown) == 0 {
				cancel()
				return ctx.Err()
			}
			next := c.shown[0]
			c.shown = c.shown[1:]
			ticks <- time.Time{}
			if err, failed := next.(error); failed {
				return err
			}
			_, err := io.WriteString(w, next.(string))
			return err
		})
		cancel()
		if !errors.Is(err, c.err) || strings.Join(got, "|") != strings.Join(c.frames, "|") {
			t.Errorf("%s: %v, shown %q", c.name, err, got)
		}
	}
}

// Nothing is wider or longer than the terminal, whose last line is the cursor's.
func TestFrame(t *testing.T) {
	t.Parallel()
	const text = "ADDON   CPU    \nlong    100 %\nmore    2 %\n"
	for want, size := range map[string][2]int{
		"ADDON   CPU\nlong    100 %\nmore    2 %\n": {80, 24},
		"ADDON   CPU\nlong    10…\n":                {12, 3},
		text:                                        {0, 0},
	} {
		s := screen{size: func() (int, int, error) { return size[0], size[1], nil }}
		if got := strings.TrimPrefix(s.frame(text), "\x1b[H\x1b[J"); got != want {
			t.Errorf("%v: %q, want %q", size, got, want)
		}
	}
}
