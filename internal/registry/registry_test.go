package registry_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/graftplatform/graft/internal/registry"
)

// server is a registry that can be restarted under the same address.
type server struct {
	*httptest.Server
	dir     string
	host    string
	handler atomic.Pointer[registry.Registry]
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{dir: t.TempDir()}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handler.Load().ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	s.host = strings.TrimPrefix(s.URL, "http://")
	s.restart(t)
	return s
}

// restart has a new registry take over the directory, as after a crash.
func (s *server) restart(t *testing.T) {
	t.Helper()
	r, err := registry.New(s.dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	s.handler.Store(r)
}

// call makes a request and returns the response with its body read.
func (s *server) call(t *testing.T, method, path string, body []byte, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(content)
}

// want calls and checks the status and, for errors, the code.
func (s *server) want(t *testing.T, status int, code, method, path string, body []byte, header ...string) *http.Response {
	t.Helper()
	response, content := s.call(t, method, path, body, header...)
	if response.StatusCode != status || !strings.Contains(content, code) {
		t.Fatalf("%s %s: status %d, body %q; want %d %s", method, path, response.StatusCode, content, status, code)
	}
	return response
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (s *server) files(t *testing.T, sub string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(s.dir, sub), func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (s *server) ref(t *testing.T, reference string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(s.host + "/" + reference)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestImageSurvivesARestart(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	image, err := random.Image(1<<16, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(s.ref(t, "acme/web:1.0"), image); err != nil {
		t.Fatal(err)
	}
	s.restart(t)
	want, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, reference := range []string{"acme/web:1.0", "acme/web@" + want.String()} {
		got, err := remote.Get(s.ref(t, reference))
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest != want {
			t.Errorf("%s is %s, want %s", reference, got.Digest, want)
		}
		pulled, err := got.Image()
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(pulled); err != nil {
			t.Error(err)
		}
	}
	if left := s.files(t, "uploads"); len(left) > 0 {
		t.Errorf("uploads left: %v", left)
	}
}

func TestIndexSurvivesARestart(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	index, err := random.Index(1024, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(s.ref(t, "acme/multi:1"), index); err != nil {
		t.Fatal(err)
	}
	s.restart(t)
	pulled, err := remote.Index(s.ref(t, "acme/multi:1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(pulled); err != nil {
		t.Fatal(err)
	}
}

func TestListsAndDeletion(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	image, err := random.Image(10, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, reference := range []string{"b/x:2", "b/x:1", "b/x:3", "b:1", "a-b_c.d/e:latest"} {
		if err := remote.Write(s.ref(t, reference), image); err != nil {
			t.Fatal(err)
		}
	}
	list := func(path, want string) *http.Response {
		t.Helper()
		response, body := s.call(t, http.MethodGet, path, nil)
		if body != want {
			t.Errorf("%s: %s, want %s", path, body, want)
		}
		return response
	}
	list("/v2/_catalog", `{"repositories":["a-b_c.d/e","b","b/x"]}`)
	list("/v2/_catalog?n=1&last=a-b_c.d/e", `{"repositories":["b"]}`)
	list("/v2/b/x/tags/list", `{"name":"b/x","tags":["1","2","3"]}`)
	response := list("/v2/b/x/tags/list?n=2", `{"name":"b/x","tags":["1","2"]}`)
	if link := response.Header.Get("Link"); link != `</v2/b/x/tags/list?last=2&n=2>; rel="next"` {
		t.Errorf("link is %s", link)
	}
	list("/v2/b/x/tags/list?n=2&last=2", `{"name":"b/x","tags":["3"]}`)
	list("/v2/b/x/tags/list?n=0", `{"name":"b/x","tags":[]}`)
	s.want(t, 400, "PAGINATION_NUMBER_INVALID", "GET", "/v2/b/x/tags/list?n=x", nil)
	s.want(t, 404, "NAME_UNKNOWN", "GET", "/v2/nobody/tags/list", nil)
	s.want(t, 404, "NAME_UNKNOWN", "GET", "/v2/a-b_c.d/tags/list", nil) // there is a-b_c.d/e only

	sum, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	s.want(t, 202, "", "DELETE", "/v2/b/x/manifests/2", nil)
	s.want(t, 404, "MANIFEST_UNKNOWN", "DELETE", "/v2/b/x/manifests/2", nil)
	s.restart(t)
	list("/v2/b/x/tags/list", `{"name":"b/x","tags":["1","3"]}`)
	s.want(t, 202, "", "DELETE", "/v2/b/x/manifests/"+sum.String(), nil)
	list("/v2/b/x/tags/list", `{"name":"b/x","tags":[]}`)
	s.want(t, 404, "MANIFEST_UNKNOWN", "GET", "/v2/b/x/manifests/1", nil)
	s.want(t, 404, "", "HEAD", "/v2/b/x/manifests/"+sum.String(), nil)
	s.want(t, 200, "", "GET", "/v2/b/manifests/1", nil) // another repository's
}

func TestChunkedUpload(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	content := []byte("hello, chunks")
	at := s.want(t, 202, "", "POST", "/v2/acme/web/blobs/uploads/", nil).Header.Get("Location")
	response := s.want(t, 202, "", "PATCH", at, content[:5], "Content-Range", "0-4")
	if got := response.Header.Get("Range"); got != "0-4" {
		t.Errorf("range is %s", got)
	}
	s.want(t, 416, "BLOB_UPLOAD_INVALID", "PATCH", at, content[:5], "Content-Range", "0-4")
	s.want(t, 416, "BLOB_UPLOAD_INVALID", "PATCH", at, content[5:], "Content-Range", "nonsense")
	if got := s.want(t, 204, "", "GET", at, nil).Header.Get("Range"); got != "0-4" {
		t.Errorf("range is %s", got)
	}
	s.want(t, 202, "", "PATCH", at, content[5:8])
	s.want(t, 201, "", "PUT", at+"?digest="+digest(content), content[8:])
	s.want(t, 404, "BLOB_UPLOAD_UNKNOWN", "PATCH", at, content)

	blob := "/v2/acme/web/blobs/" + digest(content)
	_, body := s.call(t, http.MethodGet, blob, nil)
	if body != string(content) {
		t.Errorf("content is %q", body)
	}
	response, body = s.call(t, http.MethodGet, blob, nil, "Range", "bytes=7-")
	if body != "chunks" || response.StatusCode != http.StatusPartialContent {
		t.Errorf("status %d, content %q", response.StatusCode, body)
	}
	response = s.want(t, 200, "", "HEAD", blob, nil)
	if response.ContentLength != int64(len(content)) || response.Header.Get("Docker-Content-Digest") != digest(content) {
		t.Errorf("headers are %v", response.Header)
	}
}

func TestUploadsInOneRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	content := []byte("all at once")
	s.want(t, 201, "", "POST", "/v2/a/blobs/uploads/?digest="+digest(content), content)
	s.want(t, 201, "", "POST", "/v2/b/blobs/uploads/?from=a&mount="+digest(content), nil)
	s.want(t, 202, "", "POST", "/v2/b/blobs/uploads/?from=a&mount="+digest([]byte("other")), nil)
	s.want(t, 200, "", "GET", "/v2/b/blobs/"+digest(content), nil)
}

func TestWrongDigestLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.want(t, 400, "DIGEST_INVALID", "POST", "/v2/a/blobs/uploads/?digest="+digest([]byte("right")), []byte("wrong"))
	s.want(t, 400, "DIGEST_INVALID", "POST", "/v2/a/blobs/uploads/?digest=../../x", []byte("wrong"))
	at := s.want(t, 202, "", "POST", "/v2/a/blobs/uploads/", nil).Header.Get("Location")
	s.want(t, 204, "", "DELETE", at, nil)
	s.want(t, 404, "BLOB_UPLOAD_UNKNOWN", "PUT", at+"?digest="+digest(nil), nil)
	if files := s.files(t, "."); len(files) > 0 {
		t.Errorf("files left: %v", files)
	}
}

func TestUploadInOneRequestThatBreaksLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v2/a/blobs/uploads/?digest="+digest([]byte("whole")),
		io.MultiReader(strings.NewReader("half"), brokenReader{}))
	response := httptest.NewRecorder()
	s.handler.Load().ServeHTTP(response, request)
	if response.Code < 400 {
		t.Errorf("status is %d", response.Code)
	}
	if files := s.files(t, "."); len(files) > 0 {
		t.Errorf("files left: %v", files)
	}
}

func TestUploadThatStopsCanGoOn(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at := s.want(t, 202, "", "POST", "/v2/a/blobs/uploads/", nil).Header.Get("Location")
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPatch, at,
		io.MultiReader(strings.NewReader("half"), iotest.ErrReader(os.ErrDeadlineExceeded)))
	response := httptest.NewRecorder()
	s.handler.Load().ServeHTTP(response, request)
	if response.Code != http.StatusBadRequest || !strings.Contains(response.Body.String(), "stopped arriving") {
		t.Errorf("%d %s", response.Code, response.Body)
	}
	s.want(t, 202, "", "PATCH", at, []byte(" more"), "Content-Range", "4-8")
	s.want(t, 201, "", "PUT", at+"?digest="+digest([]byte("half more")), nil)
}

// Nobody takes all files of the process by beginning uploads.
func TestUploadsAreBounded(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for range 256 {
		s.want(t, 202, "", "POST", "/v2/a/blobs/uploads/", nil)
	}
	s.want(t, 429, "TOOMANYREQUESTS", "POST", "/v2/a/blobs/uploads/", nil)
}

func TestUploadsEndWithARestart(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	at := s.want(t, 202, "", "POST", "/v2/a/blobs/uploads/", nil).Header.Get("Location")
	s.want(t, 202, "", "PATCH", at, []byte("half"))
	if err := s.handler.Load().Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "uploads", "of-a-crash"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.restart(t)
	s.want(t, 404, "BLOB_UPLOAD_UNKNOWN", "PATCH", at, nil)
	if left := s.files(t, "uploads"); len(left) > 0 {
		t.Errorf("uploads left: %v", left)
	}
}

func TestBrokenUploadGoesOn(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	// Once the first part breaks off, the registry has yet to notice.
	ended := make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		s.handler.Load().ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	content := bytes.Repeat([]byte("0123456789"), 10_000)
	at := s.want(t, 202, "", "POST", "/v2/a/blobs/uploads/", nil).Header.Get("Location")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, front.URL+at,
		io.MultiReader(bytes.NewReader(content[:40_000]), brokenReader{}))
	if err != nil {
		t.Fatal(err)
	}
	if response, err := http.DefaultTransport.RoundTrip(request); err == nil {
		_ = response.Body.Close()
	}
	<-ended
	var have int
	value := s.want(t, 204, "", "GET", at, nil).Header.Get("Range")
	if _, err := fmt.Sscanf(value, "0-%d", &have); err != nil {
		t.Fatalf("range is %q: %v", value, err)
	}
	if have == 0 {
		t.Fatal("nothing is kept of the first part")
	}
	have++
	s.want(t, 202, "", "PATCH", at, content[have:], "Content-Range", fmt.Sprintf("%d-%d", have, len(content)-1))
	s.want(t, 201, "", "PUT", at+"?digest="+digest(content), nil)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestManyPushesAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	image, err := random.Image(1<<14, 2)
	if err != nil {
		t.Fatal(err)
	}
	const n = 8
	var wg sync.WaitGroup
	for i := range n {
		ref := s.ref(t, fmt.Sprintf("acme/web:%d", i))
		wg.Go(func() {
			if err := remote.Write(ref, image); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var list struct{ Tags []string }
	_, body := s.call(t, http.MethodGet, "/v2/acme/web/tags/list", nil)
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Tags) != n || !slices.IsSorted(list.Tags) {
		t.Errorf("tags are %s (%v)", body, err)
	}
	if left := s.files(t, "uploads"); len(left) > 0 {
		t.Errorf("uploads left: %v", left)
	}
}

func TestUnusableDirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.New(filepath.Join(file, "registry"), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("error is %v", err)
	}
}
