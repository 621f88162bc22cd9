package auth

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/graftplatform/graft"
)

const (
	oakestraPrefix = "oakestra:"
	// clockSkew is by how much clocks may differ.
	clockSkew = 30 * time.Second
	minKey    = 2048 // bits
)

// oakestra knows the users of Oakestra by the tokens of its jwt_generator: RS256
// JWTs with "sub" and "roles" (CONTRACT.md, section 5).
type oakestra struct {
	keys   *keys
	parser *jwt.Parser
}

// oakestraClaims are those of a token.
type oakestraClaims struct {
	jwt.RegisteredClaims
	Roles any `json:"roles"`
	// Type is "refresh" for tokens that are good only for getting new ones.
	Type string `json:"type"`
}

func newOakestra(keyURL string, transport http.RoundTripper, log *slog.Logger) *oakestra {
	fetch := func(ctx context.Context) ([]crypto.PublicKey, error) {
		var answer struct {
			PublicKey string `json:"public_key"`
		}
		if err := fetchJSON(ctx, transport, keyURL, &answer); err != nil {
			return nil, err
		}
		key, err := jwt.ParseRSAPublicKeyFromPEM([]byte(answer.PublicKey))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", keyURL, err)
		}
		if key.N.BitLen() < minKey {
			return nil, fmt.Errorf("%s: a key of %d bits is too short to be safe", keyURL, key.N.BitLen())
		}
		return []crypto.PublicKey{key}, nil
	}
	return &oakestra{
		keys: newKeys("The key of Oakestra's tokens", log, fetch),
		// The algorithm is pinned: what the token says about it is believed of
		// nobody, else the public key could be used as the secret of another one.
		parser: jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}),
			jwt.WithExpirationRequired(), jwt.WithLeeway(clockSkew)),
	}
}

func (o *oakestra) authenticate(ctx context.Context, token string) (graft.Principal, error) {
	var claims oakestraClaims
	err := o.keys.try(ctx, func(keys []crypto.PublicKey) (bool, error) {
		claims = oakestraClaims{}
		_, err := o.parser.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) {
			key, ok := keys[0].(*rsa.PublicKey)
			if !ok {
				return nil, errors.New("no RSA key")
			}
			return key, nil
		})
		return errors.Is(err, jwt.ErrTokenSignatureInvalid), err
	})
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return graft.Principal{}, graft.WrapError(graft.CodeUnauthorized, err, "This token of Oakestra has expired: log in again.")
	case graft.ErrorCode(err) == graft.CodeUnavailable:
		return graft.Principal{}, err
	case err != nil:
		return graft.Principal{}, graft.WrapError(graft.CodeUnauthorized, err,
			"This token is none that Oakestra's jwt_generator signed with RS256 and that is good now.")
	case claims.Type != "" && claims.Type != "access":
		return graft.Principal{}, graft.Errorf(graft.CodeUnauthorized, "This token of Oakestra is no access token.")
	}
	return principal(oakestraPrefix, claims.Subject, strongest(roleNames(claims.Roles), oakestraRole))
}

// oakestraRole is what a role of Oakestra's is with us; empty: nothing.
func oakestraRole(name string) graft.Role {
	switch name {
	case "Admin":
		return graft.RoleAdmin
	case "Infrastructure_Provider":
		return graft.RoleOperator
	case "Organization_Admin", "Application_Provider": // of one organisation; addons are for all
		return graft.RolePublisher
	}
	return ""
}
