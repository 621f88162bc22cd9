package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

const preface = "retry: 1\nid: 40\n\n"

// told is an event as a stream has it.
func told(id int) string {
	return fmt.Sprintf("id: %d\nevent: operation.step\ndata: {\"id\":%d,\"type\":\"operation.step\",\"message\":\"step\"}\n\n", id, id)
}

// script is a server of events: each connection gets the next answer. Those
// that end with "…" are cut.
type script struct {
	mu      sync.Mutex
	answers []string
	asked   []string // queries
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.URL.Path+"?"+r.URL.RawQuery)
	if len(s.answers) == 0 {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"code":404,"status":"Not Found","message":"that is all"}`)
		return
	}
	answer := s.answers[0]
	s.answers = s.answers[1:]
	if status, ok := strings.CutPrefix(answer, "status "); ok {
		var code int
		_, _ = fmt.Sscan(status, &code)
		w.WriteHeader(code)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	answer, cut := strings.CutSuffix(answer, "…")
	_, _ = io.WriteString(w, answer)
	_ = http.NewResponseController(w).Flush()
	if cut {
		panic(http.ErrAbortHandler)
	}
}

// ids follows a server's events.
func ids(t *testing.T, s *script, o client.EventsOptions) ([]int64, error) {
	t.Helper()
	c, _ := serve(t, s.ServeHTTP)
	var got []int64
	err := c.Events(t.Context(), o, func(e graft.Event) error {
		got = append(got, e.ID)
		return nil
	})
	return got, err
}

func TestEventsReconnect(t *testing.T) {
	t.Parallel()
	s := &script{answers: []string{
		preface + ":\n\n" + told(41) + told(42)[:40] + "…", // in mid-event
		"…",          // before anything
		"status 503", // while it restarts
		"status 502", // of a proxy
		"retry: 1\nid: 41\n\n" + told(42) + "event: operation.progress\ndata: {\"type\":\"operation.progress\"}\n\n", // it stops
		told(43) + "…",
	}}
	got, err := ids(t, s, client.EventsOptions{Follow: true})
	if !slices.Equal(got, []int64{41, 42, 0, 43}) || graft.ErrorCode(err) != graft.CodeNotFound || graft.ErrorMessage(err) != "that is all" {
		t.Errorf("events %v, %v", got, err)
	}
	const path = "/api/v1/events?"
	want := []string{path, path + "after=41", path + "after=41", path + "after=41", path + "after=41", path + "after=42", path + "after=43"}
	if !slices.Equal(s.asked, want) {
		t.Errorf("asked for %q, want %q", s.asked, want)
	}
}

// The tail is where a stream begins, and not where it goes on.
func TestEventsTail(t *testing.T) {
	t.Parallel()
	s := &script{answers: []string{preface + told(41) + "…"}}
	if got, err := ids(t, s, client.EventsOptions{Follow: true, Tail: 20}); !slices.Equal(got, []int64{41}) {
		t.Errorf("events %v, %v", got, err)
	}
	if want := []string{"/api/v1/events?tail=20", "/api/v1/events?after=41"}; !slices.Equal(s.asked, want) {
		t.Errorf("asked for %q, want %q", s.asked, want)
	}
}

// A connection that breaks before the first event misses none: the server says
// at once where it began.
func TestEventsReconnectBeforeTheFirst(t *testing.T) {
	t.Parallel()
	s := &script{answers: []string{preface + "…"}}
	if _, err := ids(t, s, client.EventsOptions{Follow: true, InstallationID: installationID}); graft.ErrorCode(err) != graft.CodeNotFound {
		t.Error(err)
	}
	const path = "/api/v1/addons/" + installationID + "/events?"
	if want := []string{path, path + "after=40"}; !slices.Equal(s.asked, want) {
		t.Errorf("asked for %q, want %q", s.asked, want)
	}
}

// The events of one installation end with its removal, also when the server
// says that only when it is asked again.
func TestEventsEndWithTheInstallation(t *testing.T) {
	t.Parallel()
	removed := "id: 41\nevent: installation.removed\ndata: {\"id\":41,\"type\":\"installation.removed\",\"message\":\"gone\"}\n\n"
	for _, c := range []struct {
		answers []string
		want    []int64
	}{
		{[]string{preface + removed}, []int64{41}},
		{[]string{preface + removed + "…", "retry: 1\nid: 41\n\n" + told(42)}, []int64{41, 42}},
		{[]string{preface, "status 204"}, nil},
	} {
		s := &script{answers: c.answers}
		got, err := ids(t, s, client.EventsOptions{Follow: true, InstallationID: installationID})
		if !slices.Equal(got, c.want) || err != nil || len(s.answers) > 0 {
			t.Errorf("%q: events %v, %v", c.answers, got, err)
		}
	}
	s := &script{answers: []string{preface + removed, told(42)}}
	if got, err := ids(t, s, client.EventsOptions{Follow: true}); !slices.Equal(got, []int64{41, 42}) || graft.ErrorCode(err) != graft.CodeNotFound {
		t.Errorf("of all: events %v, %v", got, err)
	}
}

func TestPastEvents(t *testing.T) {
	t.Parallel()
	after := int64(7)
	s := &script{answers: []string{preface + told(41) + told(42)}}
	got, err := ids(t, s, client.EventsOptions{After: &after})
	if !slices.Equal(got, []int64{41, 42}) || err != nil || !slices.Equal(s.asked, []string{"/api/v1/events?after=7&follow=false"}) {
		t.Errorf("events %v, %v, asked for %q", got, err, s.asked)
	}
	s = &script{answers: []string{preface + told(41) + told(42) + "…"}}
	if got, err := ids(t, s, client.EventsOptions{}); len(got) != 2 || graft.ErrorCode(err) != graft.CodeUnavailable || len(s.asked) != 1 {
		t.Errorf("cut short: events %v, %v, asked for %q", got, err, s.asked)
	}
}

func TestEventsEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, answer string
		code         graft.Code
	}{
		{"never there", "status 503", graft.CodeUnavailable},
		{"no token", "status 401", graft.CodeUnauthorized},
		{"no events", "data: [\n\n", graft.CodeUpstream},
		{"too long", "data: " + strings.Repeat("x", 1<<20) + "\n\n", graft.CodeUpstream},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &script{answers: []string{c.answer}}
			if got, err := ids(t, s, client.EventsOptions{Follow: true}); len(got) != 0 || graft.ErrorCode(err) != c.code || len(s.asked) != 1 {
				t.Errorf("events %v, %v, asked for %q", got, err, s.asked)
			}
		})
	}
	t.Run("another server", func(t *testing.T) {
		t.Parallel()
		c, _ := serve(t, answer(200, "hello"))
		err := c.Events(t.Context(), client.EventsOptions{}, nil)
		if graft.ErrorCode(err) != graft.CodeUpstream || !strings.Contains(graft.ErrorMessage(err), "check its URL") {
			t.Error(err)
		}
	})
	t.Run("bad id", func(t *testing.T) {
		t.Parallel()
		c, _ := serve(t, answer(200, ""))
		if err := c.Events(t.Context(), client.EventsOptions{InstallationID: "../x"}, nil); graft.ErrorCode(err) != graft.CodeNotFound {
			t.Error(err)
		}
	})
}

// An error of the function ends it, whatever its code, and so does the context.
func TestEventsStopped(t *testing.T) {
	t.Parallel()
	full := graft.Errorf(graft.CodeUnavailable, "the disk is full")
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, preface+told(41))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	err := c.Events(t.Context(), client.EventsOptions{Follow: true}, func(graft.Event) error { return full })
	if !errors.Is(err, full) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = c.Events(ctx, client.EventsOptions{Follow: true}, func(graft.Event) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) || graft.ErrorCode(err) != graft.CodeUnavailable {
		t.Error(err)
	}
}
