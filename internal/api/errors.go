package api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/shield"
)

// statusOf is the one mapping from error codes to HTTP statuses.
func statusOf(code graft.Code) int {
	switch code {
	case graft.CodeMalformed, graft.CodeExists:
		return http.StatusBadRequest
	case graft.CodeInvalid:
		return http.StatusUnprocessableEntity
	case graft.CodeNotFound:
		return http.StatusNotFound
	case graft.CodeConflict, graft.CodeRefused:
		return http.StatusConflict
	case graft.CodeUnauthorized:
		return http.StatusUnauthorized
	case graft.CodeForbidden, graft.CodeConsent:
		return http.StatusForbidden
	case graft.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case graft.CodeTooMany:
		return http.StatusTooManyRequests
	case graft.CodeUpstream:
		return http.StatusBadGateway
	case graft.CodeUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// errorBody is what clients read of an error. The first four fields are those
// of the old servers.
type errorBody struct {
	Code      int            `json:"code"`
	Status    string         `json:"status"`
	Message   string         `json:"message,omitempty"`
	Errors    map[string]any `json:"errors,omitempty"`
	ErrorCode graft.Code     `json:"error_code"`
	Problems  graft.Problems `json:"problems,omitempty"`
	// Rights are those that consent is missing for, or that a policy denies.
	Rights []graft.Right `json:"rights,omitempty"`
	// Checks is what /readyz found.
	Checks map[string]string `json:"checks,omitempty"`
}

// methodError is a method that the path does not know.
type methodError struct {
	method  string
	allowed []string
}

func (e *methodError) Error() string {
	return fmt.Sprintf("%s is not possible here, only %s.", e.method, strings.Join(e.allowed, ", "))
}

// queryError is an error whose problems lie in the query, not in the body.
type queryError struct{ error }

func (e queryError) Unwrap() error { return e.error }

// panicError makes an error of what a handler panicked with.
func panicError(v any) error {
	return fmt.Errorf("panic: %v\n%s", v, debug.Stack())
}

// fail writes err, or cuts the connection if an answer has begun: a client must
// not take half a document for a whole one.
func (s *service) fail(rec *recorder, r *http.Request, err error) {
	if r.Context().Err() != nil && graft.ErrorCode(err) == graft.CodeInternal {
		return // the client is gone, and that is why it failed
	}
	body := describe(err)
	if body.Code == http.StatusInternalServerError {
		id := errorID()
		s.Log.ErrorContext(r.Context(), "request failed", "id", id, "api", s.role,
			"method", r.Method, "path", r.URL.Path, "error", err)
		body.Message = "Internal error; the server's log explains it under the id " + id + "."
	}
	if errors.Unwrap(err) != nil && graft.ErrorCode(err) == graft.CodeUnavailable && r.Context().Err() == nil {
		// Where it is and what it said itself is not for strangers.
		s.away.Failed(r.Context(), "something that requests need is away", err, "api", s.role, "path", r.URL.Path)
	}
	if rec.status != 0 {
		s.Log.WarnContext(r.Context(), "answer cut short", "api", s.role, "path", r.URL.Path, "error", err)
		panic(http.ErrAbortHandler)
	}
	if body.Code == http.StatusUnauthorized {
		rec.Header().Set("WWW-Authenticate", `Bearer realm="graft"`)
	}
	shield.SetRetryAfter(rec.Header(), err)
	// The body is made of strings and numbers: encoding it can't fail.
	_ = writeJSON(rec, body.Code, body)
}

// RefuseFor returns what answers a request of an API that no handler saw. Pages of
// those origins may read it, as they may what handlers answer.
func RefuseFor(origins []string) func(w http.ResponseWriter, r *http.Request, err error) {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		if strings.HasPrefix(r.URL.Path, apiPrefix) {
			allowReading(w, r, origins)
		}
		Refuse(w, r, err)
	}
}

// Refuse answers with an error before any handler saw the request. Its text is
// that of a *graft.Error; others have none.
func Refuse(w http.ResponseWriter, _ *http.Request, err error) {
	shield.SetRetryAfter(w.Header(), err)
	w.Header().Set("Cache-Control", "no-store")
	body := describe(err)
	_ = writeJSON(w, body.Code, body)
}

// describe makes the body for err; it has no text of errors that are not ours.
func describe(err error) errorBody {
	var (
		e      *graft.Error
		method *methodError
		query  queryError
		ready  *notReady
	)
	if errors.As(err, &method) {
		return newBody(http.StatusMethodNotAllowed, graft.CodeInvalid, method.Error())
	}
	if errors.As(err, &ready) {
		body := newBody(http.StatusServiceUnavailable, graft.CodeUnavailable, ready.Error())
		body.Checks = ready.checks
		return body
	}
	if !errors.As(err, &e) {
		return newBody(http.StatusInternalServerError, graft.CodeInternal, "")
	}
	body := newBody(statusOf(e.Code), e.Code, e.Message)
	body.Rights = e.Rights
	if len(e.Problems) > 0 {
		in := "json"
		if errors.As(err, &query) {
			in = "query"
		}
		body.Problems = e.Problems
		body.Errors = map[string]any{in: nest(e.Problems)}
	}
	if e.Code == graft.CodeMalformed {
		body.Errors = map[string]any{"json": []string{"Invalid JSON body."}}
	}
	return body
}

func newBody(status int, code graft.Code, message string) errorBody {
	return errorBody{Code: status, Status: http.StatusText(status), ErrorCode: code, Message: message}
}

func errorID() string {
	var id [6]byte
	rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}
