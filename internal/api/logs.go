package api

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/graftplatform/graft/internal/driver"
)

const (
	// quietTime is how long a stream waits for its first line before it tells
	// the client that all is well.
	quietTime = time.Second
	// lineTime is how long a client may take to accept a line.
	lineTime = 30 * time.Second
)

// logs streams the output of an installation's services.
func (e *engine) logs(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	q := queryOf(r)
	options := driver.LogOptions{
		Tail:   int(q.integer("tail", math.MaxInt32)),
		Since:  q.time("since"),
		Follow: q.bool("follow") && r.Method != http.MethodHead,
	}
	if err := q.err(); err != nil {
		return err
	}
	out := newLineWriter(w, "text/plain; charset=utf-8", options.Follow)
	if options.Follow {
		release, err := e.places.streams.Take(r)
		if err != nil {
			return err
		}
		defer release()
		timer := time.AfterFunc(quietTime, out.begin)
		defer timer.Stop()
	}
	ctx, cancel := e.streaming(r, options.Follow)
	defer cancel()
	err = e.engine.Logs(ctx, id, q.values.Get("service"), options, out)
	return out.end(ctx, err)
}

// lineWriter writes lines, live ones at once. Nothing is sent before the first one, so
// that what fails early is answered as an error.
type lineWriter struct {
	w           http.ResponseWriter
	controller  *http.ResponseController
	contentType string
	live        bool

	mu          sync.Mutex // begin comes from a timer, writes from one goroutine a service
	begun, over bool
}

func newLineWriter(w http.ResponseWriter, contentType string, live bool) *lineWriter {
	return &lineWriter{w: w, controller: http.NewResponseController(w), contentType: contentType, live: live}
}

// begin sends the headers.
func (l *lineWriter) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start()
	if !l.over {
		_ = l.controller.Flush() // the next write tells of a client that is gone
	}
}

func (l *lineWriter) start() {
	if l.begun || l.over {
		return
	}
	l.begun = true
	l.extend()
	l.w.Header().Set("Content-Type", l.contentType)
	l.w.WriteHeader(http.StatusOK)
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return 0, io.ErrClosedPipe
	}
	l.start()
	l.extend()
	n, err := l.w.Write(p)
	if err == nil && l.live {
		err = l.controller.Flush()
	}
	return n, err
}

// extend gives the next write its time, in place of the server's limit for
// whole answers, which streams outlive.
func (l *lineWriter) extend() {
	_ = l.controller.SetWriteDeadline(time.Now().Add(lineTime))
}

// end ends the stream. One that ended because its client left has not failed,
// nor has a live one when the server stops; another one is cut short by that.
func (l *lineWriter) end(ctx context.Context, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	cut := !l.live && errors.Is(context.Cause(ctx), errStopping)
	switch {
	case err != nil && cut:
		err = errStopping
	case err == nil, ctx.Err() != nil:
		l.start()
		l.extend()
		err = nil
	}
	l.over = true
	return err
}
