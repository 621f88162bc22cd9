package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/app"
)

func clientOf(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A token that is made on one server of a process is good on the other, until it
// is revoked; what was done with it is kept.
func TestTokensAndAudit(t *testing.T) {
	t.Parallel()
	a := start(t, options(t))
	urls := a.URLs()
	admin := clientOf(t, client.Options{Marketplace: urls[app.RoleMarketplace], Engine: urls[app.RoleEngine], Token: a.Token()})
	issued, err := admin.CreateToken(t.Context(), client.Marketplace, graft.TokenRequest{Name: "ann", Role: graft.RoleViewer, Lasts: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ann := clientOf(t, client.Options{Marketplace: urls[app.RoleMarketplace], Engine: urls[app.RoleEngine], Token: issued.Secret})
	if _, err := ann.Components(t.Context()); err != nil {
		t.Errorf("reading: %v", err)
	}
	if _, err := ann.Install(t.Context(), "000000000000000000000000"); graft.ErrorCode(err) != graft.CodeForbidden {
		t.Errorf("installing: %v", err)
	}
	if err := admin.RevokeToken(t.Context(), client.Engine, issued.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Components(t.Context()); graft.ErrorCode(err) != graft.CodeUnauthorized {
		t.Errorf("after it was revoked: %v", err)
	}
	entries, err := admin.Audit(t.Context(), client.Engine, client.AuditOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Principal+" "+e.Action+" "+string(e.ErrorCode))
		if e.From != "127.0.0.1" || time.Since(e.Time) > time.Minute {
			t.Errorf("entry %+v", e)
		}
	}
	want := "admin POST /api/v1/tokens \nann POST /api/v1/addons forbidden\nadmin DELETE /api/v1/tokens/{id} "
	if strings.Join(got, "\n") != want {
		t.Errorf("the audit log has\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

func TestUsersOfOakestra(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	generator := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"public_key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))})
	}))
	t.Cleanup(generator.Close)
	o := options(t)
	o.Auth, o.OakestraKeyURL = app.AuthOakestra, generator.URL+"/key"
	a := start(t, o)
	token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"sub": "ann", "exp": time.Now().Add(time.Hour).Unix(), "roles": []string{"Infrastructure_Provider"},
	}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, client.Options{Engine: a.URLs()[app.RoleEngine], Token: token})
	if _, err := c.Install(t.Context(), "000000000000000000000000"); graft.ErrorCode(err) != graft.CodeNotFound {
		t.Errorf("an operator installs what there is not: %v", err)
	}
	if _, err := c.Tokens(t.Context(), client.Engine); err == nil || !strings.Contains(err.Error(), "oakestra:ann") {
		t.Errorf("an operator sees tokens: %v", err)
	}
	if _, err := clientOf(t, client.Options{Engine: a.URLs()[app.RoleEngine], Token: a.Token()}).Tokens(t.Context(), client.Engine); err != nil {
		t.Errorf("the token of the data directory: %v", err)
	}
}

func TestOpenToAll(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Auth, o.EngineListen = app.AuthNone, "0.0.0.0:0"
	a, err := app.New(t.Context(), o)
	if err == nil {
		t.Fatal(a.Close(), "everybody may rule this host")
	}
	if graft.ErrorCode(err) != graft.CodeInvalid || !strings.Contains(err.Error(), "--insecure") || !strings.Contains(err.Error(), "--engine-listen") {
		t.Error(err)
	}
	o.Insecure = true
	start(t, o)
	o = options(t)
	o.Auth, o.DashboardListen = app.AuthNone, "0.0.0.0:0" // which only shows what everybody may see
	start(t, o)
}

// writeCertificate writes a certificate for a name, signed by itself, and its
// key. It returns the certificate.
func writeCertificate(t *testing.T, dir, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, data := range map[string][]byte{
		"cert.pem": cert, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert
}

// All in one with TLS: the roles find each other although the certificate is for
// another name than the one by which they do.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := writeCertificate(t, dir, "localhost")
	o := options(t)
	o.RegistryListen = "127.0.0.1:0"
	o.TLSCert, o.TLSKey = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	a := start(t, o)
	byName := func(role string) string { return strings.Replace(a.URLs()[role], "127.0.0.1", "localhost", 1) }
	if url := byName(app.RoleEngine); !strings.HasPrefix(url, "https://localhost:") {
		t.Fatalf("the engine is at %s", url)
	}
	c := clientOf(t, client.Options{Marketplace: byName(app.RoleMarketplace), Engine: byName(app.RoleEngine), Token: a.Token(), CA: ca})
	installWith(t, a, c)

	page, err := trusting(t, ca).Get(byName(app.RoleDashboard) + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer page.Body.Close()
	if body, err := readAll(page); err != nil || page.StatusCode != http.StatusOK || !strings.Contains(body, "hello") {
		t.Errorf("dashboard: %d %s, %v", page.StatusCode, body, err)
	}
	if _, err := clientOf(t, client.Options{Engine: byName(app.RoleEngine), Token: a.Token()}).Components(t.Context()); err == nil {
		t.Error("a client that does not know the certificate trusts it")
	}
}

// An engine elsewhere finds a marketplace whose certificate it is told about.
func TestTLSApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeCertificate(t, dir, "localhost")
	mo := options(t)
	mo.Roles = []string{app.RoleMarketplace}
	mo.TLSCert, mo.TLSKey = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	m := start(t, mo)
	install := func(ca string) error {
		eo := options(t)
		eo.Roles, eo.TLSCA = []string{app.RoleEngine}, ca
		eo.Marketplace = strings.Replace(m.URLs()[app.RoleMarketplace], "127.0.0.1", "localhost", 1)
		e := start(t, eo)
		c := clientOf(t, client.Options{Engine: e.URLs()[app.RoleEngine], Token: e.Token()})
		_, err := c.Install(t.Context(), "000000000000000000000000")
		return err
	}
	if err := install(mo.TLSCert); graft.ErrorCode(err) != graft.CodeNotFound {
		t.Errorf("with the certificate: %v", err)
	}
	if err := install(""); err == nil || graft.ErrorCode(err) == graft.CodeNotFound {
		t.Errorf("without: %v", err)
	}
}

// A registry, and an issuer of tokens, whose certificates an authority of the
// operator's has signed are trusted if he names it.
func TestTLSOfOthers(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 100)
	other := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		w.WriteHeader(http.StatusNotFound)
	}))
	other.Config.ErrorLog = log.New(io.Discard, "", 0)
	other.StartTLS()
	t.Cleanup(other.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	verified := func(ca string) (reason string) {
		o := options(t)
		o.Roles, o.TLSCA = []string{app.RoleMarketplace}, ca
		a := start(t, o)
		c := clientOf(t, client.Options{Marketplace: a.URLs()[app.RoleMarketplace], Token: a.Token()})
		addon, err := c.Publish(t.Context(), []byte(`{"name":"x","services":[{"service_name":"s","image":"`+other.Listener.Addr().String()+`/x"}]}`))
		for err == nil && addon.Status == graft.AddonUnderReview {
			addon, err = c.WaitAddon(t.Context(), addon.ID, addon.Revision)
		}
		if err != nil {
			t.Fatal(err)
		}
		return addon.Verification.Images[0].Reason
	}
	if reason := verified(""); !strings.Contains(reason, "certificate") || len(asked) != 0 {
		t.Errorf("without the authority: %q", reason)
	}
	if reason := verified(ca); strings.Contains(reason, "certificate") || len(asked) == 0 {
		t.Errorf("with it: %q", reason)
	}
	for len(asked) > 0 {
		<-asked
	}
	o := options(t)
	o.Roles, o.TLSCA, o.Marketplace = []string{app.RoleEngine}, ca, other.URL
	o.OIDCIssuer, o.OIDCAudience = other.URL, "graft"
	start(t, o) // fetches keys
	select {
	case path := <-asked:
		if path != "/.well-known/openid-configuration" {
			t.Errorf("asked for %s", path)
		}
	case <-time.After(time.Minute):
		t.Error("the issuer is not asked for its keys")
	}
	o = options(t)
	o.TLSCA = filepath.Join(t.TempDir(), "none.pem")
	if _, err := app.New(t.Context(), o); graft.ErrorCode(err) != graft.CodeInvalid {
		t.Errorf("with no such file: %v", err)
	}
}

