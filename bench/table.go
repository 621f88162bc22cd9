package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	docker "github.com/moby/moby/client"
)

// table is what was measured, one row a figure.
type table struct {
	rows []row
}

// row is one figure. Without a bound it is there to compare with.
type row struct {
	what     string
	value    float64
	unit     string
	bound    float64 // 0: none
	never    bool    // the bound is 0: it must not happen at all
	lower    bool    // the bound is a lower one
	old      string  // what the old system needed, where that is known
	note     string
	decimals int
}

func (r row) met() bool {
	if r.never {
		return r.value == 0
	}
	return r.bound == 0 || (r.lower && r.value >= r.bound) || (!r.lower && r.value <= r.bound)
}

func (t *table) add(r row) { t.rows = append(t.rows, r) }

// check is an error that names the figures beyond their bounds.
func (t *table) check() error {
	var missed []string
	for _, r := range t.rows {
		if !r.met() {
			missed = append(missed, r.what)
		}
	}
	if len(missed) > 0 {
		return errors.New("beyond their bounds: " + strings.Join(missed, "; "))
	}
	return nil
}

// String is the table in Markdown.
func (t *table) String() string {
	var b strings.Builder
	b.WriteString("| what | measured | the old system | bound | measured ÷ bound | |\n|---|---:|---:|---:|---:|---|\n")
	for _, r := range t.rows {
		number := func(v float64) string { return fmt.Sprintf("%.*f %s", r.decimals, v, r.unit) }
		bound, ratio := "", ""
		if r.never {
			bound = number(0)
			if !r.met() {
				ratio = "**missed**"
			}
		}
		if r.bound != 0 {
			bound, ratio = "≤ "+number(r.bound), fmt.Sprintf("%.2f", r.value/r.bound)
			if r.lower {
				bound = "≥ " + number(r.bound)
			}
			if !r.met() {
				ratio += " **missed**"
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.what, number(r.value), r.old, bound, ratio, r.note)
	}
	if slices.ContainsFunc(t.rows, func(r row) bool { return r.old != "" }) {
		b.WriteString("\n" + aboutOld + "\n")
	}
	return b.String()
}

// aboutOld says what the figures of the old system are worth.
const aboutOld = "The figures of the old system, Oakestra v0.4.4xx, were measured once, on two cores and on another day: " +
	"they tell the order of magnitude, and are no comparison within one run. " +
	"Its swap took 1.3 s with the image present, 1.6 s with a pull of 6 MB, and left the component away for ever when the plugin failed."

const (
	beginMark = "<!-- bench: begin -->\n"
	endMark   = "<!-- bench: end -->"
)

// writeInto replaces what stands between the marks of a file.
func (t *table) writeInto(path, machine string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, found := bytes.Cut(old, []byte(beginMark))
	_, tail, ended := bytes.Cut(rest, []byte(endMark))
	if !found || !ended {
		return fmt.Errorf("%s has no lines %q and %q to write the table between", path, strings.TrimSpace(beginMark), endMark)
	}
	text := fmt.Sprintf("%s%s%s\n\n%s%s%s", head, beginMark, machine, t, endMark, tail)
	return os.WriteFile(path, []byte(text), 0o644) //nolint:gosec // a page of the documentation
}

// machine says where and when it was measured.
func machine(ctx context.Context, api *docker.Client) string {
	version := "unknown"
	if v, err := api.ServerVersion(ctx, docker.ServerVersionOptions{}); err == nil {
		version = v.Version
	}
	return fmt.Sprintf("Measured on %s: %d cores (%s), %s, Docker %s, %s.",
		time.Now().UTC().Format("2 January 2006"), runtime.NumCPU(), processor(), runtime.GOOS+"/"+runtime.GOARCH,
		version, runtime.Version())
}

func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func median(durations []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(durations))
	return sorted[len(sorted)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
