package e2e_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/graftplatform/graft/internal/dockertest"
)

// dockerProxy stands between an engine and Docker, on a socket of its own: it
// knows each call, can be away for a while, and can strike at one call.
type dockerProxy struct {
	t      *testing.T
	socket string
	docker *httputil.ReverseProxy

	mu       sync.Mutex
	server   *http.Server
	serving  chan struct{} // closed when that server has ended
	changing []string      // calls that change something, as METHOD /path
	acts     int           // how many of them were made before the act began
	looks    int           // times that all containers were listed
	looked   chan struct{} // closed and made anew at each of them
	strike   *strike
}

// strike is what happens at the nth changing call of every act.
type strike struct {
	at    int
	after bool // Docker has done it already; else it never hears of it
	hit   func(call string)
	done  bool // in this act
}

// odd is true of every other position, and there either before or after the call.
func (s *strike) odd() bool { return (s.at%2 == 1) != s.after }

func newDockerProxy(t *testing.T) *dockerProxy {
	t.Helper()
	scheme, address, _ := strings.Cut(dockertest.Client(t).DaemonHost(), "://")
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, scheme, address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	reverse := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	reverse.Transport = transport
	reverse.FlushInterval = -1 // answers such as events come bit by bit
	// Where Docker is away, nobody answers, not even the proxy.
	reverse.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	// A short path: those of sockets are limited.
	p := &dockerProxy{t: t, socket: filepath.Join(t.TempDir(), "s"), docker: reverse, looked: make(chan struct{})}
	p.start()
	t.Cleanup(p.stop)
	return p
}

func (p *dockerProxy) host() string { return "unix://" + p.socket }

// start makes Docker reachable.
func (p *dockerProxy) start() {
	p.t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(p.t.Context(), "unix", p.socket)
	if err != nil {
		p.t.Fatal(err)
	}
	server, serving := &http.Server{Handler: p}, make(chan struct{})
	go func() {
		defer close(serving)
		_ = server.Serve(listener)
	}()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.server, p.serving = server, serving
}

// stop cuts all connections and takes no more of them.
func (p *dockerProxy) stop() {
	p.mu.Lock()
	server, serving := p.server, p.serving
	p.server = nil
	p.mu.Unlock()
	if server != nil {
		_ = server.Close()
		<-serving
	}
}

func (p *dockerProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := r.Method + " " + unversioned(r.URL.Path)
	if s := p.note(call); s != nil {
		if s.after {
			p.makeUnheard(r)
		}
		s.hit(call)
		panic(http.ErrAbortHandler)
	}
	p.docker.ServeHTTP(w, r)
}

// makeUnheard makes a call whose answer goes nowhere. Whatever happens to the
// caller, the call is made.
func (p *dockerProxy) makeUnheard(r *http.Request) {
	defer func() {
		if err, _ := recover().(error); err != nil && !errors.Is(err, http.ErrAbortHandler) {
			panic(err)
		}
	}()
	p.docker.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
}

// note takes a call down, and returns the strike if this is its call.
func (p *dockerProxy) note(call string) *strike {
	p.mu.Lock()
	defer p.mu.Unlock()
	if call == "GET /containers/json" {
		p.looks++
		close(p.looked)
		p.looked = make(chan struct{})
	}
	if !changes(call) {
		return nil
	}
	p.changing = append(p.changing, call)
	if p.strike == nil || p.strike.done || len(p.changing)-p.acts != p.strike.at {
		return nil
	}
	p.strike.done = true
	return p.strike
}

// act begins a new act: what follows is struck again, at its own nth call.
func (p *dockerProxy) act() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acts = len(p.changing)
	if p.strike != nil {
		p.strike.done = false
	}
}

// forget starts the list of changing calls anew.
func (p *dockerProxy) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changing, p.acts = nil, 0
}

// made returns the changing calls so far.
func (p *dockerProxy) made() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.changing)
}

// awaitLooks returns once an engine has listed all containers n times more.
func (p *dockerProxy) awaitLooks(ctx context.Context, n int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p.mu.Lock()
	enough := p.looks + n
	for p.looks < enough {
		looked := p.looked
		p.mu.Unlock()
		select {
		case <-looked:
		case <-ctx.Done():
			p.t.Fatalf("the engine has not looked at Docker %d times", n)
		}
		p.mu.Lock()
	}
	p.mu.Unlock()
}

// changes is whether a call to Docker changes anything there.
func changes(call string) bool {
	method, path, _ := strings.Cut(call, " ")
	switch method {
	case http.MethodPut, http.MethodDelete:
		return true
	case http.MethodPost:
		for _, reads := range []string{"/wait", "/attach", "/resize", "/auth"} {
			if strings.HasSuffix(path, reads) {
				return false
			}
		}
		return true
	}
	return false
}

// unversioned returns a path of Docker's API without its version.
func unversioned(path string) string {
	if !strings.HasPrefix(path, "/v1.") {
		return path
	}
	_, rest, _ := strings.Cut(path[1:], "/")
	return "/" + rest
}
