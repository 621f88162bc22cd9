package verify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/graftplatform/graft"
)

// Reach says which addresses a Verifier may call besides public ones. Strangers
// write image references, and registries redirect: without a guard either could
// have the marketplace call what only its host can reach.
type Reach struct {
	// Registries may be anywhere; requests to others may not end where they are.
	Registries []Registry
	// Loopback is whether everything on this host may be called.
	Loopback bool
	// Own is whether an address is that of a registry of this process; it may be
	// nil. It is asked at every connection.
	Own func(netip.AddrPort) bool
}

// guard is a transport that calls only what it may. Addresses are checked when a
// connection is made to them, so that neither redirects, nor a registry's token
// service, nor names that change their address get past it.
type guard struct {
	reach    Reach
	special  []netip.Prefix
	resolver *net.Resolver
	proxy    func(*http.Request) (*url.URL, error)

	secure, plain, proxied *http.Transport
}

func newGuard(reach Reach, resolver *net.Resolver, proxy func(*http.Request) (*url.URL, error), roots *x509.CertPool) *guard {
	g := &guard{reach: reach, special: specialBlocks(), resolver: resolver, proxy: proxy}
	dialer := &net.Dialer{Timeout: dialTime, Resolver: resolver}
	g.secure = newTransport(nil, g.dial(false))
	g.plain = newTransport(nil, g.dial(true))
	g.proxied = newTransport(proxy, dialer.DialContext)
	for _, transport := range []*http.Transport{g.secure, g.proxied} {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	}
	return g
}

const dialTime = 10 * time.Second

// newTransport returns a transport for many registries, each asked now and
// then: few connections are kept, and not for long.
func newTransport(
	proxy func(*http.Request) (*url.URL, error), dial func(ctx context.Context, network, address string) (net.Conn, error),
) *http.Transport {
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            dial,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    dialTime,
		MaxIdleConns:           20,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	proxy, err := g.proxy(r)
	switch {
	case err != nil:
		return nil, err
	case proxy != nil:
		if err := g.lookUp(r); err != nil {
			return nil, err
		}
		return g.proxied.RoundTrip(r)
	case r.URL.Scheme == "http":
		return g.plain.RoundTrip(r)
	}
	return g.secure.RoundTrip(r)
}

// dial connects to a host and port only at addresses where that may be. Control
// runs before the connection is attempted: what listens there makes no
// difference.
func (g *guard) dial(plain bool) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		dialer := net.Dialer{Timeout: dialTime, Resolver: g.resolver, Control: func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			return g.check(host, port, at, plain)
		}}
		return dialer.DialContext(ctx, network, address)
	}
}

// lookUp checks where a request goes before it is handed to a proxy, which will
// make the connection. Names that are not known here may be known there.
func (g *guard) lookUp(r *http.Request) error {
	host, port := hostPort(r.URL)
	number, err := g.resolver.LookupPort(r.Context(), "tcp", port)
	if err != nil {
		return err
	}
	addresses, err := g.resolver.LookupNetIP(r.Context(), "ip", host)
	if err != nil && isNumeric(host) { // such as 127.1, which others read as an address
		return graft.Errorf(graft.CodeForbidden, "%s is no address that the marketplace calls.", printable(host))
	}
	if err != nil {
		return r.Context().Err()
	}
	for _, a := range addresses {
		at := netip.AddrPortFrom(a, uint16(number)) //nolint:gosec // LookupPort returns ports
		if err := g.check(host, port, at, r.URL.Scheme == "http"); err != nil {
			return err
		}
	}
	return nil
}

// isNumeric is whether a name is one that no domain name is like: its last label
// begins with a digit.
func isNumeric(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last != "" && last[0] >= '0' && last[0] <= '9'
}

// check returns why a request to host and port may not end at an address. What
// is there, and which address it is, it does not tell.
func (g *guard) check(host, port string, at netip.AddrPort, plain bool) error {
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	where := printable(written(host, port))
	switch {
	case slices.ContainsFunc(g.reach.Registries, func(r Registry) bool { return r.is(host, port) }):
		return nil
	case g.reach.Own != nil && g.reach.Own(at):
		return nil
	case g.reach.Loopback && at.Addr().IsLoopback():
		return nil
	case !isPublic(at.Addr(), g.special) || isOwnAddress(at.Addr()):
		return graft.Errorf(graft.CodeForbidden,
			"%s is, or leads to, an address that is not public, which the marketplace does not call. "+
				"If it is a registry that may be used, its operator allows it with --allow-registry %s.", where, where)
	case plain:
		return graft.Errorf(graft.CodeForbidden,
			"%s does not encrypt, and a public registry has to. If it may be used nevertheless, the operator of the marketplace allows it with --allow-registry %s.",
			where, where)
	}
	return nil
}

// isOwnAddress is whether this host has an address: what listens there may be
// meant for this host alone, if a firewall stands before it.
func isOwnAddress(a netip.Addr) bool {
	networks, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(networks, func(n net.Addr) bool {
		prefix, err := netip.ParsePrefix(n.String())
		return err == nil && prefix.Addr().Unmap() == a
	})
}
