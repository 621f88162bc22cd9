package app

import (
	"net"
	"net/netip"
	"slices"

	"github.com/graftplatform/graft/internal/verify"
)

// reach is what the marketplace may call when it verifies images. Loopback is
// part of it while the marketplace itself listens there only, and no other name
// leads to it, such as that of a proxy: then whoever publishes is on this host,
// and can call it himself.
func (a *App) reach() (verify.Reach, error) {
	reach := verify.Reach{Loopback: len(a.options.AllowedHosts) == 0, Own: a.ownRegistry()}
	for _, s := range a.servers {
		if s.role == RoleMarketplace && s.open() {
			reach.Loopback = false
		}
	}
	for _, text := range a.options.AllowRegistries {
		registry, err := verify.ParseRegistry(text)
		if err != nil {
			return reach, err
		}
		reach.Registries = append(reach.Registries, registry)
	}
	return reach, nil
}

// ownRegistry returns what tells the addresses of the built-in registry from
// others; nil if there is none.
func (a *App) ownRegistry() func(netip.AddrPort) bool {
	for _, s := range a.servers {
		if address, ok := s.listener.Addr().(*net.TCPAddr); ok && s.role == roleRegistry {
			at := address.AddrPort()
			at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
			return func(called netip.AddrPort) bool {
				return called == at || at.Addr().IsUnspecified() && called.Port() == at.Port() && isHere(called.Addr())
			}
		}
	}
	return nil
}

// isHere is whether an address is one of this host.
func isHere(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	networks, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(networks, func(n net.Addr) bool {
		prefix, err := netip.ParsePrefix(n.String())
		return err == nil && prefix.Addr().Unmap() == a
	})
}
