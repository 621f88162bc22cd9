package app

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
	if err := connection.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
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

func TestSlowBodiesMayGoOn(t *testing.T) {
	t.Parallel()
	const limit, parts = 400 * time.Millisecond, 8
	server := httptest.NewServer(boundBody(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n, err)
	}), limit, true))
	t.Cleanup(server.Close)
	reader, writer := io.Pipe()
	go func() {
		ticker := time.NewTicker(limit / 4)
		defer ticker.Stop()
		for range parts { // twice the limit in all
			<-ticker.C
			_, _ = io.WriteString(writer, "x")
		}
		_ = writer.Close()
	}()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL, reader)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	line, _ := bufio.NewReader(response.Body).ReadString(0)
	if line != fmt.Sprint(parts, nil) {
		t.Errorf("answer is %q", line)
	}
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
