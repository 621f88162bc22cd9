package app

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/graftplatform/graft"
)

// certificateEvery is how often, at most, it is looked whether the files of a
// certificate have changed.
const certificateEvery = time.Second

// certificate is one from files, which may be written anew at any time. It is
// safe for concurrent use.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu       sync.Mutex
	pair     *tls.Certificate
	previous *tls.Certificate // nil: the files never changed
	seen     [2]fs.FileInfo   // the files, as they were read last
	looked   time.Time
}

// loadCertificate reads the files. CodeInvalid when they don't have a chain of
// certificates and its key.
func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, looked: time.Now()}
	var err error
	if c.seen, err = c.stat(); err == nil {
		c.pair, err = c.read()
	}
	if err != nil {
		return nil, graft.WrapError(graft.CodeInvalid, err, "--tls-cert %s and --tls-key %s have no certificate and its key", certFile, keyFile)
	}
	c.warn()
	return c, nil
}

// warn tells of a certificate that has expired.
func (c *certificate) warn() {
	if expired := c.pair.Leaf.NotAfter; time.Now().After(expired) {
		c.log.Warn("the certificate has expired: clients will refuse it", "file", c.certFile, "expired", expired)
	}
}

func (c *certificate) stat() (files [2]fs.FileInfo, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if files[i], err = os.Stat(name); err != nil {
			return files, err
		}
	}
	return files, nil
}

func (c *certificate) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	return &pair, err
}

// current returns the certificate. If the files have changed it is the new one,
// as soon as they are whole: one is written before the other.
func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < certificateEvery {
		return c.pair
	}
	c.looked = time.Now()
	files, err := c.stat()
	if err == nil && !changedFile(c.seen[0], files[0]) && !changedFile(c.seen[1], files[1]) {
		return c.pair
	}
	var pair *tls.Certificate
	if err == nil {
		c.seen = files
		pair, err = c.read()
	}
	if err != nil {
		c.log.Warn("the certificate can't be read anew; the one before is used on", "file", c.certFile, "error", err)
		return c.pair
	}
	c.previous, c.pair = c.pair, pair
	c.log.Info("the certificate was read anew", "file", c.certFile, "expires", pair.Leaf.NotAfter)
	c.warn()
	return c.pair
}

func changedFile(before, after fs.FileInfo) bool {
	return !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) || before.Size() != after.Size()
}

// config is that of a server with this certificate.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}
}

// client is for calls to the servers of this process. Their certificate is for
// the names that others know them by, so it is compared with what it must be.
func (c *certificate) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:       (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		ForceAttemptHTTP2: true,
		IdleConnTimeout:   time.Minute,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: true, //nolint:gosec // VerifyConnection is stricter: it takes this one certificate
			VerifyConnection: func(state tls.ConnectionState) error {
				if !c.is(state.PeerCertificates) {
					return errors.New("this is not the certificate of this process")
				}
				return nil
			},
		},
	}}
}

// is whether a chain begins with this certificate, or with the one that it was
// until just now.
func (c *certificate) is(chain []*x509.Certificate) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, pair := range []*tls.Certificate{c.pair, c.previous} {
		if pair != nil && len(chain) > 0 && bytes.Equal(chain[0].Raw, pair.Leaf.Raw) {
			return true
		}
	}
	return false
}

// roots returns the authorities that certificates of servers may be signed by;
// nil: those that the system trusts.
func (o *AccessOptions) roots() (*x509.CertPool, error) {
	if o.TLSCA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(o.TLSCA)
	if err != nil {
		return nil, graft.WrapError(graft.CodeInvalid, err, "--tls-ca %s can't be read", o.TLSCA)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a system without any
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, graft.Errorf(graft.CodeInvalid, "--tls-ca %s has no certificate in it: it must be PEM, beginning with -----BEGIN CERTIFICATE-----", o.TLSCA)
	}
	return roots, nil
}
