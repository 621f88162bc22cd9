package web_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/graftplatform/graft/internal/web"
)

// over is somebody who is signed in to a dashboard over an engine whose answers to
// requests for logs are given.
func over(t *testing.T, logs http.HandlerFunc) *visitor {
	t.Helper()
	engine := strange(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/logs") {
			logs(w, r)
			return
		}
		_, _ = io.WriteString(w, `{"name":"ann","role":"viewer"}`)
	})
	handler, err := web.New(web.Options{Marketplace: web.Server{URL: engine}, Engine: web.Server{URL: engine}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, url: server.URL, http: &http.Client{Jar: jar}}
	v.post("/sign-in", url.Values{"token": {"x"}, "to": {"/about"}}).has(t, "ann")
	return v
}

// Output is sent as it is. What keeps it from coming is a page, what cuts it off its
// last line.
func TestLogsThatFail(t *testing.T) {
	t.Parallel()
	const path = "/installed/0123456789abcdef01234567/logs/"
	for name, c := range map[string]struct {
		logs   http.HandlerFunc
		status int
		kind   string // of content
		begin  string
		end    string
	}{
		"all":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a | <b>\n") }, 200, "text/plain; charset=utf-8", "a | <b>\n", "a | <b>\n"},
		"nothing": {func(http.ResponseWriter, *http.Request) {}, 200, "text/plain; charset=utf-8", "", ""},
		"refused": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"code":"unavailable","message":"Docker is <away>"}`)
		}, 502, "text/html; charset=utf-8", "<!doctype html>", "</html>\n"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "a | 1\na | 2")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, 200, "text/plain; charset=utf-8", "a | 1\na | 2\ngraft | the engine at ", " can't be reached\n"},
	} {
		v := over(t, c.logs)
		for _, what := range []string{"stream", "file"} {
			p := v.get(path + what)
			if p.status != c.status || p.header.Get("Content-Type") != c.kind || !strings.HasPrefix(p.body, c.begin) || !strings.HasSuffix(strings.TrimLeft(p.body, "\n"), c.end) {
				t.Errorf("%s, %s: %d %s %q", name, what, p.status, p.header.Get("Content-Type"), p.body)
			}
			if asFile := p.header.Get("Content-Disposition") != ""; asFile != (what == "file" && c.status == 200) {
				t.Errorf("%s, %s: as a file: %t", name, what, asFile)
			}
		}
	}
}
