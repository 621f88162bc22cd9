package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// announce sends a request whose body is announced but never comes, and returns
// what is answered before the connection is closed.
func announce(t *testing.T, server *httptest.Server, head string) string {
	t.Helper()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, head); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(connection)
	if err != nil {
		t.Errorf("%q: the connection is kept: %v", head, err)
	}
	return string(answer)
}

func TestBodiesThatNeverComeHoldNothing(t *testing.T) {
	t.Parallel()
	ignore := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	read := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	for name, handler := range map[string]http.Handler{
		"ignored":        boundBody(ignore, 50*time.Millisecond, false),
		"read":           boundBody(read, 50*time.Millisecond, false),
		"slow":           boundBody(read, 50*time.Millisecond, true),
		"slow, not read": boundBody(ignore, 50*time.Millisecond, true),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(handler)
			t.Cleanup(server.Close)
			for _, body := range []string{"Content-Length: 100\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"} {
				if answer := announce(t, server, "POST / HTTP/1.1\r\nHost: x\r\n"+body); !strings.HasPrefix(answer, "HTTP/1.1 418") {
					t.Errorf("answer is %q", answer)
				}
			}
		})
	}
}

// pipes is a listener whose connections are in memory, so that it can live in a
// bubble, where nobody is late.
type pipes struct {
	conns chan net.Conn
	ended chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

func (p *pipes) Close() error {
	close(p.ended)
	return nil
}

// servedInMemory returns a client of a server of a bubble, whatever it asks for.
func servedInMemory(t *testing.T, handler http.Handler) *http.Client {
	t.Helper()
	listener := &pipes{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		listener.conns <- theirs
		return ours, nil
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	})
	return &http.Client{Transport: transport}
}

func TestSlowBodiesMayGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit, parts = 400 * time.Millisecond, 8
		client := servedInMemory(t, boundBody(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			_, _ = fmt.Fprint(w, n, err)
		}), limit, true))
		reader, writer := io.Pipe()
		go func() {
			for range parts { // twice the limit in all
				time.Sleep(limit / 4)
				_, _ = io.WriteString(writer, "x")
			}
			_ = writer.Close()
		}()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://memory.test", reader)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		line, _ := bufio.NewReader(response.Body).ReadString(0)
		if line != fmt.Sprint(parts, nil) {
			t.Errorf("answer is %q", line)
		}
	})
}

// What has no body is not bounded: long polls wait longer than bodies may take.
func TestRequestsWithoutBodyAreNotBounded(t *testing.T) {
	t.Parallel()
	const limit = 50 * time.Millisecond
	server := httptest.NewServer(boundBody(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(4 * limit):
			w.WriteHeader(http.StatusTeapot)
		}
	}), limit, false))
	t.Cleanup(server.Close)
	response, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusTeapot {
		t.Errorf("status is %d", response.StatusCode)
	}
}

// Who asks for a large file and does not read it loses the connection; who reads
// slowly gets it all.
func TestAnswersMayGoOn(t *testing.T) {
	t.Parallel()
	const size = 16 << 20
	file := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		written := make(chan struct{}, 1)
		limit := 300 * time.Millisecond
		client := servedInMemory(t, boundAnswer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, file)
			written <- struct{}{}
		}), limit))
		get := func() *http.Response {
			response, err := client.Get("http://memory.test")
			if err != nil {
				t.Fatal(err)
			}
			return response
		}
		lazy := get()
		defer func() { _ = lazy.Body.Close() }()
		begin := time.Now()
		<-written
		if took := time.Since(begin); took != limit {
			t.Errorf("who does not read has %s", took)
		}
		slow := get()
		defer func() { _ = slow.Body.Close() }()
		var n int64
		for range 8 { // twice the limit in all
			time.Sleep(limit / 4)
			part, err := io.CopyN(io.Discard, slow.Body, size/16)
			if err != nil {
				t.Fatal(err)
			}
			n += part
		}
		rest, err := io.Copy(io.Discard, slow.Body)
		if err != nil || n+rest != size {
			t.Errorf("%d of %d bytes, %v", n+rest, size, err)
		}
	})
}

func TestServersBoundBodies(t *testing.T) {
	t.Parallel()
	for role, limit := range map[string]time.Duration{
		RoleMarketplace: bodyTime, RoleEngine: bodyTime, RoleDashboard: bodyTime, roleRegistry: bodyPause,
	} {
		var got io.ReadCloser
		s := newHTTPServer(role, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Body }), slog.New(slog.DiscardHandler))
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		s.Handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("x")))
		if left := time.Until(w.read); left < limit/2 || left > limit {
			t.Errorf("%s: the body has %s", role, left)
		}
		if _, slow := got.(*boundedBody); slow != (role == roleRegistry) {
			t.Errorf("%s: the body is a %T", role, got)
		}
	}
}

func TestServersBoundConnections(t *testing.T) {
	t.Parallel()
	for _, role := range []string{RoleMarketplace, RoleEngine, RoleDashboard, roleRegistry} {
		s := newHTTPServer(role, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
		if s.ReadHeaderTimeout != 10*time.Second || s.IdleTimeout != 2*time.Minute || s.MaxHeaderBytes != 64<<10 || (s.WriteTimeout == 0) != (role == roleRegistry) {
			t.Errorf("%s: %+v", role, s)
		}
		listener, err := listen(t.Context(), role, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		running := &server{role: role, listener: listener, http: s}
		ended := make(chan error, 1)
		go func() { ended <- running.serve() }()
		response, err := http.Get(running.url())
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if s.ConnState == nil {
			t.Errorf("%s: nobody looks at its connections", role)
		}
		_ = s.Close()
		<-ended
	}
}

// deadlines remembers the deadline that a handler set.
type deadlines struct {
	*httptest.ResponseRecorder
	read time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error { d.read = at; return nil }
