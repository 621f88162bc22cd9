package api

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
)

const (
	eventsPath = "/api/v1/events"
	addonPath  = "/api/v1/addons/" + someID + "/events"
)

func TestPastEvents(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	engine.oldest, engine.newest = 5, 7
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	engine.past = []graft.Event{
		{ID: 5, Time: at, Type: graft.EventStep, Message: "a <b> & \"c\"\nd", InstallationID: someID},
		{ID: 7, Time: at, Type: graft.EventRuntime, Message: "Docker went away"},
	}
	const (
		step = "id: 5\nevent: operation.step\ndata: " +
			`{"id":5,"time":"2026-01-02T03:04:05Z","type":"operation.step","message":"a <b> & \"c\"\nd","installation_id":"` + someID + `"}` + "\n\n"
		runtime = "id: 7\nevent: runtime.changed\ndata: " +
			`{"id":7,"time":"2026-01-02T03:04:05Z","type":"runtime.changed","message":"Docker went away"}` + "\n\n"
	)
	for _, c := range []struct{ path, last, want string }{
		{eventsPath + "?follow=false", "", "retry: 2000\nid: 0\n\n" + step + runtime},
		{eventsPath + "?follow=false&after=0", "", "retry: 2000\nid: 0\n\n" + step + runtime},
		{eventsPath + "?follow=false&after=0", "6", "retry: 2000\nid: 6\n\n" + runtime},
		{eventsPath + "?follow=false&after=5", "", "retry: 2000\nid: 5\n\n" + runtime},
		{eventsPath + "?follow=0", "5", "retry: 2000\nid: 5\n\n" + runtime},
		{eventsPath + "?follow=false&after=4", "", "retry: 2000\nid: 4\n\n" + step + runtime},
		{eventsPath + "?follow=false&after=7", "", "retry: 2000\nid: 7\n\n"},
		{eventsPath + "?follow=false&tail=2", "", "retry: 2000\nid: 5\n\n" + runtime},
		{eventsPath + "?follow=false&tail=0", "", "retry: 2000\nid: 0\n\n" + step + runtime},
		{eventsPath + "?follow=false&after=99", "", "retry: 2000\nid: 7\n\n"},
		{addonPath + "?follow=false", "", "retry: 2000\nid: 0\n\n" + step},
	} {
		w := ask(t, NewEngine(engine, Options{}), "GET", c.path, "", "Last-Event-ID", c.last)
		if w.Code != 200 || w.Body.String() != c.want || w.Header().Get("Content-Type") != "text/event-stream" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s after %q: %d %v\n%s", c.path, c.last, w.Code, w.Header(), w.Body)
		}
	}
}

// That events are lost is told by an event, which every client gets to see; it
// has no id, for it is none of those that are kept.
func TestLostEvents(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	engine.oldest, engine.newest = 5, 7
	h := NewEngine(engine, Options{})
	for _, query := range []string{"?after=2", "?follow=false&after=2"} {
		w := ask(t, h, "GET", eventsPath+query, "")
		messages := strings.Split(w.Body.String(), "\n\n")
		if len(messages) != 3 || messages[0] != "retry: 2000\nid: 2" {
			t.Fatalf("%s: %q", query, messages)
		}
		document, told := strings.CutPrefix(messages[1], "event: events.lost\ndata: ")
		var event graft.Event
		err := json.Unmarshal([]byte(document), &event)
		if !told || err != nil || event.Type != graft.EventLost || event.Time.IsZero() || event.Message != "the events from 3 to 4 are no longer kept" {
			t.Errorf("%s: %q: %v", query, messages[1], err)
		}
	}
}

func TestEventsBeginWhereAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, last, id string
		after          int64
	}{
		{eventsPath, "", "", 7},
		{eventsPath + "?follow=true", "3", "", 3},
		{eventsPath + "?after=0", "", "", 0},
		{eventsPath + "?after=5", "6", "", 6}, // as browsers do that connect again
		{eventsPath + "?tail=3", "", "", 4},
		{eventsPath + "?tail=0", "", "", 0},
		{eventsPath + "?tail=99", "", "", 0},
		{eventsPath + "?tail=3&after=2", "", "", 2},
		{eventsPath + "?tail=3", "6", "", 6},
		{addonPath, "4", someID, 4},
		{addonPath, "4711", someID, 7},
	} {
		_, engine := newFakes()
		engine.oldest, engine.newest = 1, 7
		var got telling
		engine.coming = func(asked telling) error {
			got = asked
			return asked.tell(graft.Event{Type: graft.EventProgress, Message: "half"})
		}
		w := ask(t, NewEngine(engine, Options{}), "GET", c.path, "", "Last-Event-ID", c.last)
		if got.id != c.id || got.after != c.after || !strings.Contains(w.Body.String(), "\n\nevent: operation.progress\ndata: {") {
			t.Errorf("%s after %q: asked for %q after %d:\n%s", c.path, c.last, got.id, got.after, w.Body)
		}
		got = telling{}
		if w := ask(t, NewEngine(engine, Options{}), "HEAD", c.path, ""); w.Code != 200 || got.tell != nil {
			t.Errorf("HEAD %s: %d", c.path, w.Code)
		}
	}
}

