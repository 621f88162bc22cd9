package browser_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// The first page of an empty system says what to do next.
func TestEmptySystem(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.tab()
	p.open("/")
	p.see("No addon has been published yet", "Add New Addon")
	p.looksGood("marketplace-empty")
	p = s.signedIn()
	for path, says := range map[string]string{
		"/installed": "Nothing is installed", "/components": "No component was found", "/review": "Nothing waits for you",
		"/tokens": "There is only the administrator's token",
	} {
		p.open(path)
		p.see(says)
		p.looksGood("empty")
	}
}

// Oakestra's main dashboard, whose pages are of another origin, asks whether there
// is a dashboard for addons.
func TestHealth(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.tab()
	p.watch.allow("/favicon.ico") // which a browser wants by itself, for a text
	p.open("/health")
	p.see("healthy")

	// What another origin gets to see of it.
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><html lang="en"><title>Oakestra</title><link rel="icon" href="data:,">`))
	}))
	t.Cleanup(other.Close)
	oakestra := newTab(t, other.URL)
	oakestra.watch.allow("request to another host: " + s.dashboard + "/health")
	oakestra.open("/")
	var body string
	oakestra.evaluate(&body, `async (url) => (await fetch(url)).text()`, s.dashboard+"/health")
	if body != "healthy" {
		t.Errorf("another origin reads %q", body)
	}
}
