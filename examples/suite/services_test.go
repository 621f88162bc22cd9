package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
)

func TestCountSurvivesRestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "count")
	for run, want := range []string{"the store counts 1\n", "the store counts 2\n"} {
		store := httptest.NewServer(&counter{path: path})
		if _, err := call(t.Context(), http.MethodPost, store.URL); err != nil {
			t.Fatal(err)
		}
		answer := httptest.NewRecorder()
		page(store.URL).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		if got := answer.Body.String(); got != want {
			t.Errorf("run %d: %q, want %q", run, got, want)
		}
		store.Close()
	}
}

func TestPageWithoutStore(t *testing.T) {
	t.Parallel()
	answer := httptest.NewRecorder()
	// The system gives that port to nobody.
	page("http://127.0.0.1:1").ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if answer.Code != http.StatusBadGateway {
		t.Errorf("status %d, want %d", answer.Code, http.StatusBadGateway)
	}
}
