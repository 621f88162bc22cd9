package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is a line of "go test -json"; see "go doc test2json".
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string
	Elapsed    float64
	Output     string
}

// summary counts tests, sub-tests included.
type summary struct {
	out             io.Writer
	output          map[string]*strings.Builder // by package and test, until it ends
	passed          int
	failed, skipped []string
	broken          []string // packages that failed, though no test of theirs did
	failures        map[string]int
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, output: map[string]*strings.Builder{}, failures: map[string]int{}}
}

func (s *summary) add(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		// The go command's own complaints are no JSON.
		fmt.Fprintf(s.out, "%s", line)
		return
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		s.keep(key, e.Output)
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "pass", "fail", "skip":
		text := s.take(key)
		if e.Test == "" {
			s.packageEnded(e, text)
		} else {
			s.testEnded(e, text)
		}
	}
}

func (s *summary) keep(key, text string) {
	if s.output[key] == nil {
		s.output[key] = &strings.Builder{}
	}
	s.output[key].WriteString(text)
}

func (s *summary) take(key string) string {
	text := ""
	if b := s.output[key]; b != nil {
		text = b.String()
	}
	delete(s.output, key)
	return text
}

func (s *summary) testEnded(e event, text string) {
	name := e.Package + " " + e.Test
	switch e.Action {
	case "pass":
		s.passed++
		s.figures(e, text)
		return
	case "fail":
		s.failed = append(s.failed, name)
		s.failures[e.Package]++
	case "skip":
		s.skipped = append(s.skipped, name)
	}
	fmt.Fprintf(s.out, "--- %s: %s\n%s", e.Action, name, text)
}

// figure begins what a test says of itself that is worth reading though it
// passed: how many cases it had.
const figure = "FIGURE: "

func (s *summary) figures(e event, text string) {
	for line := range strings.Lines(text) {
		if _, said, found := strings.Cut(line, figure); found {
			fmt.Fprintf(s.out, "%s: %s", e.Test, said)
		}
	}
}

func (s *summary) packageEnded(e event, text string) {
	if e.Action == "skip" { // it has no tests
		return
	}
	fmt.Fprintf(s.out, "%s  %s  %.1f s\n", e.Action, e.Package, e.Elapsed)
	if e.Action == "fail" && s.failures[e.Package] == 0 {
		s.broken = append(s.broken, e.Package)
		fmt.Fprint(s.out, text)
		s.unfinished(e.Package)
	}
}

// unfinished prints what tests wrote that never ended: the package crashed or
// ran out of time in them.
func (s *summary) unfinished(pkg string) {
	for key, text := range s.output {
		if strings.HasPrefix(key, pkg+" ") {
			fmt.Fprintf(s.out, "--- did not end: %s\n%s", key, text)
		}
	}
}

// finish prints the counts and returns the exit code.
func (s *summary) finish() int {
	s.list("skipped", s.skipped)
	s.list("failed", s.failed)
	s.list("failed outside of a test", s.broken)
	failed := len(s.failed) + len(s.broken)
	if s.passed+failed+len(s.skipped) == 0 {
		fmt.Fprintln(s.out, "no test ran")
		failed = 1
	}
	fmt.Fprintf(s.out, "\n%d passed, %d failed, %d skipped\n", s.passed, failed, len(s.skipped))
	if failed > 0 || len(s.skipped) > 0 {
		return 1
	}
	return 0
}

func (s *summary) list(title string, names []string) {
	if len(names) > 0 {
		fmt.Fprintf(s.out, "\n%s:\n  %s\n", title, strings.Join(names, "\n  "))
	}
}
