package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/graftplatform/graft"
)

const (
	// heartbeat is how often a stream says that it lives while nothing happens.
	heartbeat = 15 * time.Second
	// reconnectAfter is how long a client should wait when a stream broke.
	reconnectAfter = 2 * time.Second
)

// events streams what happens to all installations.
func (e *engine) events(w http.ResponseWriter, r *http.Request) error {
	return e.streamEvents(w, r, "")
}

// eventsOf streams what happens to one installation.
func (e *engine) eventsOf(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	return e.streamEvents(w, r, id)
}

func (e *engine) streamEvents(w http.ResponseWriter, r *http.Request, id string) error {
	asked, err := eventRequestOf(r)
	if err != nil {
		return err
	}
	// What can fail does so before the stream begins.
	oldest, newest, end, err := e.engine.EventRange(r.Context(), id)
	if err != nil {
		return err
	}
	after := asked.position(newest)
	if asked.tail > 0 {
		if after, err = e.engine.EventBefore(r.Context(), id, asked.tail); err != nil {
			return err
		}
	}
	if asked.follow && asked.resumes && end > 0 && after >= end {
		w.WriteHeader(http.StatusNoContent) // which tells browsers not to connect again
		return nil
	}
	release, err := e.places.streams.Take(r)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := e.streaming(r, asked.follow)
	defer cancel()
	w.Header().Set("X-Accel-Buffering", "no") // or nginx would hold events back
	out := newLineWriter(w, "text/event-stream", asked.follow)
	tell := func(event graft.Event) error {
		message, err := eventMessage(event)
		if err == nil {
			_, err = out.Write(message)
		}
		return err
	}
	if r.Method == http.MethodHead {
		return out.end(ctx, nil)
	}
	_, err = out.Write(eventPreface(after))
	if err == nil {
		err = tellLost(after, oldest, tell)
	}
	if err != nil {
		return nil // the client is gone
	}
	if !asked.follow {
		return out.end(ctx, e.engine.PastEvents(ctx, id, after, tell))
	}
	defer beat(ctx, out)()
	return out.end(ctx, e.engine.Events(ctx, id, after, tell))
}

// eventRequest is what a client wants of a stream.
type eventRequest struct {
	after   int64 // negative: from now on
	tail    int   // begin with so many of the last events; 0: as after says
	follow  bool
	resumes bool // the client told what it has seen
}

// eventRequestOf reads where to begin. The header wins, for a browser that
// connects again keeps its URL and adds the header; then the id, then the tail.
func eventRequestOf(r *http.Request) (eventRequest, error) {
	q := queryOf(r)
	asked := eventRequest{
		after: q.integer("after", math.MaxInt64), resumes: q.has("after"),
		follow: !q.has("follow") || q.bool("follow"),
	}
	tail := int(q.integer("tail", math.MaxInt32))
	if err := q.err(); err != nil {
		return asked, err
	}
	last := r.Header.Get("Last-Event-ID")
	switch {
	case last != "":
		asked.resumes = true
		var err error
		if asked.after, err = strconv.ParseInt(last, 10, 64); err != nil || asked.after < 0 {
			return asked, graft.Errorf(graft.CodeInvalid, "The header Last-Event-ID is %q, which is no event's id: send the id of the last event that you saw, or leave it out.", last)
		}
	case asked.resumes:
	case q.has("tail"):
		asked.tail = tail
	case asked.follow:
		asked.after = -1
	}
	return asked, nil
}

// position is the id that the stream goes on from. One that is ahead is of a
// journal that is no more.
func (a eventRequest) position(newest int64) int64 {
	if a.after < 0 || a.after > newest {
		return newest
	}
	return a.after
}

// eventPreface begins a stream. Its id lets a client that loses the connection
// before the first event miss nothing.
func eventPreface(after int64) []byte {
	return fmt.Appendf(nil, "retry: %d\nid: %d\n\n", reconnectAfter.Milliseconds(), after)
}

// tellLost says so when events after the one that was asked for are no longer
// kept.
func tellLost(after, oldest int64, tell func(graft.Event) error) error {
	if after == 0 || after >= oldest-1 {
		return nil
	}
	return tell(graft.Event{
		Type: graft.EventLost, Time: time.Now().UTC(),
		Message: fmt.Sprintf("the events from %d to %d are no longer kept", after+1, oldest-1),
	})
}

// eventMessage writes an event as the body of a stream has it. Those that are
// not kept have no id.
func eventMessage(event graft.Event) ([]byte, error) {
	var b bytes.Buffer
	if event.ID > 0 {
		fmt.Fprintf(&b, "id: %d\n", event.ID)
	}
	fmt.Fprintf(&b, "event: %s\ndata: ", event.Type)
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(event); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// beat writes a comment again and again, so that neither the client nor what is
// between takes a quiet stream for a dead one. The function that it returns
// ends that and waits.
func beat(ctx context.Context, out *lineWriter) func() {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(heartbeat)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if _, err := out.Write([]byte(":\n\n")); err != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