// trusting returns a client that trusts a certificate.
func trusting(t *testing.T, ca []byte) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

func readAll(response *http.Response) (string, error) {
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func TestAccessOptions(t *testing.T) {
	t.Parallel()
	const issuer = "https://login.example"
	for name, c := range map[string]struct {
		options app.AccessOptions
		want    string
	}{
		"no URL of the key":     {app.AccessOptions{Auth: app.AuthOakestra, OakestraKeyURL: "jwt_generator:10011"}, "--oakestra-key-url"},
		"no audience":           {app.AccessOptions{OIDCIssuer: issuer}, "--oidc-audience"},
		"no issuer":             {app.AccessOptions{OIDCAudience: "graft"}, "--oidc-issuer"},
		"roles of nobody":       {app.AccessOptions{OIDCRoles: []string{"dev=publisher"}}, "--oidc-issuer"},
		"a key for nothing":     {app.AccessOptions{OakestraKeyURL: "http://127.0.0.1:1/key"}, "--auth oakestra"},
		"issuer without TLS":    {app.AccessOptions{OIDCIssuer: "http://login.example", OIDCAudience: "graft"}, "https"},
		"issuer and nobody":     {app.AccessOptions{OIDCIssuer: issuer, OIDCAudience: "graft", Auth: app.AuthNone}, "--auth none"},
		"role that there isn't": {app.AccessOptions{OIDCIssuer: issuer, OIDCAudience: "graft", OIDCRoles: []string{"a=king"}}, "THEIRS=OURS"},
		"role of nobody":        {app.AccessOptions{OIDCIssuer: issuer, OIDCAudience: "graft", OIDCRoles: []string{"admin"}}, "THEIRS=OURS"},
		"no key":                {app.AccessOptions{TLSCert: "cert.pem"}, "--tls-key"},
		"no certificate":        {app.AccessOptions{TLSKey: "key.pem"}, "--tls-cert"},
		"no such files":         {app.AccessOptions{TLSCert: "none.pem", TLSKey: "none.pem"}, "none.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			o.AccessOptions = c.options
			a, err := app.New(t.Context(), o)
			if err == nil {
				t.Fatal(a.Close(), "New succeeded")
			}
			if graft.ErrorCode(err) != graft.CodeInvalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	o := options(t)
	o.OIDCIssuer, o.OIDCAudience, o.OIDCRoles = issuer, "graft", []string{"staff=operator", "boss=admin"}
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