func TestBadEventRequests(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	h := NewEngine(engine, Options{})
	for _, c := range []struct {
		path, last string
		status     int
	}{
		{eventsPath + "?after=-1", "", 422},
		{eventsPath + "?after=x", "", 422},
		{eventsPath + "?tail=some", "", 422},
		{eventsPath + "?follow=perhaps", "", 422},
		{eventsPath, "-1", 422},
		{eventsPath, "x", 422},
		{eventsPath + "?after=1", "x", 422},
		{"/api/v1/addons/nope/events", "", 404},
	} {
		w := ask(t, h, "GET", c.path, "", "Last-Event-ID", c.last)
		if errorOf(t, w); w.Code != c.status {
			t.Errorf("%s after %q: %d %s", c.path, c.last, w.Code, w.Body)
		}
	}
}

// Who has seen all that happened to an installation which is no more is told
// not to connect again; the others are told the rest.
func TestEventsOfTheUninstalled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, last string
		status     int
	}{
		{addonPath, "", 200},
		{addonPath + "?follow=false&after=6", "", 200},
		{addonPath, "5", 200},
		{addonPath, "6", 204},
		{addonPath, "7", 204},
		{addonPath + "?after=6", "", 204},
		{addonPath + "?after=99", "", 204},
	} {
		_, engine := newFakes()
		engine.oldest, engine.newest, engine.last = 1, 7, 6
		w := ask(t, NewEngine(engine, Options{}), "GET", c.path, "", "Last-Event-ID", c.last)
		if w.Code != c.status || (w.Code == 204) != (w.Body.Len() == 0) {
			t.Errorf("%s after %q: %d %q", c.path, c.last, w.Code, w.Body)
		}
	}
}

// Events arrive one by one, and the stream ends when the server is to stop.
func TestEventsFollow(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	next, stopping := make(chan graft.Event), make(chan struct{})
	engine.coming = func(asked telling) error {
		for {
			select {
			case event := <-next:
				if err := asked.tell(event); err != nil {
					return err
				}
			case <-asked.ctx.Done():
				return nil
			}
		}
	}
	server := httptest.NewServer(NewEngine(engine, Options{Stopping: stopping}))
	t.Cleanup(server.Close)
	response := get(t, server, eventsPath) // returns though nothing happened yet
	lines := bufio.NewScanner(response.Body)
	expect := func(want ...string) {
		t.Helper()
		for _, line := range want {
			if !lines.Scan() || !strings.HasPrefix(lines.Text(), line) {
				t.Fatalf("line %q, want %q: %v", lines.Text(), line, lines.Err())
			}
		}
	}
	expect("retry: ", "id: 0", "")
	for n, id := range []string{"id: 1", "id: 2"} {
		next <- graft.Event{ID: int64(n + 1), Type: graft.EventStep}
		expect(id, "event: ", "data: ", "")
	}
	close(stopping)
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("the stream did not end cleanly: %q %v", lines.Text(), lines.Err())
	}
}

func TestEventsHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, engine := newFakes()
		engine.coming = func(telling) error {
			time.Sleep(3*heartbeat + time.Second) // by the bubble's clock
			return nil
		}
		w := ask(t, NewEngine(engine, Options{}), "GET", eventsPath, "")
		if n := strings.Count(w.Body.String(), ":\n\n"); n != 3 {
			t.Errorf("%d heartbeats: %q", n, w.Body)
		}
	})
}

// A stream that breaks off must not look like one that ended.
func TestEventsFail(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	engine.coming = func(telling) error { return errors.New("the disk is gone") }
	server := httptest.NewServer(NewEngine(engine, Options{}))
	t.Cleanup(server.Close)
	lines := bufio.NewScanner(get(t, server, eventsPath).Body)
	for lines.Scan() {
	}
	if lines.Err() == nil {
		t.Error("it ended cleanly")
	}
}
