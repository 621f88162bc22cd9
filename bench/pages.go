package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// askForPages asks for paths in turn, so many a second whatever becomes of those
// before, in a process of its own.
func askForPages(ctx context.Context, marketplace string, paths []string) (load, error) {
	var l load
	self, err := os.Executable()
	if err != nil {
		return l, err
	}
	command := exec.CommandContext(ctx, self, "pages", "-url", marketplace, "-rate", fmt.Sprint(pageRate))
	command.Stdin, command.Stderr = strings.NewReader(strings.Join(paths, "\n")), os.Stderr
	output, err := command.Output()
	if err != nil {
		return l, fmt.Errorf("load generator: %w", err)
	}
	if err := json.Unmarshal(output, &l); err != nil {
		return l, err
	}
	if l.Failures > 0 {
		return l, fmt.Errorf("%d of %d requests failed", l.Failures, l.Requests+l.Failures)
	}
	return l, nil
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
	total.Seconds, total.Requests = time.Since(begin).Seconds(), len(times)
	if total.Requests == 0 {
		return errors.New("no request was answered")
	}
	slices.Sort(times)
	total.Median, total.P99 = times[len(times)/2], times[len(times)*99/100]
	return json.NewEncoder(out).Encode(total)
}
