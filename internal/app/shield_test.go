package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/graftplatform/graft/internal/app"
)

// ask sends a request under a name of its own and returns the answer's status
// and headers.
func ask(t *testing.T, method, url, host string, headers ...string) (int, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode, response.Header
}

func TestEveryServerIsShielded(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.RegistryListen = "127.0.0.1:0"
	o.AllowedHosts = []string{"graft.example"}
	a := start(t, o)
	if n := len(a.URLs()); n != 4 {
		t.Fatalf("%d servers", n)
	}
	for role, url := range a.URLs() {
		for host, refused := range map[string]bool{"localhost": false, "graft.example:1": false, "evil.example": true} {
			code, header := ask(t, "GET", url+"/", host)
			if (code == 403) != refused {
				t.Errorf("%s: %s gets %d", role, host, code)
			}
			for _, name := range []string{
				"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy",
			} {
				if len(header.Values(name)) != 1 {
					t.Errorf("%s: %s: %s is %q", role, host, name, header.Values(name))
				}
			}
		}
		if code, _ := ask(t, "POST", url+"/", "localhost", "Origin", "http://evil.example"); code != 403 {
			t.Errorf("%s: a page of another origin gets %d", role, code)
		}
	}
}

// Pages of the origins that may call the APIs read why they are refused.
func TestRefusalsCanBeRead(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.RegistryListen = "127.0.0.1:0"
	o.CORSOrigins = []string{"http://ops.example"}
	for role, url := range start(t, o).URLs() {
		for origin, allowed := range map[string]bool{"http://ops.example": role == app.RoleMarketplace || role == app.RoleEngine, "http://localhost:11103": false} {
			code, header := ask(t, "GET", url+"/api/v1/version", "evil.example", "Origin", origin)
			if code != 403 || (header.Get("Access-Control-Allow-Origin") == origin) != allowed {
				t.Errorf("%s: %s gets %d %v", role, origin, code, header)
			}
		}
	}
}

// Beyond loopback any name will do where a token is needed; without tokens names
// have to be told: a page whose name leads here could install what it likes.
func TestNamesBeyondLoopback(t *testing.T) {
	t.Parallel()
	for auth, want := range map[string]int{app.AuthToken: 200, app.AuthNone: 403} {
		o := options(t)
		o.Auth, o.Insecure = auth, true
		o.MarketplaceListen, o.EngineListen, o.DashboardListen = "0.0.0.0:0", "0.0.0.0:0", "0.0.0.0:0"
		a := start(t, o)
		for role, url := range a.URLs() {
			if code, _ := ask(t, "GET", url+"/", "root.example:11102"); code != want {
				t.Errorf("%s with --auth %s: %d", role, auth, code)
			}
			if code, _ := ask(t, "GET", url+"/", "marketplace:11102"); code != 200 {
				t.Errorf("%s by the name of a Compose service: %d", role, code)
			}
		}
	}
}

// Every page says what it may load; none allows scripts that are not files of
// the server.
func TestPagesHavePolicies(t *testing.T) {
	t.Parallel()
	urls := start(t, options(t)).URLs()
	for _, url := range []string{
		urls[app.RoleMarketplace] + "/api/docs", urls[app.RoleEngine] + "/api/docs/", urls[app.RoleDashboard] + "/", urls[app.RoleDashboard] + "/nothing",
	} {
		_, header := ask(t, "GET", url, "")
		policy := header.Get("Content-Security-Policy")
		if !strings.HasPrefix(header.Get("Content-Type"), "text/html") || !strings.HasPrefix(policy, "default-src 'none'") ||
			!strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "script-src 'unsafe") || strings.Contains(policy, "unsafe-eval") {
			t.Errorf("%s: %v", url, header)
		}
	}
}
