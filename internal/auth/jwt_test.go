package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/auth"
)

const (
	keyURL   = "http://jwt_generator:10011/key"
	issuer   = "https://login.example/realm"
	audience = "graft"
)

// servers are Oakestra's jwt_generator and an issuer of OpenID Connect. They
// have one key.
type servers struct {
	mu      sync.Mutex
	key     *rsa.PrivateKey
	away    bool
	huge    bool
	fetches int
}

// RoundTrip implements http.RoundTripper.
func (s *servers) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetches++
	if s.away {
		return nil, errors.New("connection refused")
	}
	var answer any
	switch r.URL.String() {
	case keyURL:
		answer = map[string]string{"public_key": string(pemOf(&s.key.PublicKey))}
	case issuer + "/.well-known/openid-configuration":
		answer = map[string]string{"issuer": issuer, "jwks_uri": issuer + "/keys"}
	case issuer + "/keys":
		answer = map[string]any{"keys": []any{
			map[string]string{"kty": "alien"},
			jose.JSONWebKey{Key: &s.key.PublicKey, KeyID: "1", Use: "sig", Algorithm: "RS256"},
		}}
	default:
		return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody}, nil
	}
	body, err := json.Marshal(answer)
	if s.huge {
		body = append(body, strings.Repeat(" ", 1<<20)...)
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(body)))}, err
}

