package api

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

func TestList(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	for _, c := range []struct {
		list []string
		want string
	}{{nil, "[]\n"}, {[]string{`{"a":1}`}, "[{\"a\":1}]\n"}, {[]string{`1`, `2`, `3`}, "[1,2,3]\n"}} {
		market.list = c.list
		w := ask(t, NewMarketplace(market, Options{}), "GET", "/api/v1/marketplace/addons?name=min&name=full&foo=bar", "")
		if w.Code != 200 || w.Body.String() != c.want || market.name != "min" || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%d %q, name %q", w.Code, w.Body, market.name)
		}
	}
	w := ask(t, NewEngine(engine, Options{}), "GET", "/api/v1/addons?status=bogus", "")
	if w.Body.String() != "[]\n" || engine.status != "bogus" {
		t.Errorf("%q, status %q", w.Body, engine.status)
	}
}

// A list that fails after its beginning was sent must not look whole.
func TestListCutShort(t *testing.T) {
	t.Parallel()
	market, _ := newFakes()
	market.list = []string{`"` + strings.Repeat("x", 1<<20) + `"`}
	market.err = errors.New("the disk is gone")
	server := httptest.NewServer(NewMarketplace(market, Options{}))
	t.Cleanup(server.Close)
	response := get(t, server, "/api/v1/marketplace/addons")
	if body, err := io.ReadAll(response.Body); err == nil {
		t.Errorf("%d bytes came without an error", len(body))
	}
}

func get(t *testing.T, server *httptest.Server, path string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func TestLongPoll(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query string
		waits time.Duration // 0: it does not
	}{
		{"", 0},
		{"?timeout=5s", 0},
		{"?since=3", 30 * time.Second},
		{"?since=0&timeout=60s", time.Minute},
		{"?since=3&timeout=1ms", time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) { longPoll(t, c.query, c.waits) })
	}
}

// longPoll asks both servers, and checks how long they may wait.
func longPoll(t *testing.T, query string, waits time.Duration) {
	t.Helper()
	market, engine := newFakes()
	waited := false
	look := func(ctx context.Context) {
		waited = true
		deadline, ok := ctx.Deadline()
		if left := time.Until(deadline); !ok || left != waits {
			t.Errorf("%s: %s left", query, left)
		}
	}
	market.during, engine.during = look, look
	for h, path := range map[http.Handler]string{
		NewMarketplace(market, Options{}): "/api/v1/marketplace/addons/",
		NewEngine(engine, Options{}):      "/api/v1/addons/",
	} {
		waited = false
		if w := ask(t, h, "GET", path+someID+query, ""); w.Code != 200 || waited != (waits > 0) {
			t.Errorf("%s: %d, waited %t", query, w.Code, waited)
		}
	}
}

func TestLongPollEndsWhenStopping(t *testing.T) {
	t.Parallel()
	market, _ := newFakes()
	stopping := make(chan struct{})
	market.during = func(ctx context.Context) {
		close(stopping)
		<-ctx.Done()
	}
	h := NewMarketplace(market, Options{Stopping: stopping})
	if w := ask(t, h, "GET", "/api/v1/marketplace/addons/"+someID+"?since=1&timeout=60s", ""); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	h := NewEngine(engine, Options{})
	const addon = "/api/v1/addons/" + someID
	for _, c := range []struct{ method, path, field, message string }{
		{"GET", addon + "?since=x", "since", "Not a valid integer."},
		{"GET", addon + "?since=-1", "since", "Must be from 0 to 9223372036854775807."},
		{"GET", addon + "?since=1&timeout=soon", "timeout", "Not a valid duration: write it like 30s."},
		{"GET", addon + "?since=1&timeout=61s", "timeout", "Must be more than 0s and at most 1m0s."},
		{"GET", addon + "?timeout=-1s", "timeout", "Must be more than 0s and at most 1m0s."},
		{"GET", addon + "/logs?tail=many", "tail", "Not a valid integer."},
		{"GET", addon + "/logs?follow=perhaps", "follow", "Not a valid boolean."},
		{"GET", addon + "/logs?since=yesterday", "since", "Not a valid time: write it like 2006-01-02T15:04:05Z."},
		{"POST", "/api/v1/addons?dry_run=2", "dry_run", "Not a valid boolean."},
	} {
		w := ask(t, h, c.method, c.path, "")
		body := errorOf(t, w)
		errs, _ := body["errors"].(map[string]any)
		fields, _ := errs["query"].(map[string]any)
		messages, _ := fields[c.field].([]any)
		if w.Code != 422 || len(messages) != 1 || messages[0] != c.message {
			t.Errorf("%s: %d %s", c.path, w.Code, w.Body)
		}
	}
}

