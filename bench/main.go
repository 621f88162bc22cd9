// Bench measures Graft on this machine, each figure next to its bound, and
// writes the table into a report. It starts its own server, registry and
// network, and removes what it made.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The program is its own second process: who makes load must not take its
	// time from who measures.
	if len(args) > 0 {
		switch args[0] {
		case "load":
			return runLoad(ctx, args[1:], os.Stdout)
		case "pages":
			return runPages(ctx, args[1:], os.Stdin, os.Stdout)
		case "bare":
			return runBare(ctx, os.Stdin, os.Stdout)
		case "visit":
			return runVisit(ctx, args[1:], os.Stdout)
		case "watch":
			return runWatch(ctx, args[1:], os.Stdin, os.Stdout)
		}
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	binary := flags.String("graft", "bin/graft", "the binary to measure")
	report := flags.String("report", "", "Markdown file to write the table into")
	id := flags.String("id", "local", "names what is made in Docker")
	rounds := flags.Int("rounds", 15, "how often an addon is installed")
	addons := flags.Int("addons", 10_000, "how many addons the marketplace has")
	many := flags.Int("many", 200, "how many addons the engine has when it has many")
	big := flags.Int("big", 100_000, "how many addons a big marketplace has")
	only := flags.String("only", "", "measure only what has this text in its description")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *rounds < 1 || *addons < 1 || *many < 1 || *big < 1000 {
		return errors.New("-rounds, -addons and -many must be at least 1, -big at least 1000")
	}
	if *only != "" && *report != "" {
		return errors.New("-only and -report do not go together: a report has everything")
	}
	b, err := newBench(ctx, *binary, *id)
	if err != nil {
		return err
	}
	defer b.close()
	table, err := b.measure(ctx, b.steps(*rounds, *addons, *many, *big), *only)
	fmt.Print("\n", table)
	if err != nil {
		return err
	}
	if *report != "" {
		if err := table.writeInto(*report, machine(ctx, b.docker)); err != nil {
			return err
		}
	}
	return table.check()
}

// step is a measurement.
type step struct {
	what    string
	measure func(context.Context, *table) error
}

// steps are all measurements, in an order in which none disturbs another.
func (b *bench) steps(rounds, addons, many, big int) []step {
	const swaps, requests = 7, 10_000
	return []step{
		{"starts", b.measureStarts},
		{"installations, next to containers made through the Docker API", func(ctx context.Context, t *table) error {
			return b.measureInstall(ctx, t, rounds)
		}},
		{"failures", func(ctx context.Context, t *table) error { return b.measureFailure(ctx, t, rounds) }},
		{"swaps, as clients of a host port see them", func(ctx context.Context, t *table) error { return b.measureSwaps(ctx, t, swaps) }},
		{"swaps, as clients inside a network see them", func(ctx context.Context, t *table) error { return b.measureVisits(ctx, t, requests) }},
		{"idling", b.measureIdle},
		{"many addons", func(ctx context.Context, t *table) error { return b.measureMany(ctx, t, many) }},
		{"publishing", func(ctx context.Context, t *table) error { return b.measurePublish(ctx, t, addons) }},
		{"searching", func(ctx context.Context, t *table) error { return b.measureSearch(ctx, t, addons) }},
		{"the dashboard", func(ctx context.Context, t *table) error { return b.measureDashboard(ctx, t, addons) }},
		{"a big marketplace", func(ctx context.Context, t *table) error { return b.measureBig(ctx, t, big) }},
	}
}

// measure takes the figures of those steps whose description contains only. On
// an error the table has what was measured before.
func (b *bench) measure(ctx context.Context, steps []step, only string) (*table, error) {
	t := &table{}
	begin := time.Now()
	for _, step := range steps {
		if !strings.Contains(step.what, only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%4.0f s: measuring %s\n", time.Since(begin).Seconds(), step.what)
		if err := step.measure(ctx, t); err != nil {
			return t, fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return t, nil
}