func (s *servers) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func pemOf(key *rsa.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// claims are good ones of both kinds of tokens, with changes; nil takes one out.
func claims(changes jwt.MapClaims) jwt.MapClaims {
	now := time.Now()
	all := jwt.MapClaims{
		"sub": "ann", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nbf": now.Unix(),
		"roles": []string{"Application_Provider", "publisher"},
	}
	for name, value := range changes {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

// oidcClaims are claims of the issuer.
func oidcClaims(changes jwt.MapClaims) jwt.MapClaims {
	all := claims(jwt.MapClaims{"iss": issuer, "aud": audience})
	for name, value := range changes {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

func knowing(s *servers) *auth.Auth {
	return auth.New(auth.Options{
		Admin: adminToken, OakestraKeyURL: keyURL, Transport: s,
		OIDC: &auth.OIDC{
			Issuer: issuer, Audience: audience, RoleClaim: "roles",
			RoleNames: map[string]graft.Role{"platform-team": graft.RoleOperator},
		},
	})
}

func TestOakestra(t *testing.T) {
	t.Parallel()
	key, other := newKey(t), newKey(t)
	a := knowing(&servers{key: key})
	rs := jwt.SigningMethodRS256
	for name, c := range map[string]struct{ token, want string }{
		"good":               {sign(t, rs, key, claims(nil)), "oakestra:ann publisher"},
		"access":             {sign(t, rs, key, claims(jwt.MapClaims{"type": "access"})), "oakestra:ann publisher"},
		"clocks differ":      {sign(t, rs, key, claims(jwt.MapClaims{"nbf": time.Now().Add(20 * time.Second).Unix()})), "oakestra:ann publisher"},
		"admin":              {sign(t, rs, key, claims(jwt.MapClaims{"roles": []string{"Application_Provider", "Admin"}})), "oakestra:ann admin"},
		"organization":       {sign(t, rs, key, claims(jwt.MapClaims{"roles": []string{"Organization_Admin", "Application_Provider"}})), "oakestra:ann publisher"},
		"infrastructure":     {sign(t, rs, key, claims(jwt.MapClaims{"roles": []string{"Infrastructure_Provider"}})), "oakestra:ann operator"},
		"role objects":       {sign(t, rs, key, claims(jwt.MapClaims{"roles": []any{map[string]any{"name": "Admin"}}})), "oakestra:ann admin"},
		"no roles":           {sign(t, rs, key, claims(jwt.MapClaims{"roles": nil})), "oakestra:ann viewer"},
		"our roles":          {sign(t, rs, key, claims(jwt.MapClaims{"roles": []string{"admin", "operator"}})), "oakestra:ann viewer"},
		"nested roles":       {sign(t, rs, key, claims(jwt.MapClaims{"roles": []any{[]any{"Admin"}}})), "oakestra:ann viewer"},
		"refresh":            {sign(t, rs, key, claims(jwt.MapClaims{"type": "refresh"})), ""},
		"expired":            {sign(t, rs, key, claims(jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()})), ""},
		"never expires":      {sign(t, rs, key, claims(jwt.MapClaims{"exp": nil})), ""},
		"not yet":            {sign(t, rs, key, claims(jwt.MapClaims{"nbf": time.Now().Add(time.Hour).Unix()})), ""},
		"no subject":         {sign(t, rs, key, claims(jwt.MapClaims{"sub": nil})), ""},
		"subject in 2 lines": {sign(t, rs, key, claims(jwt.MapClaims{"sub": "a\nb"})), ""},
		"long subject":       {sign(t, rs, key, claims(jwt.MapClaims{"sub": strings.Repeat("a", 201)})), ""},
		"other key":          {sign(t, rs, other, claims(nil)), ""},
		"RS512":              {sign(t, jwt.SigningMethodRS512, key, claims(nil)), ""},
		"PS256":              {sign(t, jwt.SigningMethodPS256, key, claims(nil)), ""},
		"none":               {sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil)), ""},
		// The public key, which everybody knows, as the secret.
		"HS256": {sign(t, jwt.SigningMethodHS256, pemOf(&key.PublicKey), claims(nil)), ""},
		// The issuer's user can't pass for one of Oakestra's with his own key.
		"other issuer": {sign(t, rs, other, claims(jwt.MapClaims{"iss": issuer})), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who(t, a, c.token, c.want)
		})
	}
	good := sign(t, rs, key, claims(nil))
	parts := strings.Split(good, ".")
	for _, token := range []string{parts[0] + "." + parts[1] + ".", good + "A", ".." + parts[2], parts[0] + ".e30." + parts[2], "..", good + ".x"} {
		who(t, a, token, "")
	}
	who(t, auth.New(auth.Options{Admin: adminToken}), good, "")
}

func TestOIDC(t *testing.T) {
	t.Parallel()
	key, other := newKey(t), newKey(t)
	a := knowing(&servers{key: key})
	rs := jwt.SigningMethodRS256
	for name, c := range map[string]struct{ token, want string }{
		"good":             {sign(t, rs, key, oidcClaims(nil)), "oidc:ann publisher"},
		"strongest":        {sign(t, rs, key, oidcClaims(jwt.MapClaims{"roles": []string{"reviewer", "viewer", "x"}})), "oidc:ann reviewer"},
		"their name":       {sign(t, rs, key, oidcClaims(jwt.MapClaims{"roles": "platform-team"})), "oidc:ann operator"},
		"Oakestra's":       {sign(t, rs, key, oidcClaims(jwt.MapClaims{"roles": []string{"Admin"}})), "oidc:ann viewer"},
		"many audiences":   {sign(t, rs, key, oidcClaims(jwt.MapClaims{"aud": []string{"x", audience}})), "oidc:ann publisher"},
		"PS256":            {sign(t, jwt.SigningMethodPS256, key, oidcClaims(nil)), "oidc:ann publisher"},
		"other audience":   {sign(t, rs, key, oidcClaims(jwt.MapClaims{"aud": "x"})), ""},
		"no audience":      {sign(t, rs, key, oidcClaims(jwt.MapClaims{"aud": nil})), ""},
		"expired":          {sign(t, rs, key, oidcClaims(jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()})), ""},
		"expired just now": {sign(t, rs, key, oidcClaims(jwt.MapClaims{"exp": time.Now().Add(-5 * time.Second).Unix()})), "oidc:ann publisher"},
		"never expires":    {sign(t, rs, key, oidcClaims(jwt.MapClaims{"exp": nil})), ""},
		"not yet":          {sign(t, rs, key, oidcClaims(jwt.MapClaims{"nbf": time.Now().Add(time.Hour).Unix()})), ""},
		"no subject":       {sign(t, rs, key, oidcClaims(jwt.MapClaims{"sub": nil})), ""},
		"other key":        {sign(t, rs, other, oidcClaims(nil)), ""},
		"none":             {sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, oidcClaims(nil)), ""},
		"HS256":            {sign(t, jwt.SigningMethodHS256, pemOf(&key.PublicKey), oidcClaims(nil)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who(t, a, c.token, c.want)
		})
	}
	only := auth.New(auth.Options{Transport: &servers{key: key}, OIDC: &auth.OIDC{Issuer: issuer, Audience: audience, RoleClaim: "realm.roles"}})
	who(t, only, sign(t, rs, key, oidcClaims(jwt.MapClaims{"realm": map[string]any{"roles": []string{"admin"}}})), "oidc:ann admin")
	who(t, only, sign(t, rs, key, oidcClaims(jwt.MapClaims{"realm.roles": []string{"operator"}})), "oidc:ann operator")
	who(t, only, sign(t, rs, key, oidcClaims(jwt.MapClaims{"iss": "https://evil.example"})), "")
	who(t, only, sign(t, rs, key, claims(nil)), "")
}

