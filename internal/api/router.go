package api

import (
	"net/http"
	"slices"
	"strings"
)

// The standard mux redirects paths that are not clean and answers what it does
// not know in plain text; old clients expect neither.

// compiledRoute is a route with its pattern cut into segments.
type compiledRoute struct {
	route
	segments []string
}

func compile(routes []route) []compiledRoute {
	compiled := make([]compiledRoute, len(routes))
	for i, r := range routes {
		compiled[i] = compiledRoute{r, segments(r.pattern)}
	}
	return compiled
}

// segments cuts a path at its slashes, of which one at the end does not count.
func segments(path string) []string {
	return strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
}

// match reports whether the route has that path and, if so, sets the request's
// path values.
func (c *compiledRoute) match(path []string, r *http.Request) bool {
	if len(path) != len(c.segments) {
		return false
	}
	for i, segment := range c.segments {
		if wildcard(segment) && path[i] == "" || !wildcard(segment) && segment != path[i] {
			return false
		}
	}
	for i, segment := range c.segments {
		if wildcard(segment) {
			r.SetPathValue(strings.Trim(segment, "{}"), path[i])
		}
	}
	return true
}

func wildcard(segment string) bool { return strings.HasPrefix(segment, "{") }

// find returns the route for a request, nil if there is none, and the methods
// that its path knows; none of them means that the path is unknown.
func (s *service) find(r *http.Request) (*compiledRoute, []string) {
	var methods []string
	var found *compiledRoute
	path := segments(r.URL.Path)
	for i := range s.routes {
		c := &s.routes[i]
		if !c.match(path, r) {
			continue
		}
		methods = append(methods, c.method)
		if c.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		if slices.Contains(methods, r.Method) && found == nil {
			found = c
		}
	}
	if methods != nil {
		methods = append(methods, http.MethodOptions)
	}
	return found, methods
}
