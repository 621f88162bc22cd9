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
	// comeUp bounds the wait for the first answer.
	comeUp = 30 * time.Second
)

// A polling client asks, waits for the answer, and asks again. When the port of
// a container that is still starting swallows its first packet, it waits until
// the kernel repeats that, after a second: this is part of what users see.
const patientFor = 5 * time.Second

// An impatient one gives a knock up early and has many under way at a time, so
// that it sees the very moment from which somebody answers.
const impatientFor = 250 * time.Millisecond

// knocker asks a URL every few milliseconds, each time on a connection of its
// own, and notes who answers and for how long nobody did.
type knocker struct {
	client    *http.Client
	url       string
	impatient bool

	mu      sync.Mutex
	who     string    // who answered last
	last    time.Time // when
	silence time.Duration
	heard   chan struct{} // closed at the next answer
}

func newKnocker(url string, impatient bool) *knocker {
	k := &knocker{url: url, impatient: impatient, heard: make(chan struct{})}
	k.client = &http.Client{Timeout: patientFor, Transport: &http.Transport{DisableKeepAlives: true}}
	if impatient {
		k.client.Timeout = impatientFor
	}
	return k
}

// silence is for how long nobody answered, as two kinds of clients see it.
type silence struct{ polling, impatient time.Duration }

// silenceDuring returns the longest time without an answer while change is
// made, until the one that it is to make answer has answered. Somebody must be
// answering before.
func silenceDuring(ctx context.Context, url, after string, change func(context.Context) error) (silence, error) {
	ctx, cancel := context.WithCancel(ctx)
	knockers := []*knocker{newKnocker(url, false), newKnocker(url, true)}
	var knocks sync.WaitGroup
	defer knocks.Wait()
	defer cancel()
	for _, k := range knockers {
		knocks.Go(func() { k.knock(ctx, &knocks) })
		if err := k.await(ctx, "anybody", func(string) bool { return true }); err != nil {
			return silence{}, err
		}
	}
	if err := change(ctx); err != nil {
		return silence{}, err
	}
	var seen [2]time.Duration
	for i, k := range knockers {
		if err := k.await(ctx, after, func(who string) bool { return who == after }); err != nil {
			return silence{}, err
		}
		k.mu.Lock()
		seen[i] = k.silence
		k.mu.Unlock()
	}
	return silence{polling: seen[0], impatient: seen[1]}, nil
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
		if k.impatient {
			knocks.Go(func() { k.ask(ctx) })
		} else {
			k.ask(ctx)
		}
	}
}

func (k *knocker) ask(ctx context.Context) {
	if who, err := answer(ctx, k.client, k.url); err == nil {
		k.note(who, time.Now())
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
