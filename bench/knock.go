package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	knockEvery = 5 * time.Millisecond
	// knockPatience is how long a knock waits. The kernel repeats a lost SYN only
	// after a second, and Docker's proxy of a port accepts connections that it
	// can't hand on yet. A knock that met such a moment would be answered long
	// after the next one; so it is given up early, and none waits for another.
	knockPatience = 250 * time.Millisecond
	// comeUp bounds the wait for the first answer.
	comeUp = 30 * time.Second
)

// knocker asks a URL every few milliseconds, each time on a connection of its
// own, and notes who answers and for how long nobody did.
type knocker struct {
	client *http.Client
	url    string

	mu      sync.Mutex
	who     string    // who answered last
	last    time.Time // when
	silence time.Duration
	heard   chan struct{} // closed at the next answer
}

// silenceDuring returns the longest time without an answer while change is
// made, until the one that it is to make answer has answered. Somebody must be
// answering before.
func silenceDuring(ctx context.Context, url, after string, change func(context.Context) error) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	k := &knocker{
		client: &http.Client{Timeout: knockPatience, Transport: &http.Transport{DisableKeepAlives: true}},
		url:    url,
		heard:  make(chan struct{}),
	}
	var knocks sync.WaitGroup
	defer knocks.Wait()
	defer cancel()
	knocks.Go(func() { k.knock(ctx, &knocks) })
	if err := k.await(ctx, "anybody", func(string) bool { return true }); err != nil {
		return 0, err
	}
	if err := change(ctx); err != nil {
		return 0, err
	}
	err := k.await(ctx, after, func(who string) bool { return who == after })
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.silence, err
}

func (k *knocker) knock(ctx context.Context, knocks *sync.WaitGroup) {
	tick := time.NewTicker(knockEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		knocks.Go(func() {
			if who, err := answer(ctx, k.client, k.url); err == nil {
				k.note(who, time.Now())
			}
		})
	}
}

func (k *knocker) note(who string, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now.Before(k.last) {
		return
	}
	if !k.last.IsZero() {
		k.silence = max(k.silence, now.Sub(k.last))
	}
	k.who, k.last = who, now
	close(k.heard)
	k.heard = make(chan struct{})
}

// await waits for an answer, given from now on, by whom it should be.
func (k *knocker) await(ctx context.Context, whom string, is func(who string) bool) error {
	ctx, cancel := context.WithTimeout(ctx, comeUp)
	defer cancel()
	for {
		k.mu.Lock()
		heard := k.heard
		k.mu.Unlock()
		select {
		case <-heard:
		case <-ctx.Done():
			return fmt.Errorf("no answer of %s at %s: %w", whom, k.url, ctx.Err())
		}
		k.mu.Lock()
		who := k.who
		k.mu.Unlock()
		if is(who) {
			return nil
		}
	}
}

// answer returns the first line of a good answer.
func answer(ctx context.Context, client *http.Client, url string) (string, error) {
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
	line, _, _ := strings.Cut(string(body), "\n")
	if response.StatusCode != http.StatusOK || line == "" {
		return "", errors.New(response.Status)
	}
	return line, nil
}
