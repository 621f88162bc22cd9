package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/graftplatform/graft"
)

const oidcPrefix = "oidc:"

// OIDC is an issuer of OpenID Connect whose users are known.
type OIDC struct {
	Issuer   string // URL, as tokens have it in "iss"
	Audience string // what tokens must have in "aud"
	// RoleClaim is where tokens have the user's roles; a dot leads into an
	// object, as in "realm_access.roles".
	RoleClaim string
	// RoleNames say which role of ours one of theirs is. Roles that have our
	// names need not be there.
	RoleNames map[string]graft.Role
}

// oidcUsers knows the users of an issuer by their tokens.
type oidcUsers struct {
	settings OIDC
	keys     *keys
}

func newOIDC(settings OIDC, transport http.RoundTripper, log *slog.Logger) *oidcUsers {
	return &oidcUsers{settings, newKeys("The keys of "+settings.Issuer, log, func(ctx context.Context) ([]crypto.PublicKey, error) {
		return discoverKeys(ctx, transport, settings.Issuer)
	})}
}

// discoverKeys finds an issuer's keys as OpenID Connect Discovery 1.0 says. They
// are cached by keys, as are Oakestra's, and not by go-oidc's remote key set,
// which lets anybody cause as many fetches as he likes.
func discoverKeys(ctx context.Context, transport http.RoundTripper, issuer string) ([]crypto.PublicKey, error) {
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := fetchJSON(ctx, transport, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", &about); err != nil {
		return nil, err
	}
	if about.Issuer != issuer {
		return nil, fmt.Errorf("the issuer %s calls itself %s: name it so", issuer, about.Issuer)
	}
	if strings.HasPrefix(issuer, "https:") && !strings.HasPrefix(about.Keys, "https:") {
		return nil, fmt.Errorf("the issuer %s has its keys at %q, which is not safe", issuer, about.Keys)
	}
	var set struct {
		Keys []looseKey `json:"keys"`
	}
	if err := fetchJSON(ctx, transport, about.Keys, &set); err != nil {
		return nil, err
	}
	var found []crypto.PublicKey
	for _, key := range set.Keys {
		if key.public != nil {
			found = append(found, key.public)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no key for signatures that is known here", about.Keys)
	}
	return found, nil
}

// looseKey is a key of a set, which may have keys for other things, and of kinds
// that are not known here: these are nil.
type looseKey struct{ public crypto.PublicKey }

// UnmarshalJSON implements json.Unmarshaler.
func (k *looseKey) UnmarshalJSON(data []byte) error {
	var key jose.JSONWebKey
	if key.UnmarshalJSON(data) != nil || key.Use != "" && key.Use != "sig" {
		return nil //nolint:nilerr // RFC 7517, section 5: what is not understood is ignored
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() >= minKey {
			k.public = public
		}
	case *ecdsa.PublicKey, ed25519.PublicKey:
		k.public = public
	}
	return nil
}

func (o *oidcUsers) authenticate(ctx context.Context, token string) (graft.Principal, error) {
	signatures := &signatures{keys: o.keys}
	verifier := oidc.NewVerifier(o.settings.Issuer, signatures, &oidc.Config{
		ClientID: o.settings.Audience,
		// Clocks differ a little, and tokens come just before they expire.
		Now: func() time.Time { return time.Now().Add(-clockSkew) },
		SupportedSigningAlgs: []string{
			oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
		},
	})
	verified, err := verifier.Verify(ctx, token)
	var expired *oidc.TokenExpiredError
	var claims map[string]any
	switch {
	case graft.ErrorCode(signatures.failed) == graft.CodeUnavailable:
		return graft.Principal{}, signatures.failed
	case errors.As(err, &expired):
		return graft.Principal{}, graft.WrapError(graft.CodeUnauthorized, err, "This token has expired: log in again.")
	case err == nil:
		err = verified.Claims(&claims)
	}
	if err != nil {
		return graft.Principal{}, graft.WrapError(graft.CodeUnauthorized, err,
			"This token is none that %s made for %s and that is good now.", o.settings.Issuer, o.settings.Audience)
	}
	return principal(oidcPrefix, verified.Subject, strongest(o.roles(claims), o.role))
}

// roles are those of a user, by the issuer's names.
func (o *oidcUsers) roles(claims map[string]any) []string {
	// A claim that has dots in its own name is found, too.
	if claim, ok := claims[o.settings.RoleClaim]; ok {
		return roleNames(claim)
	}
	at := any(claims)
	for key := range strings.SplitSeq(o.settings.RoleClaim, ".") {
		object, _ := at.(map[string]any)
		at = object[key]
	}
	return roleNames(at)
}

func (o *oidcUsers) role(name string) graft.Role {
	if role, ok := o.settings.RoleNames[name]; ok {
		return role
	}
	return graft.Role(name) // strongest ignores what is none
}

// signatures checks the signature of one token. It implements oidc.KeySet.
type signatures struct {
	keys   *keys
	failed error // go-oidc keeps of an error no more than its text
}

// VerifySignature implements oidc.KeySet.
func (s *signatures) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	s.failed = s.keys.try(ctx, func(keys []crypto.PublicKey) (bool, error) {
		payload, err = (&oidc.StaticKeySet{PublicKeys: keys}).VerifySignature(ctx, token)
		return err != nil, err
	})
	return payload, s.failed
}
