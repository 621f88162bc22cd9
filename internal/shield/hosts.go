package shield

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/graftplatform/graft"
)

// checkHost refuses requests by a name that somebody else may own. A page of
// evil.example can have that name lead to this server (DNS rebinding), and is
// then of one origin with it; but its requests say Host: evil.example.
func (s *shield) checkHost(r *http.Request) error {
	host := hostOf(r)
	if s.knows(host) || !s.Loopback && s.AnyName {
		return nil
	}
	return graft.Errorf(graft.CodeForbidden,
		"This server does not know itself as %.100q. Call it by its address, or have its operator allow the name with --allowed-host.", host)
}

// knows is whether a name or address is one that nobody can give to a server of
// his own as well. Addresses are: where one leads is no matter of DNS. So are
// names without a dot beyond loopback, which only the local network resolves.
// Browsers always name a host.
func (s *shield) knows(host string) bool {
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if slices.ContainsFunc(s.Hosts, func(name string) bool { return strings.EqualFold(name, host) }) {
		return true
	}
	if address, err := netip.ParseAddr(host); err == nil {
		return !s.Loopback || address.Unmap().IsLoopback()
	}
	return !s.Loopback && !strings.Contains(host, ".")
}
