package probe_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/probe"
)

const localhost = "127.0.0.1"

// serve answers requests on a free port, which it returns.
func serve(t *testing.T, handler http.HandlerFunc) uint16 {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return portOf(server.Listener)
}

func portOf(l net.Listener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// closedPort is one that nobody listens on, and that the system gives to nobody: one
// that was listened on may be another's the next moment.
const closedPort = 1

func check(t *testing.T, p graft.Probe, addresses ...string) error {
	t.Helper()
	return probe.Check(t.Context(), addresses, &p)
}

// wantError wants an error with these texts, which may be a prefix and more.
func wantError(t *testing.T, err error, texts ...string) {
	t.Helper()
	if graft.ErrorCode(err) != graft.CodeUnavailable {
		t.Fatalf("error %v; want CodeUnavailable", err)
	}
	for _, text := range texts {
		if !strings.Contains(graft.ErrorMessage(err), text) {
			t.Errorf("error %q lacks %q", err, text)
		}
	}
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	port := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.RequestURI() {
		case "/":
		case "/health?full=%20":
			w.WriteHeader(http.StatusNoContent)
		case "/moved":
			http.Redirect(w, r, "/broken", http.StatusFound)
		case "/broken":
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, "warming\n\x1b[31m up: %s", strings.Repeat("ä", 1000))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	at := func(path string, status int) graft.Probe {
		return graft.Probe{HTTP: &graft.HTTPProbe{Port: port, Path: path, Status: status}}
	}
	for _, good := range []graft.Probe{at("", 0), at("/", 200), at("/health?full=%20", 204), at("/moved", 0), at("/moved", 302), at("/broken", 503)} {
		if err := check(t, good, localhost); err != nil {
			t.Errorf("%+v: %v", good.HTTP, err)
		}
	}
	wantError(t, check(t, at("/none", 0), localhost), fmt.Sprintf("GET http://127.0.0.1:%d/none: answered 404", port))
	wantError(t, check(t, at("/moved", 200), localhost), "/moved: answered 302, not 200")
	broken := check(t, at("/broken", 0), localhost)
	wantError(t, broken, "/broken: answered 503: warming [31m up: ää")
	if n := len(broken.Error()); n > 200 {
		t.Errorf("the error is %d bytes long", n)
	}
	if check(t, at("/health?full=%20", 200), localhost) == nil {
		t.Error("204 passes for 200")
	}
}

func TestHTTPWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	at := func(port uint16) graft.Probe { return graft.Probe{HTTP: &graft.HTTPProbe{Port: port, Path: "/health"}} }
	wantError(t, check(t, at(closedPort), localhost), "GET http://127.0.0.1:1/health: connection refused")
	hangsUp := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	wantError(t, check(t, at(hangsUp), localhost), "closed without an answer")

	l := listen(t, localhost+":0")
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			// After the request, or the client may not take it for an answer.
			_, _ = conn.Read(make([]byte, 4096))
			fmt.Fprintf(conn, "SSH-2.0-\x07%s\r\n", strings.Repeat("x", 1000))
			conn.Close()
		}
	}()
	noise := check(t, at(portOf(l)), localhost)
	wantError(t, noise, "malformed HTTP")
	if n := len(noise.Error()); n > 200 {
		t.Errorf("the error is %d bytes long", n)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	silent := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }) // Check went away
	p := graft.Probe{HTTP: &graft.HTTPProbe{Port: silent}}
	wantError(t, probe.Check(ctx, []string{localhost}, &p), "no answer in time")

	ctx, cancel = context.WithCancel(t.Context())
	p.HTTP.Port = serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	wantError(t, probe.Check(ctx, []string{localhost, localhost}, &p), "canceled")
}

func TestEndlessBodyIsNotRead(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	port := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusTeapot)
		}
		for {
			n, err := w.Write(make([]byte, 64<<10))
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	})
	for path, good := range map[string]bool{"/good": true, "/bad": false} {
		err := check(t, graft.Probe{HTTP: &graft.HTTPProbe{Port: port, Path: path}}, localhost)
		if (err == nil) != good {
			t.Errorf("%s: %v", path, err)
		}
	}
	if n := sent.Load(); n > 64<<20 {
		t.Errorf("%d bytes were sent", n)
	}
}

func TestConnectionsEnd(t *testing.T) {
	t.Parallel()
	var open atomic.Int64
	closed := make(chan struct{}, 3)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if !r.Close {
			t.Error("the request wants the connection kept")
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			closed <- struct{}{}
		default:
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	for range 3 {
		if err := check(t, graft.Probe{HTTP: &graft.HTTPProbe{Port: portOf(server.Listener)}}, localhost); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		<-closed
	}
	if n := open.Load(); n != 3 {
		t.Errorf("%d connections for 3 requests", n)
	}
}

func TestTCP(t *testing.T) {
	t.Parallel()
	l := listen(t, localhost+":0")
	if err := check(t, graft.Probe{TCP: &graft.TCPProbe{Port: portOf(l)}}, localhost); err != nil {
		t.Error(err)
	}
	wantError(t, check(t, graft.Probe{TCP: &graft.TCPProbe{Port: closedPort}}, localhost, "::1"),
		"TCP 127.0.0.1:1: connection refused; TCP [::1]:1: ")
}

func TestAnyAddressWill(t *testing.T) {
	t.Parallel()
	l := listen(t, "127.0.0.2:0")
	p := graft.Probe{TCP: &graft.TCPProbe{Port: portOf(l)}}
	if err := check(t, p, "127.0.0.3", "127.0.0.2"); err != nil {
		t.Error(err)
	}
	wantError(t, check(t, p, "127.0.0.3", "127.0.0.4"), "TCP 127.0.0.3:", "; TCP 127.0.0.4:")
}

func TestNothingToAsk(t *testing.T) {
	t.Parallel()
	wantError(t, check(t, graft.Probe{TCP: &graft.TCPProbe{Port: 1}}), "no address")
	wantError(t, check(t, graft.Probe{}, localhost), "neither http nor tcp")
	wantError(t, check(t, graft.Probe{HTTP: &graft.HTTPProbe{Port: 1, Path: "health"}}, localhost), "not a path")
}

func BenchmarkHTTP(b *testing.B) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	p := &graft.Probe{HTTP: &graft.HTTPProbe{Port: portOf(server.Listener), Status: http.StatusNotFound}}
	for b.Loop() {
		if err := probe.Check(b.Context(), []string{localhost}, p); err != nil {
			b.Fatal(err)
		}
	}
}
