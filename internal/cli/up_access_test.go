package cli

import (
	"slices"
	"testing"

	"github.com/graftplatform/graft/internal/app"
)

func TestUpAccess(t *testing.T) {
	t.Parallel()
	o, code, stderr := upOptions(t, nil)
	if code != exitDone || o.Auth != app.AuthToken || o.Insecure || o.OakestraKeyURL != "http://jwt_generator:10011/key" || o.OIDCRoleClaim != "roles" {
		t.Errorf("by default: %+v; %s", o.AccessOptions, stderr)
	}
	o, code, stderr = upOptions(t, []string{"GRAFT_INSECURE=true", "GRAFT_TLS_CA=/ca", "GRAFT_OIDC_ROLE=a=admin, b=viewer"},
		"--auth", "oakestra", "--oakestra-key-url", "http://k/key", "--oidc-issuer", "https://i", "--oidc-audience", "g",
		"--oidc-role-claim", "realm_access.roles", "--tls-cert", "/cert", "--tls-key", "/key")
	if code != exitDone {
		t.Fatal(stderr)
	}
	if o.Auth != app.AuthOakestra || !o.Insecure || o.OakestraKeyURL != "http://k/key" || o.OIDCIssuer != "https://i" || o.OIDCAudience != "g" ||
		o.OIDCRoleClaim != "realm_access.roles" || !slices.Equal(o.OIDCRoles, []string{"a=admin", "b=viewer"}) ||
		o.TLSCert != "/cert" || o.TLSKey != "/key" || o.TLSCA != "/ca" {
		t.Errorf("got %+v", o.AccessOptions)
	}
}
