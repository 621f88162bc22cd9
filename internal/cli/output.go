package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// Output formats.
const (
	outputTable = "table"
	outputJSON  = "json"
	outputYAML  = "yaml"
)

// print writes value to stdout in the format that the user chose; as a table,
// it is what the function writes.
func (p *program) print(value any, table func(w io.Writer)) error {
	switch p.flags.output {
	case outputJSON:
		enc := json.NewEncoder(p.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(value)
	case outputYAML:
		return writeYAML(p.stdout, value)
	}
	return writeTable(p.stdout, table)
}

// writeTable writes the rows of a table in columns.
func writeTable(out io.Writer, table func(w io.Writer)) error {
	// Errors of writing show up in Flush.
	w := tabwriter.NewWriter(out, 0, 8, 3, ' ', 0)
	table(w)
	return w.Flush()
}

// row writes one line of a table. Empty cells are shown as a dash.
func row(w io.Writer, cells ...string) {
	shown := make([]string, len(cells))
	for i, cell := range cells {
		shown[i] = oneLine(cell)
		if shown[i] == "" {
			shown[i] = "-"
		}
	}
	fmt.Fprintln(w, strings.Join(shown, "\t"))
}

// field writes a name and its value, if there is one.
func field(w io.Writer, name, value string) {
	if value != "" {
		fmt.Fprintf(w, "%s:\t%s\n", name, oneLine(value))
	}
}

// oneLine makes one line of text that others wrote.
func oneLine(s string) string { return strings.Join(strings.Fields(clean(s)), " ") }

// clean takes out what would let text that others wrote play tricks on a
// terminal: control characters other than line breaks and tabs, and changes of
// the writing direction.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, s)
}

// shorten cuts s to at most n characters.
func shorten(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

// plural is "1 service" or "2 services".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
