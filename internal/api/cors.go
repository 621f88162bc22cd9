package api

import (
	"net/http"
	"slices"
	"strings"
)

// apiPrefix begins the paths that pages of other origins may read.
const apiPrefix = "/api/"

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
	if !allowReading(w, r, s.Origins) || r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return
	}
	header := w.Header()
	header.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, Last-Event-ID, Traceparent")
	header.Set("Access-Control-Max-Age", "600")
}

// allowReading lets the page that sent a request read the answer if it is of one
// of the origins, and returns whether it is.
func allowReading(w http.ResponseWriter, r *http.Request, origins []string) bool {
	header := w.Header()
	header.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	switch {
	case origin == "":
		return false
	case slices.Contains(origins, "*"):
		header.Set("Access-Control-Allow-Origin", "*")
	case slices.Contains(origins, origin):
		header.Set("Access-Control-Allow-Origin", origin)
	default:
		return false
	}
	header.Set("Access-Control-Expose-Headers", "ETag, Link, Location, Retry-After")
	return true
}
