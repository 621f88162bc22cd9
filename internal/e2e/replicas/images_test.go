package replicas_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/graftplatform/graft/internal/registrytest"
)

// images is a registry that has an image of every name, counts who asks for it,
// and may let everybody wait.
type images struct {
	host string
	real http.Handler

	mu    sync.Mutex
	count map[string]int // requests by name
	gate  chan struct{}  // closed: nobody waits
}

const stored = "stored" // the one image that there is

func newImages(t *testing.T) *images {
	t.Helper()
	r := &images{
		real:  registry.New(registry.Logger(log.New(io.Discard, "", 0))),
		count: map[string]int{}, gate: make(chan struct{}),
	}
	close(r.gate)
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	registrytest.Push(t, r.host+"/"+stored+":1", registrytest.Image(t, "linux/amd64"))
	t.Cleanup(r.open) // else the server waits for those that wait
	return r
}

// ServeHTTP implements http.Handler.
func (r *images) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	called, rest, found := strings.Cut(strings.TrimPrefix(request.URL.Path, "/v2/"), "/")
	if found && called != stored {
		r.mu.Lock()
		r.count[called]++
		gate := r.gate
		r.mu.Unlock()
		select {
		case <-gate:
		case <-request.Context().Done():
			return
		}
		request.URL.Path = "/v2/" + stored + "/" + rest
	}
	r.real.ServeHTTP(w, request)
}

// open lets all go on that wait, and everybody who comes.
func (r *images) open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.gate:
	default:
		close(r.gate)
	}
}

// close lets everybody wait who comes.
func (r *images) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gate = make(chan struct{})
}

// asked is how many requests there were for an image.
func (r *images) asked(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count[name]
}
