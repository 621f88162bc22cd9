package verify_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/registrytest"
	"github.com/graftplatform/graft/internal/verify"
)

// anonymous has no credentials for anybody, whatever this user's Docker has.
type anonymous struct{}

func (anonymous) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

// here is what tests may call: their registries listen on loopback.
var here = verify.Reach{Loopback: true}

// testRegistry is a registry that notes which blobs were asked for.
type testRegistry struct {
	host string

	mu    sync.Mutex
	blobs []string
}

func newRegistry(t *testing.T) *testRegistry {
	t.Helper()
	r := &testRegistry{}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	r.host = serve(t, func(w http.ResponseWriter, request *http.Request) {
		if digest := request.URL.Path[strings.LastIndex(request.URL.Path, "/")+1:]; request.Method == http.MethodGet &&
			strings.Contains(request.URL.Path, "/blobs/") {
			r.mu.Lock()
			r.blobs = append(r.blobs, digest)
			r.mu.Unlock()
		}
		inner.ServeHTTP(w, request)
	})
	return r
}

// fetched returns the digests of the blobs that were asked for.
func (r *testRegistry) fetched() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.blobs)
}

// serve starts a server and returns its host:port.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func digestOf(t *testing.T, thing interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	digest, err := thing.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func resolve(t *testing.T, image string) (verify.Result, error) {
	t.Helper()
	return verify.New(verify.Options{Keychain: anonymous{}, Reach: here}).Resolve(t.Context(), image)
}

func TestSingleImage(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	image := registrytest.Image(t, "linux/arm/v7")
	registrytest.Push(t, r.host+"/acme/web:1.0", image)
	digest := digestOf(t, image)
	config, err := image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	for _, reference := range []string{"/acme/web:1.0", "/acme/web@" + digest, "/acme/web:1.0@" + digest} {
		result, err := resolve(t, r.host+reference)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]int64{"linux/arm/v7": sizeOf(t, image)}; !maps.Equal(result.Sizes, want) {
			t.Errorf("%s: sizes are %v, want %v", reference, result.Sizes, want)
		}
		if result.Digest != digest || result.Repository != r.host+"/acme/web" || !slices.Equal(result.Platforms, []string{"linux/arm/v7"}) {
			t.Errorf("%s: %+v", reference, result)
		}
	}
	for _, blob := range r.fetched() {
		if blob != config.String() {
			t.Errorf("blob %s was fetched, which is no configuration", blob)
		}
	}
	if n := len(r.fetched()); n != 3 {
		t.Errorf("%d blobs were fetched for 3 questions", n)
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: registrytest.Image(t, "linux/amd64"), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: registrytest.Image(t, "linux/arm64/v8"), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}}},
		mutate.IndexAddendum{Add: registrytest.Image(t, "unknown/unknown"), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}}},
	)
	registrytest.Push(t, r.host+"/web:multi", index)
	result, err := resolve(t, r.host+"/web:multi")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"linux/amd64", "linux/arm64/v8"}; !slices.Equal(result.Platforms, want) || result.Digest != digestOf(t, index) {
		t.Errorf("%+v, want platforms %v", result, want)
	}
	if blobs := r.fetched(); len(blobs) != 1 { // the configuration, for its labels
		t.Errorf("blobs were fetched: %v", blobs)
	}
}

// transportFunc answers requests without a network.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestShortNamesMeanDockerHub(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]string{
		"busybox":                  "index.docker.io/v2/library/busybox/manifests/latest",
		"docker.io/acme/web:2":     "index.docker.io/v2/acme/web/manifests/2",
		"index.docker.io/acme/web": "index.docker.io/v2/acme/web/manifests/latest",
	} {
		var asked []string
		v := verify.New(verify.Options{Keychain: anonymous{}, Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.URL.Host+r.URL.Path)
			recorder := httptest.NewRecorder()
			if r.URL.Path != "/v2/" {
				recorder.Header().Set("Content-Type", string(types.OCIImageIndex))
				_, _ = recorder.WriteString(`{"schemaVersion":2,"manifests":[{"platform":{"os":"linux","architecture":"amd64"}}]}`)
			}
			return recorder.Result(), nil
		})})
		result, err := v.Resolve(t.Context(), image)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(asked, want) || !strings.HasPrefix(result.Repository, "docker.io/") {
			t.Errorf("%s asked for %v, repository %s", image, asked, result.Repository)
		}
	}
}

// locked answers like a registry with one user, who gets tokens for a password.
func locked(t *testing.T, inner http.Handler) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case r.URL.Path == "/token" && user == "ann" && password == "secret":
			_ = json.NewEncoder(w).Encode(map[string]string{"token": "good"})
		case r.URL.Path == "/token" && user == "":
			_ = json.NewEncoder(w).Encode(map[string]string{"token": "nobody"})
		case r.URL.Path != "/token" && r.Header.Get("Authorization") == "Bearer good":
			inner.ServeHTTP(w, r)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
		}
	})
}

func TestCredentialsOfTheDockerConfiguration(t *testing.T) { // not parallel: sets the environment
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	image := registrytest.Image(t, "linux/amd64")
	registrytest.Push(t, serve(t, inner.ServeHTTP)+"/web:1", image)
	host := locked(t, inner)

	t.Setenv("HOME", t.TempDir())
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	_, err := verify.New(verify.Options{Reach: here}).Resolve(t.Context(), host+"/web:1")
	wantError(t, err, graft.CodeUnauthorized, host, "docker login "+host, "authentication required")

	auth := base64.StdEncoding.EncodeToString([]byte("ann:secret"))
	config := `{"auths": {"` + host + `": {"auth": "` + auth + `"}}}`
	if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	result, err := verify.New(verify.Options{Reach: here}).Resolve(t.Context(), host+"/web:1")
	if err != nil || result.Digest != digestOf(t, image) {
		t.Fatalf("%+v, %v", result, err)
	}
}

func TestEndedContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := verify.New(verify.Options{Keychain: anonymous{}, Reach: here}).Resolve(ctx, "127.0.0.1:1/web")
	wantError(t, err, graft.CodeUnavailable, "127.0.0.1:1")
}

func wantError(t *testing.T, err error, code graft.Code, words ...string) {
	t.Helper()
	if graft.ErrorCode(err) != code {
		t.Errorf("code is %q, want %q: %v", graft.ErrorCode(err), code, err)
	}
	for _, word := range words {
		if !strings.Contains(graft.ErrorMessage(err), word) {
			t.Errorf("message %q does not mention %q", graft.ErrorMessage(err), word)
		}
	}
}

func TestHangingRegistryIsTemporary(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	host := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-done:
		}
	})
	t.Cleanup(func() { close(done) }) // runs before the server's own, which waits for requests
	v := verify.New(verify.Options{Keychain: anonymous{}, Reach: here, Timeout: 500 * time.Millisecond})
	_, err := v.Resolve(t.Context(), host+"/web:1")
	wantError(t, err, graft.CodeUnavailable, host, "500ms", "web:1")
}
