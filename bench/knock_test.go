package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// The port goes silent, and another one answers afterwards.
func TestSilence(t *testing.T) {
	t.Parallel()
	const quiet = time.Second
	var who atomic.Value
	who.Store("old")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if name := who.Load(); name != "" {
			fmt.Fprintln(w, name)
		} else {
			http.Error(w, "nobody", http.StatusBadGateway)
		}
	}))
	t.Cleanup(server.Close)
	got, err := silenceDuring(t.Context(), server.URL, "new", func(ctx context.Context) error {
		who.Store("")
		if err := pause(ctx, quiet); err != nil {
			return err
		}
		who.Store("new")
		return nil
	})
	// An answer that was given before it may be heard somewhat later.
	if err != nil || min(got.polling, got.impatient) < quiet/2 || max(got.polling, got.impatient) > 10*quiet {
		t.Errorf("silence of %v, %v; want about %v", got, err, quiet)
	}
}
