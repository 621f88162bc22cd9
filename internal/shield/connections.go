package shield

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// Connections bound how many connections a server holds, and each client that is
// not on this host. One on which nothing is asked makes room for who comes: whoever
// opens many, and asks for nothing, keeps nobody out.
type Connections struct {
	all, each int

	mu      sync.Mutex
	taken   int
	clients map[netip.Addr]int // only those that have any
	waiting *list.List         // *connection on which nothing is asked, the longest first
}

// NewConnections makes room for so many connections in all, and for so many of
// each client.
func NewConnections(all, each int) *Connections {
	return &Connections{all: all, each: each, clients: make(map[netip.Addr]int), waiting: list.New()}
}

// Listen returns a listener that accepts what there is room for, and closes the
// rest. State must be the ConnState of the server that uses it.
func (c *Connections) Listen(l net.Listener) net.Listener { return &boundListener{l, c} }

// State takes note of what becomes of a connection.
func (c *Connections) State(conn net.Conn, state http.ConnState) {
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn()
	}
	held, ok := conn.(*connection)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateActive:
		c.serve(held)
	case http.StateIdle:
		if held.waits == nil && !held.gone {
			held.waits = c.waiting.PushBack(held)
		}
	}
}

// CloseWaiting closes all connections on which nothing is asked. A server that shuts
// down would wait for those that are new, such as browsers open ahead of time.
func (c *Connections) CloseWaiting() {
	c.mu.Lock()
	var leavers []*connection
	for e := c.waiting.Front(); e != nil; e = c.waiting.Front() {
		held := e.Value.(*connection)
		c.forget(held)
		leavers = append(leavers, held)
	}
	c.mu.Unlock()
	for _, leaver := range leavers {
		_ = leaver.Conn.Close() // it is forgotten already
	}
}

// serve takes a connection from those on which nothing is asked.
func (c *Connections) serve(held *connection) {
	if held.waits != nil {
		c.waiting.Remove(held.waits)
		held.waits = nil
	}
}

// enter finds room for a connection; false if there is none. It returns another
// that has to make room and be closed, nil if none has to.
func (c *Connections) enter(held *connection) (leaver *connection, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.clients[held.client] >= c.each && !held.client.IsLoopback():
		leaver = c.longest(func(other *connection) bool { return other.client == held.client })
		ok = leaver != nil
	case c.taken >= c.all:
		leaver = c.longest(func(*connection) bool { return true })
		ok = leaver != nil
	default:
		ok = true
	}
	if !ok {
		return nil, false
	}
	if leaver != nil {
		c.forget(leaver)
	}
	c.taken++
	c.clients[held.client]++
	held.waits = c.waiting.PushBack(held)
	return leaver, true
}

// longest returns the connection on which nothing was asked for longest, of those
// that match; nil if there is none.
func (c *Connections) longest(match func(*connection) bool) *connection {
	for e := c.waiting.Front(); e != nil; e = e.Next() {
		if held := e.Value.(*connection); match(held) {
			return held
		}
	}
	return nil
}

func (c *Connections) forget(held *connection) {
	if held.gone {
		return
	}
	held.gone = true
	c.serve(held)
	c.taken--
	if c.clients[held.client]--; c.clients[held.client] == 0 {
		delete(c.clients, held.client)
	}
}

// boundListener accepts what there is room for.
type boundListener struct {
	net.Listener
	connections *Connections
}

// Accept implements net.Listener.
func (l *boundListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		held := &connection{Conn: conn, connections: l.connections, client: clientAt(conn.RemoteAddr().String())}
		leaver, ok := l.connections.enter(held)
		if leaver != nil {
			_ = leaver.Conn.Close() // it is forgotten already
		}
		if ok {
			return held, nil
		}
		_ = conn.Close()
	}
}

// connection is one that takes room until it is closed.
type connection struct {
	net.Conn
	connections *Connections
	client      netip.Addr
	waits       *list.Element // nil: it is served
	gone        bool
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.connections.mu.Lock()
	c.connections.forget(c)
	c.connections.mu.Unlock()
	return c.Conn.Close()
}
