package docker_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/graftplatform/graft/internal/dockertest"
)

// proxy stands between a driver and the Docker Engine: it counts requests, and
// it can go away and come back.
type proxy struct {
	t      *testing.T
	socket string
	next   http.Handler

	mu       sync.Mutex
	requests []string // method and path without the version
	server   *http.Server
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	host := dockertest.Client(t).DaemonHost()
	scheme, address, _ := strings.Cut(host, "://")
	reverse := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	reverse.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, scheme, address)
	}}
	reverse.FlushInterval = -1
	reverse.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	// A short path: those of sockets are limited.
	p := &proxy{t: t, socket: filepath.Join(t.TempDir(), "s"), next: reverse}
	t.Cleanup(p.stop)
	return p
}

func (p *proxy) host() string { return "unix://" + p.socket }

func (p *proxy) start() {
	p.t.Helper()
	l, err := net.Listen("unix", p.socket)
	if err != nil {
		p.t.Fatal(err)
	}
	server := &http.Server{Handler: p}
	p.mu.Lock()
	p.server = server
	p.mu.Unlock()
	go func() { _ = server.Serve(l) }()
}

func (p *proxy) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		_ = p.server.Close()
		p.server = nil
	}
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if strings.HasPrefix(path, "/v1.") {
		path = path[strings.Index(path[1:], "/")+1:]
	}
	p.mu.Lock()
	p.requests = append(p.requests, r.Method+" "+path)
	p.mu.Unlock()
	defer func() { // a client that leaves ends the copying this way
		if err, _ := recover().(error); err != nil && !errors.Is(err, http.ErrAbortHandler) {
			panic(err)
		}
	}()
	p.next.ServeHTTP(w, r)
}

// count returns how many requests since the last call contained text.
func (p *proxy) count(text string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, r := range p.requests {
		if strings.Contains(r, text) {
			n++
		}
	}
	p.requests = nil
	return n
}

// oldEngine answers as a Docker Engine whose API has that version.
func oldEngine(version func() string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", version())
		if strings.HasSuffix(r.URL.Path, "/version") {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"Version":"x","Os":"linux","Arch":"arm"}`)
		}
	})
}
