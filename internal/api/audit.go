package api

import (
	"cmp"
	"context"
	"math"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/graftplatform/graft"
)

// AuditLog keeps who changed what, or wanted to.
type AuditLog interface {
	// Record returns when the entry is kept.
	Record(entry graft.AuditEntry)
	// Audit returns the first entries after an id, up to the limit; LastAudit
	// the last ones. Both are in their order.
	Audit(ctx context.Context, after int64, limit int) ([]graft.AuditEntry, error)
	LastAudit(ctx context.Context, limit int) ([]graft.AuditEntry, error)
}

const (
	auditPage    = 100
	maxAuditPage = 1000
	// maxTarget is how much of a path, and of a detail, an entry has, in bytes.
	maxTarget = 300
)

// audit answers the entries after an id or, without one, the last of them.
func (s *service) audit(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	after := q.integer("after", math.MaxInt64)
	limit := cmp.Or(int(q.integer("limit", maxAuditPage)), auditPage)
	if err := q.err(); err != nil {
		return err
	}
	var entries []graft.AuditEntry
	var err error
	if q.has("after") {
		entries, err = s.Audit.Audit(r.Context(), after, limit)
	} else {
		entries, err = s.Audit.LastAudit(r.Context(), limit)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, notNil(entries))
}

// audited lets a route answer a request that changes something, and writes down
// what came of it. It is written before the answer is whole.
func (s *service) audited(route *compiledRoute, rec *recorder, r *http.Request) error {
	by, err := s.authorize(r, route.needs)
	outcome := newBody(http.StatusInternalServerError, graft.CodeInternal, "") // of a panic
	defer func() {
		s.Audit.Record(graft.AuditEntry{
			Time: time.Now().UTC(), Principal: by.Name, Role: by.Role,
			Action: route.method + " " + route.path, Detail: rec.detail, Target: targetOf(rec, r), From: remoteHost(r),
			Status: outcome.Code, ErrorCode: outcome.ErrorCode,
		})
	}()
	if err == nil {
		err = route.handle(rec, r)
	}
	if err != nil {
		outcome = describe(err)
	} else {
		outcome = errorBody{Code: cmp.Or(rec.status, http.StatusOK)}
	}
	return err
}

// asks notes what a request asks for, where that is not clear from its route.
func asks(w http.ResponseWriter, words ...string) {
	if rec, is := w.(*recorder); is {
		detail := strings.Join(words, ", ")
		rec.detail = strings.ToValidUTF8(detail[:min(len(detail), maxTarget)], "")
	}
}

// targetOf is the path of what a request was about, or made.
func targetOf(rec *recorder, r *http.Request) string {
	target := r.URL.EscapedPath()
	if rec.status == http.StatusCreated {
		target = cmp.Or(rec.Header().Get("Location"), target)
	}
	return target[:min(len(target), maxTarget)]
}

// remoteHost is where a request came from. What proxies say about that is not
// believed: anybody can say it.
func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
