package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The standard mux redirects paths that are not clean and answers what it does
// not know in plain text; old clients expect neither.

// compiledRoute is a route with its pattern cut into segments.
type compiledRoute struct {
	route
	path     string // the pattern without its query
	query    string // the boolean parameter that the request must have set; empty: none
	segments []string
}

func compile(routes []route) []compiledRoute {
	compiled := make([]compiledRoute, len(routes))
	for i, r := range routes {
		path, query, _ := strings.Cut(r.pattern, "?")
		compiled[i] = compiledRoute{r, path, strings.TrimSuffix(query, "=true"), segments(path)}
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

// chosen is whether a request has set the parameter that the route wants.
func (c *compiledRoute) chosen(r *http.Request) bool {
	if c.query == "" {
		return true
	}
	set, err := strconv.ParseBool(r.URL.Query().Get(c.query))
	return err == nil && set
}

// changes is whether the route is there to change something. One that wants a
// parameter only asks what a change would do.
func (c *compiledRoute) changes() bool { return c.method != http.MethodGet && c.query == "" }

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
		own := []string{c.method}
		if c.method == http.MethodGet {
			own = append(own, http.MethodHead)
		}
		if !slices.Contains(methods, c.method) {
			methods = append(methods, own...)
		}
		if found == nil && slices.Contains(own, r.Method) && c.chosen(r) {
			found = c
		}
	}
	if methods != nil {
		methods = append(methods, http.MethodOptions)
	}
	return found, methods
}
