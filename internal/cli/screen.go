package cli

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/graftplatform/graft"
)

// screen is a terminal on which one text takes the place of the one before.
type screen struct {
	w    io.Writer
	size func() (width, height int, err error)
}

// follow shows what show writes, now and at every tick, until ctx ends (nil) or
// show fails. A server that is away later is waited for: that is shown meanwhile.
func (s *screen) follow(ctx context.Context, ticks <-chan time.Time, show func(w io.Writer) error) error {
	for first := true; ; first = false {
		var text strings.Builder
		err := show(&text)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // that is how following ends
		case err != nil && (first || graft.ErrorCode(err) != graft.CodeUnavailable):
			return err
		case err != nil:
			text.Reset()
			text.WriteString(clean(err.Error()))
		}
		if _, err := io.WriteString(s.w, s.frame(text.String())); err != nil {
			return err
		}
		select {
		case <-ticks:
		case <-ctx.Done():
			return nil
		}
	}
}

// frame is what a terminal has to be sent to show a text and nothing else, as much
// of it as there is room for.
func (s *screen) frame(text string) string {
	const wipe = "\x1b[H\x1b[J"
	width, height, err := s.size()
	if err != nil || width < 2 || height < 2 {
		return wipe + text
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	lines = lines[:min(len(lines), height-1)] // the cursor has the last one
	for i, line := range lines {
		lines[i] = shorten(strings.TrimRight(line, " "), width-1)
	}
	return wipe + strings.Join(lines, "\n") + "\n"
}
