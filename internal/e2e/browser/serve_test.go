package browser_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// strict is the policy of the dashboard's pages.
const strict = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// serve serves pages of a test's own, with a policy, and the dashboard's static
// files; and what else the test wants to answer by itself.
func serve(t *testing.T, policy string, pages map[string]string, others ...http.Handler) string {
	t.Helper()
	static := http.StripPrefix("/static/", http.FileServer(http.Dir("../../web/static")))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if policy != "" {
			w.Header().Set("Content-Security-Policy", policy)
		}
		text, ok := pages[r.URL.Path]
		switch {
		case ok:
			show(w, r.URL.Path, text)
		case strings.HasPrefix(r.URL.Path, "/static/"):
			static.ServeHTTP(w, r)
		case len(others) > 0:
			others[0].ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(func() {
		server.CloseClientConnections() // streams have no end
		server.Close()
	})
	return server.URL
}

// show answers with a script, a style sheet or a page.
func show(w http.ResponseWriter, path, text string) {
	kind := "text/html; charset=utf-8"
	switch filepath.Ext(path) {
	case ".js":
		kind = "text/javascript"
	case ".css":
		kind = "text/css"
	default:
		text = `<!doctype html><html lang="en"><head><title>A page</title><meta name="viewport" content="width=device-width">` +
			`<link rel="icon" href="data:,">` + text + `</html>`
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write([]byte(text)) // a tab that is gone needs none
}
