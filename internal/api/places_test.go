package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/shield"
)

// from asks as a client of another host.
func from(t *testing.T, h http.Handler, client, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.RemoteAddr = client + ":1"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func wantBusy(t *testing.T, w *httptest.ResponseRecorder, code int) {
	t.Helper()
	if w.Code != code || w.Header().Get("Retry-After") != "5" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

// TestManyLongPolls: each is held, and a client has so many.
func TestManyLongPolls(t *testing.T) {
	t.Parallel()
	market, _ := newFakes()
	h := NewMarketplace(market, Options{})
	const path = "/api/v1/marketplace/addons/" + someID + "?since=1"
	depth := 0
	market.during = func(context.Context) { // while one waits, the next comes
		switch depth++; {
		case depth < 128:
			from(t, h, "192.0.2.7", path)
			return
		case depth > 128:
			return
		}
		wantBusy(t, from(t, h, "192.0.2.7", path), http.StatusTooManyRequests)
		if w := from(t, h, "192.0.2.8", path); w.Code != http.StatusOK {
			t.Errorf("another client: %d", w.Code)
		}
		if w := from(t, h, "192.0.2.7", strings.TrimSuffix(path, "?since=1")); w.Code != http.StatusOK {
			t.Errorf("without waiting: %d", w.Code)
		}
	}
	if w := from(t, h, "192.0.2.7", path); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	market.during = nil
	if w := from(t, h, "192.0.2.7", path); w.Code != http.StatusOK {
		t.Errorf("places are not given back: %d", w.Code)
	}
}

// TestManyWholeLists: long ones take a place while they are read, short ones
// do not.
func TestManyWholeLists(t *testing.T) {
	t.Parallel()
	const path = "/api/v1/marketplace/addons"
	market, _ := newFakes()
	market.list = []string{`"` + strings.Repeat("x", 40<<10) + `"`, `"y"`}
	h := NewMarketplace(market, Options{})
	depth := 0
	market.each = func(int) error {
		if depth++; depth < 8 {
			from(t, h, "192.0.2.7", path)
		} else if depth == 8 {
			wantBusy(t, from(t, h, "192.0.2.7", path), http.StatusTooManyRequests)
		}
		return nil
	}
	if w := from(t, h, "192.0.2.7", path); w.Code != http.StatusOK || !strings.HasSuffix(w.Body.String(), ",\"y\"]\n") {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
	market.each = nil
	if w := from(t, h, "192.0.2.7", path); w.Code != http.StatusOK {
		t.Errorf("places are not given back: %d", w.Code)
	}
	h.(*service).places.lists = shield.NewPlaces("whole lists", 0, 0)
	wantBusy(t, from(t, h, "192.0.2.7", path), http.StatusTooManyRequests)
	market.list = []string{`"short"`}
	if w := from(t, h, "192.0.2.7", path); w.Code != http.StatusOK || w.Body.String() != "[\"short\"]\n" {
		t.Errorf("a short list: %d %s", w.Code, w.Body)
	}
}

// TestManyStreams: events and logs that are followed share the places of a client.
func TestManyStreams(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	h := NewEngine(engine, Options{})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "192.0.2.7:1"
	var release func()
	for range 32 {
		var err error
		if release, err = h.(*service).places.streams.Take(r); err != nil {
			t.Fatal(err)
		}
	}
	follow := "/api/v1/addons/" + someID + "/logs?follow=true"
	for _, path := range []string{"/api/v1/events", "/api/v1/addons/" + someID + "/events", follow} {
		wantBusy(t, from(t, h, "192.0.2.7", path), http.StatusTooManyRequests)
	}
	if w := from(t, h, "192.0.2.7", strings.TrimSuffix(follow, "?follow=true")); w.Code != http.StatusOK {
		t.Errorf("logs so far: %d", w.Code)
	}
	release()
	for range 2 {
		if w := from(t, h, "192.0.2.7", follow); w.Code != http.StatusOK {
			t.Errorf("with one place: %d", w.Code)
		}
	}
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	Refuse(w, nil, graft.Errorf(graft.CodeForbidden, "No."))
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), `"message":"No."`) || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	_, err := shield.NewPlaces("streams", 0, 1).Take(httptest.NewRequest(http.MethodGet, "/", nil))
	w = httptest.NewRecorder()
	Refuse(w, nil, err)
	wantBusy(t, w, http.StatusServiceUnavailable)
}

// What is refused before a handler sees it, pages may read as what handlers answer.
func TestRefusalsCanBeRead(t *testing.T) {
	t.Parallel()
	const dashboard = "http://localhost:11103"
	for _, c := range []struct {
		path, origin, want string
		origins            []string
	}{
		{"/api/v1/addons", dashboard, dashboard, DefaultOrigins()},
		{"/api/v1/addons", "http://evil.example", "", DefaultOrigins()},
		{"/api/v1/addons", "http://evil.example", "*", []string{"*"}},
		{"/api/v1/addons", "", "", []string{"*"}},
		{"/metrics", dashboard, "", DefaultOrigins()},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, c.path, nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		RefuseFor(c.origins)(w, r, graft.Errorf(graft.CodeTooMany, "No."))
		exposed := w.Header().Get("Access-Control-Expose-Headers")
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != c.want || strings.Contains(exposed, "Retry-After") != (c.want != "") {
			t.Errorf("%s for %q: allowed %q, exposed %q", c.path, c.origin, got, exposed)
		}
		if varies := w.Header().Get("Vary") == "Origin"; varies != strings.HasPrefix(c.path, "/api/") {
			t.Errorf("%s for %q: varies %t", c.path, c.origin, varies)
		}
		if w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), `"message":"No."`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}
