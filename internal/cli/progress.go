package cli

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// progress tells what is going on: on a terminal in one line that changes, in a
// pipe in a line for each change.
type progress struct {
	w        io.Writer
	terminal int // its file descriptor, negative if there is none
	last     string
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

// end clears a terminal's line for what is printed next.
func (g *progress) end() {
	if g.terminal >= 0 && g.last != "" {
		fmt.Fprint(g.w, "\r\x1b[K")
	}
	g.last = ""
}
