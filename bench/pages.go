package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// askForPages asks for paths in turn, so many a second whatever becomes of those
// before, in a process of its own.
func askForPages(ctx context.Context, marketplace string, paths []string) (load, error) {
	return inAnotherProcess(ctx, strings.Join(paths, "\n"), "pages", "-url", marketplace, "-rate", fmt.Sprint(pageRate))
}

// runPages is the load generator. A request's time counts from when it was due,
// not from when there was time for it.
func runPages(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("pages", flag.ContinueOnError)
	url := flags.String("url", "", "of the marketplace")
	rate := flags.Int("rate", 1, "requests a second")
	span := flags.Duration("span", 15*time.Second, "for how long")
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
	begin := time.Now()
	for i := range int(span.Seconds()) * *rate {
		due := begin.Add(time.Duration(i) * time.Second / time.Duration(*rate))
		if err := pause(ctx, time.Until(due)); err != nil {
			return err
		}
		wait.Go(func() {
			status, err := get(ctx, *url+paths[i%len(paths)])
			took := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || status != http.StatusOK {
				total.Failures++
				return
			}
			times = append(times, took)
		})
	}
	wait.Wait()
	return total.write(out, times, begin)
}
