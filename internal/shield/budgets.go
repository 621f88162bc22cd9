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
	clients *recent[budgetKey, *rate.Limiter]
}

// budgetKey is whose budget one is: a client's, all of whose users share it, or
// that of one user there.
type budgetKey struct {
	client netip.Addr
	holder string // of right credentials; empty: whoever asks
}

func newBudgets(r Rate) *budgets {
	return &budgets{rate: r, clients: newRecent[budgetKey, *rate.Limiter](maxClients)}
}

// take takes one request from a budget, or returns how long it takes until there
// is one. Clients on this host have no bound: they could take its
// processors anyway, and proxies, whose clients can't be told apart, are there.
func (b *budgets) take(key budgetKey) time.Duration {
	if b.rate == (Rate{}) || key.client.IsLoopback() {
		return 0
	}
	limiter := b.of(key)
	if limiter.Allow() {
		return 0
	}
	return b.untilNext(limiter)
}

func (b *budgets) of(key budgetKey) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	limiter, ok := b.clients.get(key)
	if !ok {
		limiter = rate.NewLimiter(rate.Limit(b.rate.PerSecond), b.rate.Burst)
		b.clients.put(key, limiter)
	}
	return limiter
}

// untilNext is how long an empty budget takes to have a request again, in whole
// seconds, at least one.
func (b *budgets) untilNext(limiter *rate.Limiter) time.Duration {
	missing := (1 - limiter.Tokens()) / b.rate.PerSecond
	return max(time.Second, time.Duration(missing+0.999)*time.Second)
}
