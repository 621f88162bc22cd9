package cli

import (
	"bytes"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dashboardSays runs the command against a dashboard, and returns its exit code and
// all that it printed.
func dashboardSays(t *testing.T, base, token string, args ...string) (int, string) {
	t.Helper()
	dir := t.TempDir()
	if token != "" {
		if err := os.WriteFile(filepath.Join(dir, "token"), []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	args = append([]string{"dashboard", "--data-dir", dir, "--dashboard", base}, args...)
	code := Main(args, strings.NewReader(""), &out, &out, nil)
	return code, out.String()
}

// The dashboard is asked below its URL, by the token of this machine, or by none.
func TestDashboardIsAsked(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", fakeToken} {
		var asked, by string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			asked, by = r.Method+" "+r.RequestURI+" "+string(body), r.Header.Get("Authorization")
			send(w, 201, map[string]string{"url": "/sign-in/link?code=a%2Fb"})
		}))
		defer server.Close()
		code, said := dashboardSays(t, server.URL+"/below/", token)
		if want := server.URL + "/below/sign-in/link?code=a%2Fb\n"; code != exitDone || said != want {
			t.Errorf("exit code %d: %s, want %s", code, said, want)
		}
		want := ""
		if token != "" {
			want = "Bearer " + token
		}
		if asked != "POST /below/sign-in/link " || by != want {
			t.Errorf("asked %q by %q", asked, by)
		}
	}
}

// What is no link is not shown as one, and it is said what is wrong.
func TestDashboardGivesNoLink(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, token string
		status      int
		body        string
		code        int
		says        []string
	}{
		{"older", "t", 404, "<html>", exitFailed, []string{"older Graft", "--dashboard"}},
		{"another server", "t", 405, "", exitFailed, []string{"no dashboard"}},
		{"no token", "", 401, "", exitFailed, []string{"asks for a token", "GRAFT_TOKEN", "there is no "}},
		{"another token", "t", 401, `{"message":"nobody's"}`, exitFailed, []string{"does not take the token: nobody's", "the token comes from "}},
		{"not by this one", "t", 403, `{"message":"not you"}`, exitRefused, []string{"403 not you"}},
		{"too often", "t", 429, "", exitFailed, []string{"429 Too Many Requests"}},
		{"engine away", "t", 503, `{"message":"the engine is away"}`, exitFailed, []string{"503 the engine is away"}},
		{"sent elsewhere", "t", 307, "", exitFailed, []string{"307 Temporary Redirect"}},
		{"another answer", "t", 200, `{"url":"/x"}`, exitFailed, []string{"200"}},
		{"no JSON", "t", 201, "hello", exitFailed, []string{"something else than a link"}},
		{"no path", "t", 201, `{"url":"http://evil.example/"}`, exitFailed, []string{"something else than a link"}},
		{"another host", "t", 201, `{"url":"//evil.example/"}`, exitFailed, []string{"something else than a link"}},
		{"a name at its end", "t", 201, `{"url":"@evil.example/"}`, exitFailed, []string{"something else than a link"}},
		{"no URL", "t", 201, `{"url":"/\u0007"}`, exitFailed, []string{"something else than a link"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			code, said := dashboardSays(t, server.URL, c.token)
			if code != c.code || strings.Contains(said, "evil") || asked != 1 {
				t.Errorf("exit code %d, asked %d times: %s", code, asked, said)
			}
			for _, what := range c.says {
				if !strings.Contains(said, what) {
					t.Errorf("it does not say %q: %s", what, said)
				}
			}
		})
	}
}

func TestDashboardIsNotThere(t *testing.T) {
	t.Parallel()
	code, said := dashboardSays(t, "http://127.0.0.1:1", "t") // the system gives that port to nobody
	if code != exitFailed || !strings.Contains(said, "can't be reached") || !strings.Contains(said, `"graft up" running there? --dashboard or GRAFT_DASHBOARD`) {
		t.Errorf("exit code %d: %s", code, said)
	}
	for _, base := range []string{"localhost", "ftp://h", "http://", "http://u:secret@h", "http://h?q=1", "http://h#f", "http://h\x7f"} {
		if code, said := dashboardSays(t, base, "t"); code != exitUsage || strings.Contains(said, "secret") {
			t.Errorf("%q: exit code %d: %s", base, code, said)
		}
	}
}

// A dashboard is trusted as other servers are.
func TestDashboardCertificate(t *testing.T) {
	t.Parallel()
	server, ca := tlsServer(t, func(w http.ResponseWriter, _ *http.Request) { send(w, 201, map[string]string{"url": "/l"}) })
	if code, said := dashboardSays(t, server.URL, "", "--tls-ca", ca); code != exitDone || said != server.URL+"/l\n" {
		t.Errorf("exit code %d: %s", code, said)
	}
	if code, said := dashboardSays(t, server.URL, ""); code != exitFailed || !strings.Contains(said, "--tls-ca") {
		t.Errorf("exit code %d: %s", code, said)
	}
}

// tlsServer returns a server and the name of a file with its certificate.
func tlsServer(t *testing.T, handler http.HandlerFunc) (*httptest.Server, string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return server, ca
}

func TestDashboardURL(t *testing.T) {
	t.Parallel()
	for want, flags := range map[string]globalFlags{
		"http://127.0.0.1:11103": {}, "http://127.0.0.1:11203": {plane: "cluster"}, "http://h": {plane: "cluster", dashboard: "http://h"},
	} {
		if got := flags.dashboardURL(); got != want {
			t.Errorf("%+v: %s", flags, got)
		}
	}
}
