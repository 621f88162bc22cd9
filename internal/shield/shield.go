// Package shield stands before every HTTP server of Graft. It refuses what no
// handler should have to think of: requests that browsers were tricked into, and
// clients that ask for more than their share. It knows nothing of what is
// behind it, and keeps nothing on the disk.
package shield

import (
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/graftplatform/graft"
)

// Policy says what one server lets through.
type Policy struct {
	// Loopback is whether the server listens on loopback only.
	Loopback bool
	// Hosts are names by which clients may call the server, besides those of
	// this host itself.
	Hosts []string
	// AnyName lets clients call it by any name when it listens beyond loopback.
	AnyName bool
	// Origins are those whose pages may change things here; "*": all.
	Origins []string
	// NoPages is for servers that no page has reason to change: not even the
	// server's own origin may.
	NoPages bool
	// Reads and Changes are how much each client may ask for.
	Reads, Changes Rate
	// Holder returns who has the credentials of a request, "" if nobody has. It is
	// asked about clients that ask too much; nil: nobody has any.
	Holder func(r *http.Request) string
	// Refuse answers a request that is not let through. The error is a
	// *graft.Error.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
}

// shield is the state of one server.
type shield struct {
	Policy
	next    http.Handler
	headers http.Header
	origins *http.CrossOriginProtection
	reads   *budgets
	changes *budgets
	guesses *guesses
}

// New returns a handler that lets next answer what the policy lets through.
// CodeInvalid when an origin or a host is none.
func New(p Policy, next http.Handler) (http.Handler, error) {
	s := &shield{
		Policy: p, next: next, headers: shared(headers()),
		reads: newBudgets(p.Reads), changes: newBudgets(p.Changes), guesses: newGuesses(p.Holder),
	}
	for _, host := range p.Hosts {
		if strings.ContainsAny(host, "/:@ ") || host == "" {
			return nil, graft.Errorf(graft.CodeInvalid, "%q is no name of a host for --allowed-host: write it without scheme and port, such as graft.example",
				host[strings.LastIndexByte(host, '@')+1:]) // before it may be a password
		}
	}
	var err error
	s.origins, err = protection(p.Origins)
	return s, err
}

// ServeHTTP implements http.Handler.
func (s *shield) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), s.headers)
	client := clientOf(r)
	if err := s.check(r, client); err != nil {
		s.Refuse(w, r, err)
		return
	}
	if r.Header.Get("Authorization") == "" {
		s.next.ServeHTTP(w, r)
		return
	}
	s.guesses.serve(s.next, w, r, client)
}

func (s *shield) check(r *http.Request, client netip.Addr) error {
	if err := s.checkHost(r); err != nil {
		return err
	}
	if err := s.checkOrigin(r); err != nil {
		return err
	}
	if wait := s.wait(r, client); wait > 0 {
		return &laterError{graft.Errorf(graft.CodeTooMany, "This client asks too often; it may again in %s.", wait), wait}
	}
	return nil
}

// wait is how long a client has to wait before it is answered. What is left to it
// others behind its address may have used up, guessing or not: whoever has a right
// token gets as much once more, for himself.
func (s *shield) wait(r *http.Request, client netip.Addr) time.Duration {
	budgets := s.reads
	if !safe(r.Method) {
		budgets = s.changes
	}
	wait := budgets.take(budgetKey{client: client})
	if r.Header.Get("Authorization") == "" {
		return wait
	}
	if wait = max(wait, s.guesses.wait(client)); wait == 0 {
		return 0
	}
	if holder := s.guesses.who(r); holder != "" {
		return budgets.take(budgetKey{client, holder})
	}
	return wait
}

// safe is whether a method changes nothing.
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// clientOf returns the address that a client is known by: its own or, of IPv6,
// its network's, as one client has a whole network (/64) to choose from. Headers
// that proxies add are not looked at: anybody can send them.
func clientOf(r *http.Request) netip.Addr { return clientAt(r.RemoteAddr) }

func clientAt(address string) netip.Addr {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Addr{}
	}
	client := at.Addr().Unmap().WithZone("")
	if client.Is4() || client.IsLoopback() {
		return client
	}
	network, _ := client.Prefix(64) // fails for IPv4 only
	return network.Addr()
}

// hostOf returns the name or address by which a client calls the server.
func hostOf(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}