func TestLogOptions(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	var got driver.LogOptions
	var gotService string
	engine.output = func(_ context.Context, service string, o driver.LogOptions, w io.Writer) error {
		got, gotService = o, service
		_, err := io.WriteString(w, "s | a line\n")
		return err
	}
	h := NewEngine(engine, Options{})
	w := ask(t, h, "GET", "/api/v1/addons/"+someID+"/logs?service=s&tail=7&follow=true&since=2026-01-02T03:04:05Z", "")
	want := driver.LogOptions{Tail: 7, Follow: true, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if w.Body.String() != "s | a line\n" || gotService != "s" || got != want || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%q %q %+v", w.Body, gotService, got)
	}
	if ask(t, h, "HEAD", "/api/v1/addons/"+someID+"/logs?follow=true", ""); got.Follow {
		t.Error("HEAD follows")
	}
}

// Lines arrive one by one, and the stream ends when the server is to stop.
func TestLogsFollow(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	next, stopping := make(chan string), make(chan struct{})
	engine.output = func(ctx context.Context, _ string, _ driver.LogOptions, w io.Writer) error {
		for {
			select {
			case line := <-next:
				if _, err := io.WriteString(w, line+"\n"); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	server := httptest.NewUnstartedServer(NewEngine(engine, Options{Stopping: stopping}))
	server.Config.WriteTimeout = 2 * time.Second // streams outlive it
	server.Start()
	t.Cleanup(server.Close)
	response := get(t, server, "/api/v1/addons/"+someID+"/logs?follow=true") // returns though nothing was written yet
	lines := bufio.NewScanner(response.Body)
	timer := time.NewTimer(1500 * time.Millisecond) // past the server's limit, with the second that the headers took
	defer timer.Stop()
	for _, want := range []string{"one", "two", "three"} {
		next <- want
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("line %q, want %q: %v", lines.Text(), want, lines.Err())
		}
		if want == "two" {
			<-timer.C
		}
	}
	close(stopping)
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("the stream did not end cleanly: %q %v", lines.Text(), lines.Err())
	}
}

func TestLogsFail(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	begin := false
	engine.output = func(_ context.Context, _ string, _ driver.LogOptions, w io.Writer) error {
		if begin {
			_, _ = io.WriteString(w, strings.Repeat("line\n", 1<<16))
		}
		return graft.Errorf(graft.CodeUnavailable, "Docker is away")
	}
	server := httptest.NewServer(NewEngine(engine, Options{}))
	t.Cleanup(server.Close)
	path := "/api/v1/addons/" + someID + "/logs"
	if response := get(t, server, path); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("before the first line: %d", response.StatusCode)
	}
	begin = true
	response := get(t, server, path)
	if _, err := io.ReadAll(response.Body); response.StatusCode != http.StatusOK || err == nil {
		t.Errorf("after the first line: %d %v", response.StatusCode, err)
	}
}

// An answer that the end of the server cuts short must not look whole, unless
// it is one that has no end of its own.
func TestStoppingCutsAnswersShort(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path string
		cut  bool
	}{
		{"/api/v1/addons/" + someID + "/logs", true},
		{"/api/v1/addons/" + someID + "/logs?follow=true", false},
		{eventsPath + "?follow=false", true},
		{eventsPath, false},
	} {
		_, engine := newFakes()
		stopping := make(chan struct{})
		until := func(ctx context.Context) error {
			close(stopping)
			<-ctx.Done()
			return graft.WrapError(graft.CodeInternal, ctx.Err(), "given up")
		}
		engine.output = func(ctx context.Context, _ string, _ driver.LogOptions, w io.Writer) error {
			_, _ = io.WriteString(w, "s | 1 of 1000\n")
			return until(ctx)
		}
		engine.coming = func(asked telling) error { return until(asked.ctx) }
		engine.pastFails = until
		server := httptest.NewServer(NewEngine(engine, Options{Stopping: stopping}))
		t.Cleanup(server.Close)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := server.Client().Do(r) // fails when nothing was flushed before
		if err == nil {
			_, err = io.ReadAll(response.Body)
			_ = response.Body.Close()
		}
		if (err != nil) != c.cut {
			t.Errorf("%s: %v", c.path, err)
		}
	}
}

// Nothing was sent yet: then it can be said.
func TestStoppingBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	stopping := make(chan struct{})
	engine.output = func(ctx context.Context, _ string, _ driver.LogOptions, _ io.Writer) error {
		close(stopping)
		<-ctx.Done()
		return ctx.Err()
	}
	w := ask(t, NewEngine(engine, Options{Stopping: stopping}), "GET", "/api/v1/addons/"+someID+"/logs", "")
	if errorOf(t, w); w.Code != 503 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
