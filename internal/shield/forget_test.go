package shield

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Nothing is kept of clients that have left.
func TestPlacesForget(t *testing.T) {
	t.Parallel()
	p := NewPlaces("streams", 4, 2)
	for range 2 {
		release, err := p.Take(httptest.NewRequest(http.MethodGet, "/", nil))
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
	if len(p.clients) != 0 || p.taken != 0 {
		t.Errorf("%d taken by %v", p.taken, p.clients)
	}
}

// A connection leaves once, whoever closes it, how often, and whatever the server
// says of it later.
func TestConnectionsForget(t *testing.T) {
	t.Parallel()
	c := NewConnections(2, 2)
	enter := func() *connection {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { _ = theirs.Close() })
		held := &connection{Conn: ours, connections: c, client: clientAt("192.0.2.7:1")}
		if _, ok := c.enter(held); !ok {
			t.Fatal("there is no room")
		}
		return held
	}
	first, second, third := enter(), enter(), enter()
	if !first.gone || second.gone || c.taken != 2 {
		t.Fatalf("%d are taken", c.taken)
	}
	c.State(first, http.StateActive)
	c.State(first, http.StateIdle)
	for _, held := range []*connection{first, second, third, third} {
		_ = held.Close()
		c.State(held, http.StateIdle)
	}
	if c.taken != 0 || len(c.clients) != 0 || c.waiting.Len() != 0 {
		t.Errorf("%d taken by %v, %d wait", c.taken, c.clients, c.waiting.Len())
	}
}
