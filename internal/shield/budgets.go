package shield

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is how many requests a client may send: so many a second in the long run,
// and so many at once. The zero Rate is no bound.
type Rate struct {
	PerSecond float64
	Burst     int
}

// maxClients is how many clients are remembered, twice. One that is forgotten
// begins anew.
const maxClients = 4096

// budgets are what each client may still ask for.
type budgets struct {
	rate Rate

	mu      sync.Mutex
	clients *recent[netip.Addr, *rate.Limiter]
}

func newBudgets(r Rate) *budgets {
	return &budgets{rate: r, clients: newRecent[netip.Addr, *rate.Limiter](maxClients)}
}

// take takes one request from a client's budget, or returns how long the client
// has to wait for one. Clients on this host have no bound: they could take its
// processors anyway, and proxies, whose clients can't be told apart, are there.
func (b *budgets) take(client netip.Addr) time.Duration {
	if b.rate == (Rate{}) || client.IsLoopback() {
		return 0
	}
	limiter := b.of(client)
	if limiter.Allow() {
		return 0
	}
	return b.untilNext(limiter)
}

func (b *budgets) of(client netip.Addr) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	limiter, ok := b.clients.get(client)
	if !ok {
		limiter = rate.NewLimiter(rate.Limit(b.rate.PerSecond), b.rate.Burst)
		b.clients.put(client, limiter)
	}
	return limiter
}

// untilNext is how long an empty budget takes to have a request again, in whole
// seconds, at least one.
func (b *budgets) untilNext(limiter *rate.Limiter) time.Duration {
	missing := (1 - limiter.Tokens()) / b.rate.PerSecond
	return max(time.Second, time.Duration(missing+0.999)*time.Second)
}
