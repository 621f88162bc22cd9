package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/graftplatform/graft"
)

// progress tells what is going on: on a terminal in one line that changes, in a
// pipe in a line for each change.
type progress struct {
	w        io.Writer
	terminal int // its file descriptor, negative if there is none
	last     string
	pulls    map[string]told // in a pipe: what was said last of each image
}

// told is what was said, and when.
type told struct {
	line string
	at   time.Time
}

func (p *program) progress() *progress {
	// Results go to stdout; progress must not get between them.
	g := &progress{w: p.stderr, terminal: -1}
	if f, ok := p.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		g.terminal = int(f.Fd())
	}
	return g
}

// say replaces the current line; saying the same again does nothing.
func (g *progress) say(line string) {
	line = oneLine(line)
	if line == g.last || line == "" {
		return
	}
	g.last = line
	if g.terminal < 0 {
		fmt.Fprintln(g.w, line)
		return
	}
	if width, _, err := term.GetSize(g.terminal); err == nil && width > 1 {
		line = shorten(line, width-1)
	}
	fmt.Fprint(g.w, "\r\x1b[K"+line)
}

// pulling tells how far pulls have come: on a terminal all of them in one bar
// instead of the line, in a pipe after it in a line for each image, and not more
// often than once a second.
func (g *progress) pulling(line string, pulls []graft.PullStatus) {
	if g.terminal >= 0 {
		if len(pulls) > 0 {
			line = "pulling " + pullBar(pulls) // 80 columns have room for nothing else
		}
		g.say(line)
		return
	}
	g.say(line)
	for _, pull := range pulls {
		text := "pull " + pull.Image + ": " + pullText(pull)
		before := g.pulls[pull.Image]
		if text == before.line || time.Since(before.at) < time.Second {
			continue
		}
		if g.pulls == nil {
			g.pulls = map[string]told{}
		}
		g.pulls[pull.Image] = told{text, time.Now()}
		fmt.Fprintln(g.w, oneLine(text))
	}
}

// pullText is how far a pull has come, in words.
func pullText(pull graft.PullStatus) string {
	if pull.Bytes == 0 {
		return fmt.Sprintf("%d of %s", pull.LayersDone, plural(pull.Layers, "layer"))
	}
	return fmt.Sprintf("%d of %s, %.1f of %s", pull.LayersDone, plural(pull.Layers, "layer"),
		float64(pull.BytesDone)/1e6, megabytes(pull.Bytes))
}

// pullBar shows how far all pulls together have come.
func pullBar(pulls []graft.PullStatus) string {
	const width = 24
	var all graft.PullStatus
	for _, pull := range pulls {
		all.LayersDone += pull.LayersDone
		all.Layers += pull.Layers
		all.BytesDone += pull.BytesDone
		all.Bytes += pull.Bytes
	}
	share := 0.0
	if all.Bytes > 0 {
		share = min(1, max(0, float64(all.BytesDone)/float64(all.Bytes)))
	}
	done := int(share * width)
	text := fmt.Sprintf("[%s%s] %.0f%% %s", strings.Repeat("=", done), strings.Repeat(".", width-done), share*100, pullText(all))
	if len(pulls) > 1 {
		text += ", " + plural(len(pulls), "image")
	}
	return text
}

// end clears a terminal's line for what is printed next.
func (g *progress) end() {
	if g.terminal >= 0 && g.last != "" {
		fmt.Fprint(g.w, "\r\x1b[K")
	}
	g.last = ""
}
