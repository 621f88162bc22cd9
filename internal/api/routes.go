package api

import "net/http"

// access says who may use a route.
type access int

const (
	public access = iota // everybody
	token                // who knows the token
)

// handler answers a request, or returns why not; the service writes the error.
type handler func(w http.ResponseWriter, r *http.Request) error

type route struct {
	method  string // GET stands for HEAD too
	pattern string // without a trailing slash; both forms are answered
	access  access
	handle  handler
}

func marketplaceRoutes(s *service, m *marketplace) []route {
	const addons, addon = "/api/v1/marketplace/addons", "/api/v1/marketplace/addons/{id}"
	return append(commonRoutes(s, Check{"catalog", m.ready}), []route{
		{http.MethodGet, addons, public, m.list},
		{http.MethodPost, addons, token, m.publish},
		{http.MethodGet, addon, public, m.show},
		{http.MethodDelete, addon, token, m.remove},
	}...)
}

func engineRoutes(s *service, e *engine) []route {
	const addons, addon = "/api/v1/addons", "/api/v1/addons/{id}"
	return append(commonRoutes(s, Check{"docker", e.engine.Ready}), []route{
		{http.MethodGet, addons, token, e.list},
		{http.MethodPost, addons, token, e.install},
		{http.MethodGet, addon, token, e.show},
		{http.MethodPatch, addon, token, e.change},
		{http.MethodDelete, addon, token, e.remove},
		{http.MethodGet, addon + "/plan", token, e.plan},
		{http.MethodGet, addon + "/logs", token, e.logs},
		{http.MethodGet, addon + "/events", token, e.eventsOf},
		{http.MethodGet, "/api/v1/components", token, e.components},
		{http.MethodGet, "/api/v1/events", token, e.events},
	}...)
}

func commonRoutes(s *service, own Check) []route {
	return []route{
		{http.MethodGet, "/", public, ok},
		{http.MethodGet, "/healthz", public, healthz},
		{http.MethodGet, "/readyz", public, s.readyz(append([]Check{own}, s.Checks...))},
		{http.MethodGet, "/metrics", token, s.Metrics.serve},
		{http.MethodGet, "/api/v1/version", public, s.version},
		{http.MethodGet, "/schemas/descriptor.json", public, descriptorSchema},
		{http.MethodGet, "/docs/openapi.json", public, s.openAPI},
		{http.MethodGet, "/api/docs", public, docsPage},
		{http.MethodGet, "/api/docs/rapidoc-min.js", public, docsScript},
	}
}
