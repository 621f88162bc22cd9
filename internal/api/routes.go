package api

import (
	"net/http"

	"github.com/graftplatform/graft"
)

// handler answers a request, or returns why not; the service writes the error.
type handler func(w http.ResponseWriter, r *http.Request) error

type route struct {
	method string // GET stands for HEAD too
	// pattern has no trailing slash; both forms are answered. With ?NAME=true at
	// its end it is for requests that have set this parameter and therefore only
	// ask what would be; it stands before the one without.
	pattern string
	needs   graft.Permission // empty: everybody may
	handle  handler
}

func marketplaceRoutes(s *service, m *marketplace) []route {
	const addons, addon = "/api/v1/marketplace/addons", "/api/v1/marketplace/addons/{id}"
	const name = "/api/v1/marketplace/names/{name}"
	return append(commonRoutes(s, Check{"catalog", m.ready}), []route{
		{http.MethodGet, addons, "", m.list},
		{http.MethodPost, addons, graft.PermitPublish, m.publish},
		{http.MethodGet, addon, "", m.show},
		{http.MethodDelete, addon, graft.PermitPublish, m.remove},
		{http.MethodPost, addon + "/verify", graft.PermitRead, m.does(Market.Verify)}, // by its publisher or a reviewer
		{http.MethodPost, addon + "/yank", graft.PermitPublish, m.says("message", Market.Yank)},
		{http.MethodDelete, addon + "/yank", graft.PermitPublish, m.does(Market.Unyank)},
		{http.MethodPost, addon + "/deprecate", graft.PermitPublish, m.says("message", Market.Deprecate)},
		{http.MethodDelete, addon + "/deprecate", graft.PermitPublish, m.does(Market.Undeprecate)},
		{http.MethodPost, addon + "/approve", graft.PermitReview, m.reviews(Market.Approve)},
		{http.MethodPost, addon + "/reject", graft.PermitReview, m.reviews(Market.Reject)},
		{http.MethodGet, name, "", m.name},
		{http.MethodPatch, name, graft.PermitAdminister, m.setPublisher},
		{http.MethodGet, name + "/versions", "", m.versions},
		{http.MethodGet, name + "/versions/{version}", "", m.version},
	}...)
}

func engineRoutes(s *service, e *engine) []route {
	const addons, addon = "/api/v1/addons", "/api/v1/addons/{id}"
	return append(commonRoutes(s, Check{"docker", e.engine.Ready}), []route{
		{http.MethodGet, addons, graft.PermitRead, e.list},
		{http.MethodPost, addons + "?dry_run=true", graft.PermitRead, e.preview},
		{http.MethodPost, addons, graft.PermitOperate, e.install},
		{http.MethodGet, addon, graft.PermitRead, e.show},
		{http.MethodPatch, addon + "?dry_run=true", graft.PermitRead, e.previewUpgrade},
		{http.MethodPatch, addon, graft.PermitOperate, e.change},
		{http.MethodDelete, addon, graft.PermitOperate, e.remove},
		{http.MethodGet, addon + "/plan", graft.PermitRead, e.plan},
		{http.MethodGet, addon + "/logs", graft.PermitRead, e.logs},
		{http.MethodGet, addon + "/events", graft.PermitRead, e.eventsOf},
		{http.MethodGet, "/api/v1/components", graft.PermitRead, e.components},
		{http.MethodGet, "/api/v1/stats", graft.PermitRead, e.stats},
		{http.MethodGet, "/api/v1/policy", graft.PermitRead, e.policy},
		{http.MethodPut, "/api/v1/policy", graft.PermitOperate, e.setPolicy},
		{http.MethodGet, "/api/v1/events", graft.PermitRead, e.events},
	}...)
}

func commonRoutes(s *service, own Check) []route {
	return []route{
		{http.MethodGet, "/", "", ok},
		{http.MethodGet, "/healthz", "", healthz},
		{http.MethodGet, "/readyz", "", s.readyz(append([]Check{own}, s.Checks...))},
		{http.MethodGet, "/metrics", graft.PermitRead, s.Metrics.serve},
		{http.MethodGet, "/api/v1/version", "", s.version},
		{http.MethodGet, "/api/v1/whoami", graft.PermitRead, s.whoAmI},
		{http.MethodGet, tokensPath, graft.PermitAdminister, s.listTokens},
		{http.MethodPost, tokensPath, graft.PermitAdminister, s.createToken},
		{http.MethodDelete, tokensPath + "/{id}", graft.PermitAdminister, s.revokeToken},
		{http.MethodGet, "/api/v1/audit", graft.PermitAdminister, s.audit},
		{http.MethodGet, "/schemas/descriptor.json", "", descriptorSchema},
		{http.MethodGet, "/docs/openapi.json", "", s.openAPI},
		{http.MethodGet, "/api/docs", "", docsPage},
		{http.MethodGet, "/api/docs/rapidoc-min.js", "", docsScript},
	}
}
