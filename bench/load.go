package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// load is what a load generator measured.
type load struct {
	Requests int
	Failures int
	Seconds  float64
	Median   time.Duration
	P99      time.Duration
}

func (l load) rate() float64 { return float64(l.Requests) / l.Seconds }

// generate runs the load generator. The URL has a %d for the number of an addon
// below addons.
func generate(ctx context.Context, url string, addons int) (load, error) {
	return inAnotherProcess(ctx, "", "load", "-url", url, "-addons", fmt.Sprint(addons))
}

// inAnotherProcess has this program make load in a process of its own, and
// returns what that measured. No request may fail.
func inAnotherProcess(ctx context.Context, input string, args ...string) (load, error) {
	var l load
	self, err := os.Executable()
	if err != nil {
		return l, err
	}
	command := exec.CommandContext(ctx, self, args...)
	command.Stdin, command.Stderr = strings.NewReader(input), os.Stderr
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

// write writes what was measured: how long requests took, since begin.
func (l load) write(out io.Writer, times []time.Duration, begin time.Time) error {
	l.Seconds, l.Requests = time.Since(begin).Seconds(), len(times)
	if l.Requests == 0 {
		return errors.New("no request was answered")
	}
	slices.Sort(times)
	l.Median, l.P99 = times[len(times)/2], times[len(times)*99/100]
	return json.NewEncoder(out).Encode(l)
}

// runLoad is the load generator.
func runLoad(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	url := flags.String("url", "", "with a %d for the number of an addon")
	addons := flags.Int("addons", 1, "how many there are")
	clients := flags.Int("clients", 16, "how many ask side by side")
	span := flags.Duration("span", 10*time.Second, "for how long")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *span)
	defer cancel()
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = *clients
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		total load
		times []time.Duration
	)
	begin := time.Now()
	for c := range *clients {
		wait.Go(func() {
			mine, failures := ask(ctx, *url, c, *addons)
			mu.Lock()
			defer mu.Unlock()
			times = append(times, mine...)
			total.Failures += failures
		})
	}
	wait.Wait()
	return total.write(out, times, begin)
}

// ask asks for one addon after the other until ctx ends. The stride is prime
// and large, so that neighbours in the catalogue are not asked for in a row.
func ask(ctx context.Context, url string, start, addons int) (times []time.Duration, failures int) {
	const stride = 7919
	for i := start; ctx.Err() == nil; i += stride {
		begin := time.Now()
		status, err := get(ctx, fmt.Sprintf(url, i%addons))
		switch {
		case ctx.Err() != nil:
		case err != nil || status != http.StatusOK:
			failures++
		default:
			times = append(times, time.Since(begin))
		}
	}
	return times, failures
}

// bare starts a process that answers every request with the same body, and
// returns its URL: what this machine and this load generator can do at best.
func bare(ctx context.Context, body io.Reader) (url string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, self, "bare")
	command.Stdin, command.Stderr = body, os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := command.Start(); err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = command.Wait() })
	_, err = fmt.Fscanln(output, &url)
	return url, err
}

// runBare is that process.
func runBare(ctx context.Context, in io.Reader, out io.Writer) error {
	body, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Fprintf(out, "http://%s\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
