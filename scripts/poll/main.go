// Poll knocks at a URL every few milliseconds until SIGINT or SIGTERM, and
// prints who answers and for how long nobody did. Every knock is a request on a
// connection of its own and none waits for another, so one that hangs does not
// hide an answer that a second client would get.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	interval := flag.Duration("interval", 10*time.Millisecond, "time between two knocks")
	timeout := flag.Duration("timeout", 3*time.Second, "how long a knock waits for its answer")
	prefix := flag.String("prefix", "", "text before every line")
	flag.Parse()
	if flag.NArg() != 1 || *interval <= 0 || *timeout <= 0 {
		fmt.Fprintln(os.Stderr, "usage: poll [-interval 10ms] [-timeout 3s] [-prefix TEXT] URL")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	journal := &journal{out: os.Stdout, prefix: *prefix, notable: 5 * *interval}
	poll(ctx, flag.Arg(0), *interval, *timeout, journal)
	journal.finish()
}

// poll knocks until ctx ends and the knocks under way are over.
func poll(ctx context.Context, url string, interval, timeout time.Duration, journal *journal) {
	client := &http.Client{
		Timeout:   timeout,
		Transport: &http.Transport{DisableKeepAlives: true},
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var knocks sync.WaitGroup
	defer knocks.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		knocks.Go(func() {
			begin := time.Now()
			name, err := knock(ctx, client, url)
			if ctx.Err() == nil {
				journal.write(begin, time.Now(), name, err)
			}
		})
	}
}

// knock returns the first line of the answer.
func knock(ctx context.Context, client *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 200))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s", response.Status)
	}
	line, _, _ := strings.Cut(string(body), "\n")
	return line, nil
}
