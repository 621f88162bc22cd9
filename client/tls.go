package client

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"

	"github.com/graftplatform/graft"
)

// trusting returns a transport like the given one (nil: http.DefaultTransport)
// that trusts certificates signed by ca, too.
func trusting(transport http.RoundTripper, ca []byte) (http.RoundTripper, error) {
	if transport == nil {
		transport = http.DefaultTransport
	}
	known, ok := transport.(*http.Transport)
	if !ok {
		return nil, graft.Errorf(graft.CodeInvalid, "certificates to trust can be given for an *http.Transport only: let the one of HTTPClient trust them itself")
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a system without any
	}
	if !roots.AppendCertsFromPEM(ca) {
		return nil, graft.Errorf(graft.CodeInvalid, "there is no certificate among those to trust: it must be PEM, beginning with -----BEGIN CERTIFICATE-----")
	}
	own := known.Clone()
	if own.TLSClientConfig == nil {
		own.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	own.TLSClientConfig.RootCAs = roots
	return own, nil
}
