package app

import (
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/api"
	"github.com/graftplatform/graft/internal/audit"
	"github.com/graftplatform/graft/internal/auth"
	"github.com/graftplatform/graft/internal/store"
)

// Ways to authenticate.
const (
	AuthToken    = "token"    // the token in the data directory, and those that were made with it
	AuthOakestra = "oakestra" // also those of Oakestra's users
	AuthNone     = "none"     // everybody may do everything
)

// DefaultOakestraKeyURL is where Oakestra's jwt_generator tells its public key.
const DefaultOakestraKeyURL = "http://jwt_generator:10011/key"

// AccessOptions say who may do what. They are named after the flags of
// "graft up".
type AccessOptions struct {
	Auth     string
	Insecure bool // Auth may be none beyond this host

	OakestraKeyURL string

	OIDCIssuer    string // URL; empty: no issuer is known
	OIDCAudience  string
	OIDCRoleClaim string
	OIDCRoles     []string // THEIRS=OURS

	TLSCert string // file with a chain of certificates, PEM; empty: no TLS
	TLSKey  string
	TLSCA   string // file with certificates that those of servers may be signed by, too: of the marketplace, registries, who has keys
}

func (o *AccessOptions) complete() error {
	setDefault(&o.Auth, AuthToken)
	setDefault(&o.OakestraKeyURL, DefaultOakestraKeyURL)
	setDefault(&o.OIDCRoleClaim, "roles")
	invalid := func(format string, args ...any) error { return graft.Errorf(graft.CodeInvalid, format, args...) }
	switch {
	case !slices.Contains([]string{AuthToken, AuthOakestra, AuthNone}, o.Auth):
		return invalid("there is no way to authenticate called %q: choose %s, %s or %s with --auth", o.Auth, AuthToken, AuthOakestra, AuthNone)
	case !isURL(o.OakestraKeyURL):
		return invalid("--oakestra-key-url %q is no URL: write it like %s", o.OakestraKeyURL, DefaultOakestraKeyURL)
	case o.OakestraKeyURL != DefaultOakestraKeyURL && o.Auth != AuthOakestra:
		return invalid("--oakestra-key-url is for --auth oakestra: give both, or leave it out")
	case len(o.OIDCRoles) > 0 && o.OIDCIssuer == "":
		return invalid("--oidc-role is about the tokens of an issuer: give --oidc-issuer and --oidc-audience, too, or leave it out")
	case (o.OIDCIssuer == "") != (o.OIDCAudience == ""):
		return invalid("--oidc-issuer and --oidc-audience need each other: give both")
	case o.OIDCIssuer != "" && o.Auth == AuthNone:
		return invalid("--auth none asks nobody who he is: leave it or --oidc-issuer out")
	case o.OIDCIssuer != "" && !isSafeURL(o.OIDCIssuer):
		return invalid("--oidc-issuer %q must be a URL with https, as tokens have it in \"iss\"", o.OIDCIssuer)
	case (o.TLSCert == "") != (o.TLSKey == ""):
		return invalid("--tls-cert and --tls-key need each other: give both")
	}
	_, err := o.roleNames()
	return err
}

// isURL is whether s is one of HTTP, with a host.
func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// isSafeURL is whether nobody between here and there can change what it answers.
func isSafeURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || !isURL(s) {
		return false
	}
	host, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || err == nil && host.IsLoopback()
}

// roleNames reads which role is which of ours.
func (o *AccessOptions) roleNames() (map[string]graft.Role, error) {
	names := make(map[string]graft.Role, len(o.OIDCRoles))
	for _, pair := range o.OIDCRoles {
		theirs, ours, found := strings.Cut(pair, "=")
		role := graft.Role(ours)
		if !found || theirs == "" || !slices.Contains(graft.Roles(), role) {
			return nil, graft.Errorf(graft.CodeInvalid, "--oidc-role %q: write THEIRS=OURS, with one of our roles %v", pair, graft.Roles())
		}
		names[theirs] = role
	}
	return names, nil
}

// buildAccess makes what knows the callers of the APIs and what they did.
func (a *App) buildAccess(db *store.Store) error {
	o := &a.options.AccessOptions
	roots, err := o.roots()
	if err != nil {
		return err
	}
	settings := auth.Options{Store: db, Log: a.options.Log, Roots: roots}
	if o.Auth != AuthNone {
		if a.token, err = loadToken(a.options.DataDir, a.options.Log); err != nil {
			return err
		}
		settings.Admin = a.token
	}
	if o.Auth == AuthOakestra {
		settings.OakestraKeyURL = o.OakestraKeyURL
	}
	if o.OIDCIssuer != "" {
		names, err := o.roleNames()
		if err != nil {
			return err
		}
		settings.OIDC = &auth.OIDC{Issuer: o.OIDCIssuer, Audience: o.OIDCAudience, RoleClaim: o.OIDCRoleClaim, RoleNames: names}
	}
	if a.certificate != nil && a.options.CORSOrigins == nil {
		// The dashboards on this host, as with plain HTTP.
		a.options.CORSOrigins = []string{
			"http://localhost:11103", "http://127.0.0.1:11103", "http://localhost:11203", "http://127.0.0.1:11203",
			"https://localhost:11103", "https://127.0.0.1:11103", "https://localhost:11203", "https://127.0.0.1:11203",
		}
	}
	identity, log := auth.New(settings), audit.New(db, a.options.Log)
	a.work = append(a.work, identity.Run, log.Run)
	a.access = api.Options{Tokens: identity, Audit: log}
	if o.Auth != AuthNone {
		a.access.Auth = identity
	}
	return nil
}

// checkOpen refuses to let everybody on the network rule this host, unless that
// was said twice.
func (a *App) checkOpen() error {
	for _, s := range a.servers {
		if a.options.Auth == AuthNone && !a.options.Insecure && s.isAPI() && s.open() {
			return graft.Errorf(graft.CodeInvalid,
				"with --auth none everybody who reaches %s rules this host: listen on 127.0.0.1 (--%s-listen), use --auth token, or say that this is meant with --insecure",
				s.listener.Addr(), s.role)
		}
	}
	return nil
}

// warn says aloud what an operator may have overlooked.
func (a *App) warn() {
	for _, s := range a.servers {
		log := a.options.Log.With(slog.String("role", s.role), slog.String("address", s.listener.Addr().String()))
		switch {
		case !s.open():
		case s.role == roleRegistry:
			log.Warn("anybody who reaches the built-in registry can push images to it")
		case s.isAPI() && a.access.Auth == nil:
			log.Warn("anybody who reaches this address rules this host: it asks for no token")
		case s.isAPI() && s.certificate == nil:
			log.Warn("tokens reach this address unencrypted: use --tls-cert and --tls-key, or a proxy with TLS")
		}
	}
}

// isAPI is whether the server answers one of the APIs.
func (s *server) isAPI() bool { return s.role == RoleMarketplace || s.role == RoleEngine }
