package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/graftplatform/graft"
)

const (
	eventsPath = "/api/v1/events"

	// quietTimeout is after which silence a stream is given up for dead; servers
	// send a comment every 15 seconds.
	quietTimeout = 45 * time.Second

	reconnectPause = 2 * time.Second // unless the server says how long
	maxReconnect   = 30 * time.Second
)

// EventsOptions choose events.
type EventsOptions struct {
	InstallationID string // empty: of all
	// After is the id of the event to begin after; 0: with the oldest that is
	// kept. Nil: from now on with Follow, else with the oldest.
	After *int64
	// Tail, without After, begins with this many of the last events that are
	// kept; 0: as without After.
	Tail int
	// Follow goes on with what happens until ctx ends.
	Follow bool
}

// Events calls fn for events in their order, and returns an error of fn as it
// is. With Follow it ends with ctx only, when the server refuses to go on, or,
// for one installation, after its removal (nil): a connection that breaks is
// made again, from the last event on, so that none is missed while the server
// keeps it. Events of a pull's progress, which have no id, may be.
func (c *Client) Events(ctx context.Context, o EventsOptions, fn func(graft.Event) error) error {
	path := eventsPath
	if o.InstallationID != "" {
		var err error
		if path, err = idPath(installationsPath, "installation", o.InstallationID); err != nil {
			return err
		}
		path += "/events"
	}
	s := &eventStream{client: c, request: get(Engine, path, url.Values{}), last: o.After, retry: reconnectPause, fn: fn}
	s.one = o.InstallationID != ""
	s.request.timeout = quietTimeout
	s.request.accept = "text/event-stream"
	if o.Tail > 0 && o.After == nil {
		s.request.query.Set("tail", strconv.Itoa(o.Tail))
	}
	if !o.Follow {
		s.request.query.Set("follow", "false")
		_, err := s.read(ctx)
		return err
	}
	for {
		again, err := s.read(ctx)
		if !again {
			return err
		}
		if err := s.pause(ctx); err != nil {
			return err
		}
	}
}

// eventStream is a stream of events over as many connections as it takes.
type eventStream struct {
	client  *Client
	request request
	fn      func(graft.Event) error
	one     bool // of one installation only

	last     *int64        // where the next connection goes on
	retry    time.Duration // first pause
	met      bool          // the server has answered once
	failures int           // since something was read
	removed  bool          // the one installation; no more will come
}

// read reads one connection to its end, and says whether to connect again. A
// server that has never answered is not waited for.
func (s *eventStream) read(ctx context.Context) (again bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(quietTimeout, func() { cancel(errSlow) })
	defer quiet.Stop()
	if s.last != nil {
		s.request.query.Del("tail")
		s.request.query.Set("after", strconv.FormatInt(*s.last, 10))
	}
	resp, err := s.client.open(ctx, s.request)
	if err != nil {
		return s.met && alive(ctx) && temporary(err), err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return false, nil // there is no more to come
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "text/event-stream" {
		return false, s.foreign(nil)
	}
	s.met = true
	stream := newMessages(resp.Body)
	for {
		m, err := stream.next(func() { quiet.Reset(quietTimeout) })
		switch {
		case errors.Is(err, errTooLong):
			return false, s.foreign(err)
		case errors.Is(err, io.EOF):
			return alive(ctx) && !s.removed, nil
		case err != nil:
			return alive(ctx), s.client.noAnswer(ctx, s.request, err)
		}
		quiet.Stop() // fn may take its time
		if err := s.take(m); err != nil {
			return false, err
		}
		quiet.Reset(quietTimeout)
	}
}

// alive is whether a connection's context was not ended by the caller.
func alive(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return cause == nil || errors.Is(cause, errSlow)
}

// temporary is whether the server, or a proxy before it, may answer otherwise a
// little later.
func temporary(err error) bool {
	switch graft.ErrorCode(err) {
	case graft.CodeUnavailable, graft.CodeTooMany, graft.CodeUpstream:
		return true
	}
	return false
}

// take handles one message.
func (s *eventStream) take(m *message) error {
	s.failures = 0
	if m.retry > 0 {
		s.retry = min(m.retry, maxReconnect)
	}
	if m.hasData {
		var event graft.Event
		if err := json.Unmarshal([]byte(m.data), &event); err != nil {
			return s.foreign(err)
		}
		if err := s.fn(event); err != nil {
			return err
		}
		s.removed = s.removed || s.one && event.Type == graft.EventRemoved
	}
	if m.id != nil {
		s.last = m.id
	}
	return nil
}

// foreign is an answer that no engine gives.
func (s *eventStream) foreign(err error) error {
	return graft.WrapError(graft.CodeUpstream, err, "the %s answers something else than events: check its URL", s.client.where(Engine))
}

// pause waits before the next connection: longer each time, with jitter.
func (s *eventStream) pause(ctx context.Context) error {
	pause := min(s.retry<<min(s.failures, 10), maxReconnect)
	s.failures++
	timer := time.NewTimer(pause/2 + rand.N(pause/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return graft.WrapError(graft.CodeUnavailable, context.Cause(ctx), "gave up following events")
	}
}
