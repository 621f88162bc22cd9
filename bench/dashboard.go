package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
)

const (
	firstPages = 300 // how often the first page is asked for
	dashboards = 100 // that are open at once
	// changeEvery is the pace at which an addon's status changes meanwhile.
	changeEvery = 500 * time.Millisecond
)

// measureDashboard measures the dashboard of a marketplace with so many addons: its
// first page, and what it costs to have it open in many browsers while something
// happens.
func (b *bench) measureDashboard(ctx context.Context, t *table, addons int) error {
	if err := b.fill(ctx, addons); err != nil {
		return err
	}
	cookie, err := b.signIn(ctx)
	if err != nil {
		return err
	}
	if err := b.measureFirstPage(ctx, t, cookie, addons); err != nil {
		return err
	}
	return b.measureOpen(ctx, t, cookie)
}

// fill publishes so many addons, unless that was measured before.
func (b *bench) fill(ctx context.Context, addons int) error {
	last, err := b.client.Addons(ctx, addonName(addons-1))
	if err != nil || len(last) > 0 {
		return err
	}
	_, err = b.publishAll(ctx, b.client, addons)
	return err
}

// signIn returns the cookie of a session of the dashboard.
func (b *bench) signIn(ctx context.Context) (string, error) {
	token, err := b.server.token()
	if err != nil {
		return "", err
	}
	form := strings.NewReader(url.Values{"token": {token}}.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.server.dashboard+"/sign-in", form)
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	once := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := once.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	for _, cookie := range response.Cookies() {
		return cookie.Name + "=" + cookie.Value, nil
	}
	return "", fmt.Errorf("no cookie came with %s", response.Status)
}

// asset is a file that a page loads.
var asset = regexp.MustCompile(`/static/[^"#]+`)

func (b *bench) measureFirstPage(ctx context.Context, t *table, cookie string, addons int) error {
	var times []time.Duration
	var page []byte
	var bytesOf int
	for range firstPages {
		begin := time.Now()
		var err error
		if page, bytesOf, err = transfer(ctx, b.server.dashboard+"/", cookie, false); err != nil {
			return err
		}
		times = append(times, time.Since(begin))
	}
	if !bytes.Contains(page, []byte(addonName(0)[:5])) {
		return errors.New("the first page shows no addon")
	}
	slices.Sort(times)
	t.add(row{
		what: "first page of the dashboard: 99 % within", value: milliseconds(times[len(times)*99/100]), unit: "ms", bound: 200, decimals: 1,
		note: fmt.Sprintf("signed in, %d addons, one after the other, %d times, from the request to the last byte; median %.1f ms", addons, firstPages, milliseconds(median(times))),
	})
	sum, files := 0, map[string]bool{"/": true}
	for _, name := range asset.FindAllString(string(page), -1) {
		files[name] = true
	}
	for name := range files {
		_, size, err := transfer(ctx, b.server.dashboard+name, cookie, true)
		if err != nil {
			return err
		}
		sum += size
	}
	t.add(row{
		what: "first page of the dashboard, transferred", value: float64(sum) / 1000, unit: "kB", bound: 150, decimals: 1,
		note: fmt.Sprintf("all %d files with their headers, in a browser that has none of them; not packed the page alone has %.1f kB", len(files), float64(bytesOf)/1000),
	})
	return nil
}

// transfer asks for something as a browser does, and returns it as it came and how
// many bytes that were.
func transfer(ctx context.Context, url, cookie string, packed bool) ([]byte, int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Cookie", cookie)
	if request.Header.Set("Accept-Encoding", "identity"); packed {
		request.Header.Set("Accept-Encoding", "gzip")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	head, err := httputil.DumpResponse(response, false)
	if err != nil {
		return nil, 0, err
	}
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return body, len(head) + len(body), err
}

// measureOpen measures what many open dashboards cost: an addon changes all the
// time, with none of them open and with all of them, in turn.
func (b *bench) measureOpen(ctx context.Context, t *table, cookie string) error {
	const rounds, span = 3, 15 * time.Second
	id, err := b.publish(ctx, b.describe("watched", map[string]any{"service_name": b.service("watched")}))
	if err != nil {
		return err
	}
	installation, err := b.install(ctx, id)
	if err != nil {
		return err
	}
	var with, without effort
	for range rounds {
		alone, err := b.change(ctx, installation.ID, span)
		if err != nil {
			return err
		}
		without.add(alone)
		w, err := startWatch(ctx, b.server.dashboard+"/installed/live", cookie, dashboards)
		if err != nil {
			return err
		}
		watched, err := b.change(ctx, installation.ID, span)
		if err = errors.Join(err, w.end(&watched)); err != nil {
			return err
		}
		with.add(watched)
	}
	if with.messages < dashboards*with.changes/2 {
		return fmt.Errorf("%d messages came to %d dashboards of %d changes", with.messages, dashboards, with.changes)
	}
	cpu := 100 * float64(with.cpu-without.cpu) / float64(rounds*span)
	t.add(row{
		what: "open dashboards: CPU", value: max(cpu, 0), unit: "% of a core", bound: 5, decimals: 2,
		note: fmt.Sprintf("%d of one user on the list of installed addons, more than without them; an addon is enabled and disabled, %.1f times a second (%.1f without), which takes %.1f %% by itself; %.1f updates a second came to each; %d rounds of %v",
			dashboards, float64(with.changes)/(rounds*span).Seconds(), float64(without.changes)/(rounds*span).Seconds(), 100*float64(without.cpu)/float64(rounds*span),
			float64(with.messages)/dashboards/(rounds*span).Seconds(), rounds, span),
	})
	t.add(row{
		what: "open dashboards: memory", value: max(with.resident-without.resident, 0), unit: "MB", bound: 50, decimals: 1,
		note: fmt.Sprintf("resident, more than before the first of them was opened (%.1f MB)", without.resident),
	})
	return b.uninstall(ctx, installation.ID)
}

// effort is what happened in some time, and what the server needed for it.
type effort struct {
	changes, messages int
	cpu               time.Duration
	resident          float64 // MB: the first time without, the most with
}

func (l *effort) add(other effort) {
	l.changes += other.changes
	l.messages += other.messages
	l.cpu += other.cpu
	l.resident = max(l.resident, other.resident)
}

// change has an addon enabled and disabled for some time.
func (b *bench) change(ctx context.Context, id string, span time.Duration) (effort, error) {
	var l effort
	before, err := b.server.cpu()
	if err != nil {
		return l, err
	}
	end := time.After(span)
	tick := time.NewTicker(changeEvery)
	defer tick.Stop()
	for enabled := true; ; enabled = !enabled {
		select {
		case <-ctx.Done():
			return l, ctx.Err()
		case <-end:
			if !enabled {
				err = b.turn(ctx, id, graft.StatusActive)
			}
			after, cpuErr := b.server.cpu()
			l.cpu = after - before
			var residentErr error
			l.resident, residentErr = b.server.resident()
			return l, errors.Join(err, cpuErr, residentErr)
		case <-tick.C:
		}
		status := graft.StatusActive
		if enabled {
			status = graft.StatusDisabled
		}
		if err := b.turn(ctx, id, status); err != nil {
			return l, err
		}
		l.changes++
	}
}
