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
	const silence = 300 * time.Millisecond
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
		if err := pause(ctx, silence); err != nil {
			return err
		}
		who.Store("new")
		return nil
	})
	if err != nil || got < silence || got > 10*silence {
		t.Errorf("silence of %v, %v; want about %v", got, err, silence)
	}
}