// unavailable fails unless it can't be told whose credentials these are.
func unavailable(t *testing.T, a *auth.Auth, credentials string) {
	t.Helper()
	if p, err := a.Authenticate(t.Context(), credentials); graft.ErrorCode(err) != graft.CodeUnavailable {
		t.Errorf("is that of %v, %v", p, err)
	}
}

// Whoever has the keys may be away, change them, or be asked for by those who
// make tokens up.
func TestKeys(t *testing.T) {
	t.Parallel()
	first, second := newKey(t), newKey(t)
	for name, of := range map[string]struct {
		claims  func(jwt.MapClaims) jwt.MapClaims
		want    string
		fetches int // requests for the keys
	}{
		"Oakestra": {claims, "oakestra:ann publisher", 1},
		"OIDC":     {oidcClaims, "oidc:ann publisher", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &servers{key: first, away: true}
				a := knowing(s)
				by := func(key *rsa.PrivateKey) string { return sign(t, jwt.SigningMethodRS256, key, of.claims(nil)) }

				unavailable(t, a, by(first))
				who(t, a, adminToken, "admin admin") // does not need them
				s.set(func() { s.away = false })
				unavailable(t, a, by(first)) // asked just now
				time.Sleep(10 * time.Second)
				who(t, a, by(first), of.want)

				// They were changed: the new ones are found, once in ten seconds.
				s.set(func() { s.key, s.fetches = second, 0 })
				who(t, a, by(second), "")
				time.Sleep(10 * time.Second)
				who(t, a, by(second), of.want)
				for range 100 {
					who(t, a, by(first), "")
				}
				if s.fetches != of.fetches {
					t.Errorf("%d requests for keys, want %d", s.fetches, of.fetches)
				}

				// Those that are known are good while their owner is away.
				s.set(func() { s.away = true })
				time.Sleep(30 * time.Minute)
				who(t, a, by(second), of.want)
				who(t, a, by(first), "")
			})
		})
	}
}

// Keys that were taken back are no longer good after ten minutes, also if nobody
// comes with a new one.
func TestKeysAge(t *testing.T) {
	t.Parallel()
	first, second := newKey(t), newKey(t)
	synctest.Test(t, func(t *testing.T) {
		s := &servers{key: first}
		a := auth.New(auth.Options{Transport: s, OakestraKeyURL: keyURL})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		synctest.Wait()
		token := sign(t, jwt.SigningMethodRS256, first, claims(nil))
		who(t, a, token, "oakestra:ann publisher")
		s.set(func() { s.away = true })
		time.Sleep(11 * time.Minute)
		who(t, a, token, "oakestra:ann publisher")
		s.set(func() { s.away, s.key = false, second })
		time.Sleep(time.Minute)
		who(t, a, token, "")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// What is no key is none.
func TestBadKeys(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*servers{
		"huge": {key: key, huge: true}, "small": {key: small},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unavailable(t, knowing(s), sign(t, jwt.SigningMethodRS256, s.key, claims(nil)))
			unavailable(t, knowing(s), sign(t, jwt.SigningMethodRS256, s.key, oidcClaims(nil)))
		})
	}
}
