package app

import (
	"net"
	"slices"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/api"
	"github.com/graftplatform/graft/internal/auth"
	"github.com/graftplatform/graft/internal/shield"
)

// at is a listener that listens nowhere, at an address.
type at string

func (a at) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (a at) Close() error              { return nil }
func (a at) Addr() net.Addr            { return &net.TCPAddr{IP: net.ParseIP(string(a)), Port: 1} }

// What every server lets through, by its role, its address and the options.
func TestPolicies(t *testing.T) {
	t.Parallel()
	const here, everywhere = at("127.0.0.1"), at("0.0.0.0")
	roles := []string{RoleMarketplace, RoleEngine, RoleDashboard, roleRegistry}
	for _, role := range roles {
		isAPI, isRegistry := role == RoleMarketplace || role == RoleEngine, role == roleRegistry
		for _, listener := range []at{here, everywhere} {
			for _, mode := range []string{AuthToken, AuthNone} {
				a := &App{options: Options{AccessOptions: AccessOptions{Auth: mode}}}
				if mode != AuthNone {
					a.access.Auth = auth.New(auth.Options{Admin: "x"})
				}
				s := &server{role: role, listener: listener}
				p := a.policyOf(s)
				origins := api.DefaultOrigins()
				changes := shield.Rate{PerSecond: 10, Burst: 100}
				if isRegistry {
					origins, changes = nil, shield.Rate{PerSecond: 200, Burst: 1000}
				}
				if p.Loopback != (listener == here) || len(p.Hosts) != 0 || p.AnyName != (mode == AuthToken || isRegistry) ||
					p.Reads != (shield.Rate{PerSecond: 200, Burst: 1000}) || p.Changes != changes || p.NoPages != isRegistry ||
					!slices.Equal(p.Origins, origins) || (p.Holder != nil) != (isAPI && mode == AuthToken) || p.Refuse == nil {
					t.Errorf("%s on %s with --auth %s: %+v", role, listener, mode, p)
				}
				a.options.AllowedHosts, a.options.CORSOrigins = []string{"graft.example"}, []string{"http://ops.example"}
				p = a.policyOf(s)
				if p.AnyName || !slices.Equal(p.Hosts, a.options.AllowedHosts) || slices.Equal(p.Origins, a.options.CORSOrigins) == isRegistry {
					t.Errorf("%s on %s with --auth %s, names and origins: %+v", role, listener, mode, p)
				}
			}
		}
	}
	if !slices.Equal(api.DefaultOrigins(), []string{"http://localhost:11103", "http://127.0.0.1:11103", "http://localhost:11203", "http://127.0.0.1:11203"}) {
		t.Errorf("dashboards are at %q", api.DefaultOrigins())
	}
	if graft.PrincipalAdmin == "" { // Holder tells nobody by an empty name
		t.Error("the admin has no name")
	}
}
