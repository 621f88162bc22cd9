package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// engineStub is an engine that has nothing but a stream of events.
type engineStub struct {
	mu      sync.Mutex
	away    bool
	opened  int // streams, ever
	streams map[*io.PipeWriter]bool

	measured int // how often it was asked what containers use
}

// RoundTrip implements http.RoundTripper.
func (e *engineStub) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.away {
		return nil, errors.New("connection refused")
	}
	if r.URL.Path == "/api/v1/stats" {
		e.measured++
		body := fmt.Sprintf(`[{"container_id":"x","memory_bytes":%d}]`, e.measured)
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
	if r.URL.Path != "/api/v1/events" {
		return nil, fmt.Errorf("nobody should ask for %s", r.URL)
	}
	e.opened++
	out, in := io.Pipe()
	e.streams[in] = true
	context.AfterFunc(r.Context(), func() { e.end(in) })
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: out, Request: r}, nil
}

func (e *engineStub) end(stream *io.PipeWriter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.streams, stream)
	_ = stream.CloseWithError(io.ErrUnexpectedEOF) // never fails
}

// open is how many streams there are.
func (e *engineStub) open() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.streams)
}

// say sends an event to all who follow.
func (e *engineStub) say(t *testing.T) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for stream := range e.streams {
		if _, err := io.WriteString(stream, "id: 1\ndata: {\"type\":\"status\"}\n\n"); err != nil {
			t.Error(err)
		}
	}
}

// leave breaks all connections; the next ones are refused.
func (e *engineStub) leave() {
	e.mu.Lock()
	e.away = true
	streams := e.streams
	e.streams = map[*io.PipeWriter]bool{}
	e.mu.Unlock()
	for stream := range streams {
		_ = stream.CloseWithError(io.ErrUnexpectedEOF) // never fails
	}
}

func (e *engineStub) come() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.away = false
}

// stubbed is a dashboard over such an engine.
func stubbed(t *testing.T) (*dashboard, *engineStub) {
	t.Helper()
	engine := &engineStub{streams: map[*io.PipeWriter]bool{}}
	a, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	p, err := loadPages(a)
	if err != nil {
		t.Fatal(err)
	}
	return &dashboard{
		Options: Options{Engine: Server{URL: "http://engine.test", HTTPClient: &http.Client{Transport: engine}}, Marketplace: Server{URL: "http://market.test"}},
		pages:   p, assets: a, hubs: newHubs(),
	}, engine
}

// of is a new session of who has a token.
func (d *dashboard) of(t *testing.T, token string) *session {
	t.Helper()
	s, err := d.newSession(map[client.Server]credentials{client.Engine: {token, graft.Principal{Name: "ann", Role: graft.RoleViewer}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told is whether a watcher was told that pages may be others.
func told(changed <-chan struct{}) bool {
	select {
	case <-changed:
		return true
	default:
		return false
	}
}
