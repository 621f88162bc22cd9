package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// pageRounds is how often pages are asked for: one moment in which the machine does
// something else spoils the slowest hundredth of a round.
const pageRounds = 3

// askForPages asks for paths in turn, so many a second whatever becomes of those
// before, in a process of its own. It returns the round in the middle.
func askForPages(ctx context.Context, marketplace string, paths []string) (load, error) {
	var rounds []load
	for range pageRounds {
		l, err := inAnotherProcess(ctx, strings.Join(paths, "\n"), "pages", "-url", marketplace, "-rate", fmt.Sprint(pageRate))
		if err != nil {
			return l, err
		}
		rounds = append(rounds, l)
	}
	slices.SortFunc(rounds, func(a, b load) int { return cmp.Compare(a.P99, b.P99) })
	return rounds[len(rounds)/2], nil
}

// runPages is the load generator. A request's time counts from when it was due,
// not from when there was time for it.
func runPages(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("pages", flag.ContinueOnError)
	url := flags.String("url", "", "of the marketplace")
	rate := flags.Int("rate", 1, "requests a second")
	span := flags.Duration("span", 15*time.Second, "for how long")
	warm := flags.Duration("warm", 3*time.Second, "for how long before that, uncounted, as connections are opened and statements are learned then")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var paths []string
	for lines := bufio.NewScanner(in); lines.Scan(); {
		paths = append(paths, lines.Text())
	}
	if len(paths) == 0 {
		return errors.New("there is nothing to ask for")
	}
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		total load
		times []time.Duration
	)
	begin := time.Now().Add(*warm)
	first := -int(warm.Seconds() * float64(*rate))
	for i := first; i < int(span.Seconds()*float64(*rate)); i++ {
		due := begin.Add(time.Duration(i) * time.Second / time.Duration(*rate))
		if err := pause(ctx, time.Until(due)); err != nil {
			return err
		}
		wait.Go(func() {
			status, err := get(ctx, *url+paths[(i-first)%len(paths)])
			took := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || status != http.StatusOK {
				total.Failures++
				return
			}
			if i >= 0 {
				times = append(times, took)
			}
		})
	}
	wait.Wait()
	return total.write(out, times, begin)
}
