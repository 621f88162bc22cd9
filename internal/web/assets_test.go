package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAssets(t *testing.T) {
	t.Parallel()
	a, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, url string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, url, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		return w
	}
	for name, file := range a.files {
		url := a.url(name)
		if !strings.HasPrefix(url, "/static/"+name+"?v=") {
			t.Errorf("%s is at %s", name, url)
		}
		plain := ask("GET", url)
		if plain.Code != http.StatusOK || !bytes.Equal(plain.Body.Bytes(), file.plain) || plain.Header().Get("Content-Encoding") != "" ||
			plain.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || plain.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %d %v", url, plain.Code, plain.Header())
		}
		packed := ask("GET", url, "Accept-Encoding", "br, gzip;q=0.5")
		if file.packed != nil {
			in, err := gzip.NewReader(packed.Body)
			if err != nil {
				t.Fatal(err)
			}
			if unpacked, err := io.ReadAll(in); err != nil || !bytes.Equal(unpacked, file.plain) {
				t.Errorf("%s, packed: %v", name, err)
			}
			if packed.Header().Get("ETag") == plain.Header().Get("ETag") {
				t.Errorf("%s has one tag for two forms", name)
			}
		} else if !bytes.Equal(packed.Body.Bytes(), file.plain) {
			t.Errorf("%s can't be packed, and is not as it is", name)
		}
		if w := ask("GET", url, "If-None-Match", plain.Header().Get("ETag")); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
			t.Errorf("%s, again: %d", name, w.Code)
		}
		if w := ask("HEAD", url); w.Code != http.StatusOK || w.Body.Len() != 0 {
			t.Errorf("HEAD of %s: %d, %d bytes", name, w.Code, w.Body.Len())
		}
		for _, other := range []string{"/static/" + name, "/static/" + name + "?v=other"} {
			if w := ask("GET", other); w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-cache" {
				t.Errorf("%s: %d, %s", other, w.Code, w.Header().Get("Cache-Control"))
			}
		}
	}
	for name, want := range map[string]string{
		"app.js": "text/javascript; charset=utf-8", "style.css": "text/css; charset=utf-8", "icons.svg": "image/svg+xml", "vendor/htmx.LICENSE.txt": "text/plain; charset=utf-8",
	} {
		if got := ask("GET", a.url(name)).Header().Get("Content-Type"); got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
	for _, url := range []string{"/static/", "/static/none.js", "/static/vendor", "/static/../web.go", "/static/%2e%2e/web.go"} {
		if w := ask("GET", url); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", url, w.Code)
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"": false, "gzip": true, "gzip, deflate, br, zstd": true, "br;q=1.0, gzip;q=0.8": true, "GZIP": true, "*": false,
		"gzip;q=0": false, "gzip; q=0": false, "gzip;q=0.0": false, "gzip;q=0.000": false, "identity": false, "xgzip": false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.Header.Set("Accept-Encoding", header)
		if got := acceptsGzip(r); got != want {
			t.Errorf("%q: %t", header, got)
		}
	}
}
