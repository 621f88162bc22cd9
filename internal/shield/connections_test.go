package shield_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/graftplatform/graft/internal/shield"
)

// holding starts a server with that much room, whose answers to /held wait until
// release is closed; begun tells of each that waits.
func holding(t *testing.T, encrypted bool, all, each int) (server *httptest.Server, begun, release chan struct{}, connections *shield.Connections) {
	t.Helper()
	begun, release = make(chan struct{}), make(chan struct{})
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			begun <- struct{}{}
			<-release
		}
	}))
	connections = shield.NewConnections(all, each)
	server.Listener = connections.Listen(server.Listener)
	server.Config.ConnState = connections.State
	if encrypted {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server, begun, release, connections
}

// open connects to a server and asks nothing.
func open(t *testing.T, server *httptest.Server) net.Conn {
	t.Helper()
	return dial(t, server.Listener)
}

func dial(t *testing.T, listener net.Listener) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// asks is whether a server answers on a connection.
func asks(t *testing.T, conn net.Conn) bool {
	t.Helper()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return false
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return true
}

// closed waits until a server has closed a connection.
func closed(t *testing.T, conn net.Conn) {
	t.Helper()
	var timeout net.Error
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection is kept: %v", err)
	}
}

// Connections on which nothing is asked make room for who comes, new ones and such
// that were answered before; those that are served stay.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	t.Parallel()
	server, begun, release, _ := holding(t, false, 3, 3)
	served := open(t, server)
	if _, err := io.WriteString(served, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-begun
	answered := open(t, server)
	if !asks(t, answered) {
		t.Fatal("the second is not answered")
	}
	idle := open(t, server)
	for range 5 {
		if !asks(t, open(t, server)) {
			t.Error("who comes is kept out")
		}
	}
	closed(t, answered)
	closed(t, idle)
	close(release)
	if response, err := http.ReadResponse(bufio.NewReader(served), nil); err != nil {
		t.Errorf("who is served was cut off: %v", err)
	} else {
		_ = response.Body.Close()
	}
}

// A server that shuts down does not wait for connections on which nothing is asked.
func TestCloseWaiting(t *testing.T) {
	t.Parallel()
	server, begun, release, connections := holding(t, false, 9, 9)
	server.Config.RegisterOnShutdown(connections.CloseWaiting)
	served, answered, idle := open(t, server), open(t, server), open(t, server)
	if _, err := io.WriteString(served, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-begun
	if !asks(t, answered) {
		t.Fatal("the second is not answered")
	}
	begin, ended := time.Now(), make(chan error, 1)
	go func() { ended <- server.Config.Shutdown(t.Context()) }()
	closed(t, answered)
	closed(t, idle)
	close(release)
	response, err := http.ReadResponse(bufio.NewReader(served), nil)
	if err != nil {
		t.Fatalf("who is served was cut off: %v", err)
	}
	_ = response.Body.Close()
	if err := <-ended; err != nil || time.Since(begin) > 4*time.Second { // it waits five for those that are new
		t.Errorf("it took %v: %v", time.Since(begin), err)
	}
}

// While all are being served, who comes is turned away; with TLS, too.
func TestNoRoomAtAll(t *testing.T) {
	t.Parallel()
	server, begun, release, _ := holding(t, true, 2, 2)
	done := make(chan error)
	for range 2 {
		go func() {
			client := &http.Client{Transport: server.Client().Transport.(*http.Transport).Clone()}
			defer client.CloseIdleConnections()
			response, err := client.Get(server.URL + "/held")
			if err == nil {
				_ = response.Body.Close()
			}
			done <- err
		}()
		<-begun
	}
	closed(t, open(t, server))
	close(release)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// elsewhere is a listener whose clients seem to come from those addresses, one
// after the other.
type elsewhere struct {
	net.Listener
	clients []string
}

func (l *elsewhere) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	client := l.clients[0]
	l.clients = l.clients[1:]
	return &stranger{conn, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client))}, nil
}

// stranger is a connection from elsewhere.
type stranger struct {
	net.Conn
	remote net.Addr
}

func (s *stranger) RemoteAddr() net.Addr { return s.remote }

// A client that has its share gets more only for what it does not use itself.
func TestClientsHaveShares(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	clients := []string{there, here, there, "192.0.2.7:1", "[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", here, here}
	connections := shield.NewConnections(9, 2)
	bound := connections.Listen(&elsewhere{listener, clients})
	var ours, theirs []net.Conn
	for range clients {
		ours = append(ours, dial(t, listener))
		accepted, err := bound.Accept()
		if err != nil {
			t.Fatal(err)
		}
		theirs = append(theirs, accepted)
	}
	first := func(i int) bool { return i == 0 || i == 4 } // of a client that opened a third one
	for i := range clients {
		if first(i) {
			closed(t, ours[i])
		}
		if _, err := theirs[i].Write([]byte("x")); (err != nil) != first(i) {
			t.Errorf("connection %d of %s: %v", i, clients[i], err)
		}
	}
}
