package docker_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/dockertest"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/docker"
)

const someDigest = "@sha256:1111111111111111111111111111111111111111111111111111111111111111"

// serve serves a registry that does what a handler does.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestPullFailures(t *testing.T) {
	t.Parallel()
	gone := serve(t, nil)
	d := newDriver(t, docker.Options{})
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		code    graft.Code
		says    string
	}{
		{"TooMany", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}`)
		}, graft.CodeUnavailable, "slow down"},
		{"Broken", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}, graft.CodeUnavailable, "now"},
		{"Unauthorized", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Www-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
		}, graft.CodeUpstream, "docker login"},
		{"NoImage", registry.New(registry.Logger(log.New(io.Discard, "", 0))).ServeHTTP, graft.CodeNotFound, "does not exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			image := serve(t, test.handler) + "/timeout/unauthorized" + someDigest
			wantCode(t, d.Pull(t.Context(), image, nil), test.code, image, test.says)
		})
	}
	t.Run("Gone", func(t *testing.T) {
		t.Parallel()
		host := strings.Split(gone, ":")[0] + ":1" // nobody listens there
		wantCode(t, d.Pull(t.Context(), host+"/app"+someDigest, nil), graft.CodeUnavailable, host)
	})
}

func TestPullFromASilentRegistry(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	host := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) }) // before the server is closed
	d := newDriver(t, docker.Options{PullStall: 300 * time.Millisecond})
	wantCode(t, d.Pull(t.Context(), host+"/app"+someDigest, nil), graft.CodeUnavailable, host, "sent nothing")
	if _, err := d.Observe(t.Context()); err != nil {
		t.Errorf("the driver does not work afterwards: %v", err)
	}
}

func TestPullWithCredentials(t *testing.T) {
	t.Parallel()
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "secret" {
			w.Header().Set("Www-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	})
	keys := keychain{host: authn.FromConfig(authn.AuthConfig{Username: "me", Password: "secret"})}
	ref := push(t, dockertest.Build(t), host+"/app:1", keys)
	wantCode(t, newDriver(t, docker.Options{Keychain: keychain{}}).Pull(t.Context(), ref, nil),
		graft.CodeUpstream, "docker login "+host)
	d := newDriver(t, docker.Options{Keychain: keys})
	var last driver.PullProgress
	if err := d.Pull(t.Context(), ref, func(p driver.PullProgress) { last = p }); err != nil {
		t.Fatal(err)
	}
	if last.Layers != 2 || last.LayersDone != 2 || last.Bytes == 0 || last.BytesDone != last.Bytes {
		t.Errorf("progress ended with %+v, want all of two layers", last)
	}
}

// The registry holds the pull up until everybody wants the image, one of them
// has left, and one who came first has gone, too.
func TestPullOnceForAll(t *testing.T) {
	t.Parallel()
	var manifests atomic.Int32
	asked, release := make(chan struct{}, 1), make(chan struct{})
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/") {
			manifests.Add(1)
		}
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			select {
			case asked <- struct{}{}:
			default:
			}
			<-release
		}
		inner.ServeHTTP(w, r)
	})
	ref := push(t, dockertest.Build(t), host+"/app:1", keychain{})
	d := newDriver(t, docker.Options{Keychain: keychain{}})
	first, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { left <- d.Pull(first, ref, nil) }()
	<-asked
	var others sync.WaitGroup
	var told atomic.Int32
	for range 4 {
		joined := make(chan struct{})
		others.Go(func() {
			var last driver.PullProgress
			err := d.Pull(t.Context(), ref, func(p driver.PullProgress) {
				if last == (driver.PullProgress{}) {
					close(joined)
				}
				last = p
			})
			if err != nil || last.Layers != 2 || last.LayersDone != 2 {
				t.Errorf("pull ended with %v and %+v", err, last)
			}
			told.Add(1)
		})
		<-joined
	}
	leave()
	wantCode(t, <-left, graft.CodeUnavailable, ref)
	close(release)
	others.Wait()
	if manifests.Load() != 1 || told.Load() != 4 {
		t.Errorf("the manifest was asked for %d times, want once; %d were told", manifests.Load(), told.Load())
	}
}

func TestPullForAnotherMachine(t *testing.T) {
	t.Parallel()
	image := dockertest.Build(t)
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add:        image,
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "mips64le"}},
	})
	host := dockertest.Registry(t)
	tag, err := name.NewTag(host + "/app:1")
	if err == nil {
		err = remote.WriteIndex(tag, index)
	}
	if err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, newDriver(t, docker.Options{}).Pull(t.Context(), host+"/app@"+digest.String(), nil),
		graft.CodeInvalid, "no variant for this machine")
}

// keychain has credentials by registry.
type keychain map[string]authn.Authenticator

func (k keychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	if a, ok := k[target.RegistryStr()]; ok {
		return a, nil
	}
	return authn.Anonymous, nil
}

// push puts an image into a registry that wants credentials; the image and its
// containers are removed from Docker after the test.
func push(t *testing.T, image v1.Image, tag string, keys authn.Keychain) string {
	t.Helper()
	reference, err := name.NewTag(tag)
	if err == nil {
		err = remote.Write(reference, image, remote.WithAuthFromKeychain(keys))
	}
	if err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	dockertest.Sweep(t, reference.RegistryStr())
	return reference.Context().Digest(digest.String()).String()
}
