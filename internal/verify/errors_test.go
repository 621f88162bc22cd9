package verify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/verify"
)

// answer makes a registry that gives one answer to all but the first question,
// whether it is one.
func answer(status int, header, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		if key, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(key, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const (
	image2  = "Content-Type: " + string(types.OCIManifestSchema1)
	index2  = "Content-Type: " + string(types.OCIImageIndex)
	denied  = `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`
	unknown = `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`
	busy    = `{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached\nyour pull rate limit."}]}`
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		handler http.HandlerFunc
		code    graft.Code
		words   []string
	}{
		"no such image":      {answer(404, "", unknown), graft.CodeNotFound, []string{"manifest unknown", "Push it"}},
		"forbidden":          {answer(403, "", denied), graft.CodeForbidden, []string{"access to the resource is denied", "docker login"}},
		"unauthorized":       {answer(401, "", ""), graft.CodeUnauthorized, []string{"docker login"}},
		"too many":           {answer(429, "Retry-After: 77", busy), graft.CodeUnavailable, []string{"You have reached your pull rate limit"}},
		"own fault":          {answer(500, "", "oops"), graft.CodeUnavailable, []string{"500"}},
		"gateway":            {answer(502, "", "<html>"), graft.CodeUnavailable, []string{"502"}},
		"away":               {answer(503, "Retry-After: 77", ""), graft.CodeUnavailable, []string{"503"}},
		"teapot":             {answer(418, "", ""), graft.CodeUpstream, []string{"418"}},
		"no JSON":            {answer(200, image2, "<html>hello</html>"), graft.CodeUpstream, []string{"no image manifest"}},
		"empty":              {answer(200, image2, ""), graft.CodeUpstream, nil},
		"empty index":        {answer(200, index2, `{"schemaVersion":2,"manifests":[]}`), graft.CodeInvalid, []string{"lists no image"}},
		"old version":        {answer(200, "", `{"schemaVersion":1,"name":"x"}`), graft.CodeInvalid, []string{"version 1"}},
		"helm chart":         {answer(200, image2, `{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json"}}`), graft.CodeInvalid, []string{"helm", "no container image"}},
		"large config":       {answer(200, image2, config(1<<30)), graft.CodeInvalid, []string{"1073741824"}},
		"large manifest":     {answer(200, image2, strings.Repeat(" ", 5<<20)), graft.CodeInvalid, []string{"4 MiB"}},
		"endless manifest":   {endless, graft.CodeInvalid, []string{"4 MiB"}},
		"broken connection":  {brokenOff, graft.CodeUnavailable, []string{"closed the connection"}},
		"ping is refused":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, graft.CodeUnavailable, []string{"503"}},
		"config of no place": {configFile(`{}`), graft.CodeInvalid, []string{"which platform"}},
		"forged config":      {forgedConfig, graft.CodeUpstream, nil},
		"round in circles":   {circle, graft.CodeUpstream, []string{"redirects without end"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := serve(t, test.handler)
			_, err := resolve(t, host+"/acme/web:1")
			wantError(t, err, test.code, append(test.words, "acme/web:1")...)
			if strings.ContainsAny(graft.ErrorMessage(err), "\r\n\x1b") {
				t.Errorf("message has control characters: %q", graft.ErrorMessage(err))
			}
			want := time.Duration(0)
			if name == "too many" || name == "away" {
				want = 77 * time.Second
			}
			if got := verify.RetryAfter(err); got != want {
				t.Errorf("retry after %s, want %s", got, want)
			}
		})
	}
}

// config is a manifest with a configuration of that size.
func config(size int) string {
	return fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":%q,"digest":"sha256:%064d","size":%d}}`, types.OCIConfigJSON, 0, size)
}

func endless(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v2/" {
		return
	}
	for block := bytes.Repeat([]byte(" "), 1<<16); ; {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// circle redirects every question to where it was asked.
func circle(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v2/" {
		http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
	}
}

func brokenOff(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v2/" {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "{")
	}
}

// configFile makes a registry with one image of that configuration.
func configFile(content string) http.HandlerFunc {
	digest := digestOfText(content)
	manifest := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":%d}}`, types.OCIConfigJSON, digest, len(content))
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/manifests/"):
			w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
			_, _ = io.WriteString(w, manifest)
		case strings.HasSuffix(r.URL.Path, "/blobs/"+digest):
			_, _ = io.WriteString(w, content)
		}
	}
}

func digestOfText(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func forgedConfig(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "/blobs/") {
		_, _ = io.WriteString(w, `[]`)
		return
	}
	configFile(`{}`)(w, r)
}

func TestForgedManifest(t *testing.T) {
	t.Parallel()
	host := serve(t, answer(200, image2, `{"schemaVersion":2}`))
	_, err := resolve(t, host+"/web@sha256:"+strings.Repeat("0", 64))
	wantError(t, err, graft.CodeUpstream, host)
}

func TestBadReferences(t *testing.T) {
	t.Parallel()
	for _, image := range []string{"", "UPPER", "a b", "web:", "web@sha256:12", "http://registry/web", strings.Repeat("a", 300)} {
		_, err := resolve(t, image)
		wantError(t, err, graft.CodeInvalid, "[registry/]repository[:tag][@digest]")
	}
}

func TestUnreachableRegistriesAreTemporary(t *testing.T) {
	t.Parallel()
	const nowhere = "127.0.0.1:1" // the system gives that port to nobody
	_, err := resolve(t, nowhere+"/web")
	wantError(t, err, graft.CodeUnavailable, nowhere, "connection refused")

	v := verify.New(verify.Options{Keychain: anonymous{}, Transport: transportFunc(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "registry.invalid"}}
	})})
	_, err = v.Resolve(t.Context(), "registry.invalid/web")
	wantError(t, err, graft.CodeUnavailable, "registry.invalid", "no such host")
}

func TestUntrustedCertificateIsFinal(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "https://")
	_, err := resolve(t, host+"/web")
	wantError(t, err, graft.CodeUpstream, host, "certificate", "--tls-ca")
}
