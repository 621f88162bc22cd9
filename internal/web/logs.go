package web

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/words"
)

// logTail is how many lines of each service's output a page begins with.
const logTail = 500

// logPage is what the page of an installation's output shows.
type logPage struct {
	*graft.Installation
	Service string // chosen; empty: all
	Text    string // for who has no scripts: as it is just now
	Me      *session
}

func (d *dashboard) logsPage(w http.ResponseWriter, r *http.Request, s *session) error {
	inst, err := s.engine.Installation(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	shown := logPage{Installation: inst, Service: r.URL.Query().Get("service"), Me: s}
	known := slices.ContainsFunc(inst.Services, func(service graft.Service) bool { return service.Name == shown.Service })
	if shown.Service != "" && !known {
		return graft.Errorf(graft.CodeNotFound, words.NoService, inst.Name, shown.Service)
	}
	return d.show(w, r, s, "logs", fmt.Sprintf(words.LogsOf, inst.Name), shown)
}

// logsStream sends the output of services, and goes on with what they write.
func (d *dashboard) logsStream(w http.ResponseWriter, r *http.Request, s *session) error {
	o := client.LogOptions{Service: r.URL.Query().Get("service"), Tail: logTail, Follow: r.URL.Query().Get("follow") != "false"}
	return d.copyLogs(w, r, s, o, map[string]string{"X-Accel-Buffering": "no"})
}

// logsFile is all that is kept of the output, as a file.
func (d *dashboard) logsFile(w http.ResponseWriter, r *http.Request, s *session) error {
	o := client.LogOptions{Service: r.URL.Query().Get("service")}
	return d.copyLogs(w, r, s, o, map[string]string{"Content-Disposition": `attachment; filename="addon.log"`})
}

// copyLogs sends output until there is no more, or the dashboard stops. What keeps
// it from beginning is told in its place, what ends it too early in its last line.
func (d *dashboard) copyLogs(w http.ResponseWriter, r *http.Request, s *session, o client.LogOptions, header map[string]string) error {
	out := newFlushed(w)
	defer out.end()
	out.begin = func() {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		for name, value := range header {
			w.Header().Set(name, value)
		}
	}
	if r.Method == http.MethodHead {
		out.begin()
		return nil
	}
	ctx, cancel := d.untilStopping(r.Context())
	defer cancel()
	err := s.engine.Logs(ctx, r.PathValue("id"), o, out)
	switch {
	case out.failed: // the reader went away
	case out.begin != nil && err != nil && ctx.Err() == nil:
		return err
	case out.begin != nil:
		out.begin()
	case err != nil && ctx.Err() == nil:
		_, _ = fmt.Fprintf(out, "\ngraft | %s\n", reason(err)) // a client that went away needs no end
	}
	return nil
}

// flushed sends each part of an answer at once, and gives it a time of its own.
type flushed struct {
	w          io.Writer
	connection *http.ResponseController
	begin      func() // is called before the first part; nil: it was, or there is nothing to do
	failed     bool   // no more can be sent
}

func newFlushed(w http.ResponseWriter) *flushed {
	return &flushed{w: w, connection: http.NewResponseController(w)}
}

// Write implements io.Writer.
func (f *flushed) Write(p []byte) (int, error) {
	if f.begin != nil {
		f.begin()
		f.begin = nil
	}
	// A connection without deadlines, such as a test's, has none.
	_ = f.connection.SetWriteDeadline(time.Now().Add(sendTime))
	n, err := f.w.Write(p)
	if err == nil {
		err = f.connection.Flush()
	}
	// HTTP/2 would end a stream that has nothing to send in that time.
	_ = f.connection.SetWriteDeadline(time.Time{})
	f.failed = err != nil
	return n, err
}

// end gives what the server has to add its time.
func (f *flushed) end() { _ = f.connection.SetWriteDeadline(time.Now().Add(sendTime)) }
