package app

import (
	"net/http"

	"github.com/graftplatform/graft/internal/api"
	"github.com/graftplatform/graft/internal/shield"
)

// shielded returns the handler of a server behind what keeps strangers' requests
// from it.
func (a *App) shielded(s *server, handler http.Handler) (http.Handler, error) {
	return shield.New(a.policyOf(s), handler)
}

// policyOf says what a server lets through. See docs/decisions/0009-who-may-call.md.
func (a *App) policyOf(s *server) shield.Policy {
	policy := shield.Policy{
		Loopback: !s.open(),
		Hosts:    a.options.AllowedHosts,
		// Whoever needs a token is not helped by calling a server by a name of
		// his own: the dashboard's cookies are of the name that was called. The
		// registry has nothing to read that is not for everybody.
		AnyName: len(a.options.AllowedHosts) == 0 && (a.options.Auth != AuthNone || s.role == roleRegistry),
		Origins: a.options.CORSOrigins,
		Reads:   shield.Rate{PerSecond: 200, Burst: 1000},
		Changes: shield.Rate{PerSecond: 10, Burst: 100},
		Refuse:  api.Refuse,
	}
	if policy.Origins == nil {
		policy.Origins = api.DefaultOrigins()
	}
	if s.isAPI() {
		policy.Refuse = api.RefuseFor(policy.Origins)
	}
	if s.isAPI() && a.access.Auth != nil {
		policy.Holder = api.Holder(a.access.Auth)
	}
	if s.role == roleRegistry {
		// A push is many requests, and no page pushes.
		policy.Changes = shield.Rate{PerSecond: 200, Burst: 1000}
		policy.NoPages, policy.Origins = true, nil
	}
	return policy
}
