package api

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/graftplatform/graft"
)

// ServeHTTP answers every request, whatever becomes of it.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w}
	defer s.logAccess(rec, r, time.Now())
	defer s.recoverPanic(rec, r)

	header := rec.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	if err := s.dispatch(rec, r); err != nil {
		s.fail(rec, r, err)
	}
}

func (s *service) dispatch(w *recorder, r *http.Request) error {
	route, methods := s.find(r)
	if strings.HasPrefix(r.URL.Path, apiPrefix) {
		s.allowOrigin(w, r, methods)
	}
	if route != nil {
		r.Pattern = route.path // for Count and Trace
	}
	switch {
	case methods == nil:
		return graft.Errorf(graft.CodeNotFound, "There is nothing at this path; /api/docs has the paths of the %s.", s.role)
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", strings.Join(methods, ", "))
		w.WriteHeader(http.StatusOK)
		return nil
	case route == nil:
		w.Header().Set("Allow", strings.Join(methods, ", "))
		return &methodError{method: r.Method, allowed: methods}
	}
	if s.Audit != nil && route.changes() {
		return s.audited(route, w, r)
	}
	if _, err := s.authorize(r, route.needs); err != nil {
		return err
	}
	return route.handle(w, r)
}

// recoverPanic turns a panic into an answer, so that one bad request neither
// ends the process nor leaves its client without a word.
func (s *service) recoverPanic(rec *recorder, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	s.fail(rec, r, panicError(v))
}

func (s *service) logAccess(rec *recorder, r *http.Request, start time.Time) {
	s.Log.DebugContext(r.Context(), "request", "api", s.role, "method", r.Method, "path", r.URL.Path,
		"status", rec.status, "bytes", rec.bytes, "duration", time.Since(start), "remote", r.RemoteAddr)
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int // 0: nothing yet
	bytes  int64
	detail string // what was asked for, for the audit log
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom, so that files still go the short way.
func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := io.Copy(r.ResponseWriter, src)
	r.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
