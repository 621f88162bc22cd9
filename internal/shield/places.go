package shield

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/graftplatform/graft"
)

// Places are for requests that are held for long: long polls, streams, answers
// that a slow client reads. Each costs memory as long as its client likes.
type Places struct {
	what      string
	all, each int

	mu      sync.Mutex
	taken   int
	clients map[netip.Addr]int // only those that have any
}

// placesWait is what clients are told to wait when there is no place.
const placesWait = 5 * time.Second

// NewPlaces makes places for so many requests in all, and for so many of each
// client that is not on this host. What says what they are for: "long polls".
func NewPlaces(what string, all, each int) *Places {
	return &Places{what: what, all: all, each: each, clients: make(map[netip.Addr]int)}
}

// Take gives a request a place until the function that it returns is called,
// once. CodeTooMany when its client has too many, CodeUnavailable when all are
// taken; SetRetryAfter knows when to ask again then.
func (p *Places) Take(r *http.Request) (release func(), err error) {
	client := clientOf(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.clients[client] >= p.each && !client.IsLoopback():
		err = graft.Errorf(graft.CodeTooMany, "This client has %d %s open already: close one, or ask again later.", p.each, p.what)
	case p.taken >= p.all:
		err = graft.Errorf(graft.CodeUnavailable, "There are %d %s open, which is all that this server holds: ask again in a moment.", p.all, p.what)
	}
	if err != nil {
		return nil, &laterError{err, placesWait}
	}
	p.taken++
	p.clients[client]++
	return func() { p.release(client) }, nil
}

func (p *Places) release(client netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.clients[client]--; p.clients[client] == 0 {
		delete(p.clients, client)
	}
}
