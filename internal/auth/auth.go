// Package auth knows who sends a request by the credentials in it: the token of
// the data directory, tokens that were issued here, tokens of Oakestra's users,
// tokens of an OpenID Connect issuer. What a role may do is said in package
// graft, what a request needs in package api.
package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

// Options say whom an Auth knows.
type Options struct {
	Store *store.Store // of tokens
	// Admin is the token of the data directory, whose holder is admin.
	Admin string
	// OakestraKeyURL is where Oakestra tells the public key of its users'
	// tokens; empty: those are not accepted.
	OakestraKeyURL string
	// OIDC is an issuer whose tokens are accepted, too; nil: none is.
	OIDC *OIDC
	// Roots are the authorities that sign certificates of who has keys; nil: those
	// that the system trusts.
	Roots *x509.CertPool
	// Transport carries requests for keys; nil: one with the proxies of the
	// environment.
	Transport http.RoundTripper
	Log       *slog.Logger // nil: none
}

// Auth is safe for concurrent use.
type Auth struct {
	store    *store.Store
	admin    []byte // SHA-256 of the token of the data directory; nil: there is none
	log      *slog.Logger
	oakestra *oakestra // nil: its users are not known
	oidc     *oidcUsers

	mu   sync.Mutex
	used map[string]time.Time // when tokens were used that the store does not know of yet, by id
}

// New returns an Auth. It asks nobody for keys before they are needed or Run
// runs.
func New(o Options) *Auth {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Transport == nil {
		o.Transport = defaultTransport(o.Roots)
	}
	a := &Auth{store: o.Store, log: o.Log, used: make(map[string]time.Time)}
	if o.Admin != "" {
		sum := sha256.Sum256([]byte(o.Admin))
		a.admin = sum[:]
	}
	if o.OakestraKeyURL != "" {
		a.oakestra = newOakestra(o.OakestraKeyURL, o.Transport, o.Log)
	}
	if o.OIDC != nil {
		a.oidc = newOIDC(*o.OIDC, o.Transport, o.Log)
	}
	return a
}

// Authenticate returns who has those credentials. CodeUnauthorized if nobody
// has, or has no longer; CodeUnavailable when that can't be told just now.
func (a *Auth) Authenticate(ctx context.Context, credentials string) (graft.Principal, error) {
	// Hashes are compared, not tokens, so that the time tells neither the
	// token's length nor its beginning.
	sum := sha256.Sum256([]byte(credentials))
	if subtle.ConstantTimeCompare(sum[:], a.admin) == 1 {
		return graft.Principal{Name: graft.PrincipalAdmin, Role: graft.RoleAdmin}, nil
	}
	if strings.HasPrefix(credentials, secretPrefix) {
		return a.holder(ctx, credentials)
	}
	if strings.Count(credentials, ".") == 2 {
		switch {
		case a.oidc != nil && issuerOf(credentials) == a.oidc.settings.Issuer:
			return a.oidc.authenticate(ctx, credentials)
		case a.oakestra != nil:
			return a.oakestra.authenticate(ctx, credentials)
		}
	}
	return graft.Principal{}, graft.Errorf(graft.CodeUnauthorized,
		"This token is not known here: use one that 'graft token create' made on this server, or the one in the file 'token' of its data directory.")
}

// Run keeps keys fresh and saves when tokens were used, until ctx ends.
func (a *Auth) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if a.oakestra != nil {
		group.Go(func() error { return a.oakestra.keys.run(ctx) })
	}
	if a.oidc != nil {
		group.Go(func() error { return a.oidc.keys.run(ctx) })
	}
	group.Go(func() error { return a.saveUse(ctx) })
	return group.Wait()
}
