package verify

import (
	"net"
	"net/http"
	"net/url"
)

// NewGuard makes the transport of a Verifier with names of its own.
func NewGuard(reach Reach, resolver *net.Resolver, proxy func(*http.Request) (*url.URL, error)) http.RoundTripper {
	return newGuard(reach, resolver, proxy, nil)
}

// TransportOf returns what carries a Verifier's requests.
func TransportOf(v *Verifier) http.RoundTripper { return v.options.Transport }
