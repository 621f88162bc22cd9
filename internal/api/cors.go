package api

import (
	"net/http"
	"slices"
	"strings"
)

// DefaultOrigins are those of the dashboards on this host.
func DefaultOrigins() []string {
	return []string{
		"http://localhost:11103", "http://127.0.0.1:11103",
		"http://localhost:11203", "http://127.0.0.1:11203",
	}
}

// allowOrigin lets pages of the origins that were chosen read the answer. No
// cookies are involved, so credentials are never allowed.
func (s *service) allowOrigin(w http.ResponseWriter, r *http.Request, methods []string) {
	header := w.Header()
	header.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	switch {
	case origin == "":
		return
	case slices.Contains(s.Origins, "*"):
		header.Set("Access-Control-Allow-Origin", "*")
	case slices.Contains(s.Origins, origin):
		header.Set("Access-Control-Allow-Origin", origin)
	default:
		return
	}
	header.Set("Access-Control-Expose-Headers", "ETag, Link, Location, Retry-After")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return
	}
	header.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, Last-Event-ID, Traceparent")
	header.Set("Access-Control-Max-Age", "600")
}
