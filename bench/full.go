package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/graftplatform/graft"
)

// measureFull measures an engine that has so many addons and nothing to do.
func (b *bench) measureFull(ctx context.Context, t *table, addons int) error {
	const starts = 5
	var times []time.Duration
	for range starts {
		took, err := b.settle(ctx)
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	t.add(row{
		what: "start to settled", value: median(times).Seconds(), unit: "s", bound: 2, decimals: 2,
		note: fmt.Sprintf("%d addons installed; until it is ready, has compared everything once and all are active; median of %d", addons, starts),
	})
	if err := b.measureFullIdle(ctx, t, addons); err != nil {
		return err
	}
	return b.measureReconcile(ctx, t, addons)
}

// settle starts the server again, and returns how long it took until its engine
// had compared everything.
func (b *bench) settle(ctx context.Context, flags ...string) (time.Duration, error) {
	if err := b.server.restart(ctx, flags...); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := b.server.reconciles(ctx)
		if err != nil {
			return 0, err
		}
		if r.count > 0 {
			break
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("the engine compares nothing: %w", ctx.Err())
		case <-tick.C:
		}
	}
	settled := time.Since(b.server.begin)
	all, err := b.client.Installations(ctx, "")
	for _, i := range all {
		if i.Status != graft.StatusActive {
			return 0, fmt.Errorf("addon %s is %s: %s", i.Name, i.Status, reason(&i))
		}
	}
	return settled, err
}

func (b *bench) measureFullIdle(ctx context.Context, t *table, addons int) error {
	const settle, span = 3 * time.Second, 30 * time.Second
	if err := pause(ctx, settle); err != nil {
		return err
	}
	begin := time.Now()
	before, err := b.server.cpu()
	if err != nil {
		return err
	}
	if err := pause(ctx, span); err != nil {
		return err
	}
	after, err := b.server.cpu()
	if err != nil {
		return err
	}
	events, err := b.events(ctx, begin, begin.Add(span))
	if err != nil {
		return err
	}
	t.add(row{
		what: "idle with many addons: CPU", value: 100 * float64(after-before) / float64(span), unit: "% of a core", bound: 0.5, decimals: 2,
		note: fmt.Sprintf("all roles, %d addons installed, over %v; %d events in Docker meanwhile", addons, span, events),
	})
	resident, err := b.server.resident()
	t.add(row{what: "idle with many addons: resident memory", value: resident, unit: "MB", decimals: 1})
	return err
}

// measureReconcile lets the engine compare everything again and again, without
// anything to do.
func (b *bench) measureReconcile(ctx context.Context, t *table, addons int) error {
	const again, span = 100 * time.Millisecond, 5 * time.Second
	if _, err := b.settle(ctx, "--resync", again.String()); err != nil {
		return err
	}
	before, err := b.server.reconciles(ctx)
	if err != nil {
		return err
	}
	if err := pause(ctx, span); err != nil {
		return err
	}
	after, err := b.server.reconciles(ctx)
	if err != nil {
		return err
	}
	count := after.count - before.count
	if count == 0 {
		return errors.New("nothing was compared although --resync asked for it")
	}
	t.add(row{
		what: "one reconcile without changes", value: 1000 * (after.seconds - before.seconds) / float64(count), unit: "ms", bound: 50, decimals: 1,
		note: fmt.Sprintf("%d addons installed; mean of %d, by the engine's own metric", addons, count),
	})
	return b.server.restart(ctx)
}

// reconciles is how often an engine compared everything, and how long that took
// in all.
type reconciles struct {
	count   int
	seconds float64
}

// reconciles reads the engine's metrics.
func (s *server) reconciles(ctx context.Context) (reconciles, error) {
	token, err := s.token()
	if err != nil {
		return reconciles{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.engine+"/metrics", http.NoBody)
	if err != nil {
		return reconciles{}, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reconciles{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", request.URL, response.Status)
	}
	if err != nil {
		return reconciles{}, err
	}
	return parseReconciles(string(text))
}

// parseReconciles reads them out of Prometheus' text format.
func parseReconciles(text string) (reconciles, error) {
	const metric = "graft_reconcile_duration_seconds"
	var r reconciles
	found := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		value := line[strings.LastIndexByte(line, ' ')+1:]
		name := line[:strings.IndexAny(line+" ", "{ ")]
		if name != metric+"_count" && name != metric+"_sum" {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return r, fmt.Errorf("%s is %q", name, value)
		}
		found++
		if name == metric+"_count" {
			r.count = int(number)
		} else {
			r.seconds = number
		}
	}
	if found != 2 {
		return r, fmt.Errorf("the metrics have no %s", metric)
	}
	return r, nil
}
