package shield

import (
	"crypto/sha256"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// guessRate is how often a client may be wrong about a token. It holds on this
// host, too.
const (
	guessesPerSecond = 0.5
	guessesAtOnce    = 20
)

// looksAtOnce is at how many credentials of clients that ask too much is looked
// at a time. The others wait, those that came first go first: wrong ones cost no
// more than that, and right ones get their turn.
const looksAtOnce = 4

// guesses keep clients from trying out tokens. A client that was wrong too often
// is not listened to for a while; but whoever has a right token is, so that
// nobody locks others of his address out.
type guesses struct {
	wrong  *budgets
	holder func(*http.Request) string // see Policy
	looks  chan struct{}

	mu    sync.Mutex
	right *recent[[sha256.Size]byte, string] // who has them
}

func newGuesses(holder func(*http.Request) string) *guesses {
	if holder == nil {
		holder = func(*http.Request) string { return "" }
	}
	return &guesses{
		wrong:  newBudgets(Rate{PerSecond: guessesPerSecond, Burst: guessesAtOnce}),
		holder: holder,
		looks:  make(chan struct{}, looksAtOnce),
		right:  newRecent[[sha256.Size]byte, string](maxClients / 4),
	}
}

func credentials(r *http.Request) [sha256.Size]byte {
	return sha256.Sum256([]byte(r.Header.Get("Authorization")))
}

// wait is how long a client has to wait before its credentials are looked at.
func (g *guesses) wait(client netip.Addr) time.Duration {
	limiter := g.wrong.of(budgetKey{client: client})
	if limiter.Tokens() >= 1 {
		return 0
	}
	return g.wrong.untilNext(limiter)
}

// who returns who has the credentials of a request, "" if nobody has.
func (g *guesses) who(r *http.Request) string {
	key := credentials(r)
	g.mu.Lock()
	name, known := g.right.get(key)
	g.mu.Unlock()
	if known {
		return name
	}
	select {
	case g.looks <- struct{}{}:
		defer func() { <-g.looks }()
	case <-r.Context().Done():
		return ""
	}
	if name = g.holder(r); name != "" {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.right.put(key, name)
	}
	return name
}

// serve lets next answer and takes note of wrong credentials; they may have been
// right before.
func (g *guesses) serve(next http.Handler, w http.ResponseWriter, r *http.Request, client netip.Addr) {
	s := &statusWriter{ResponseWriter: w}
	next.ServeHTTP(s, r)
	if s.status != http.StatusUnauthorized {
		return
	}
	g.wrong.of(budgetKey{client: client}).Allow()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.right.remove(credentials(r))
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int // 0: 200, if anything was answered
}

// WriteHeader implements http.ResponseWriter.
func (s *statusWriter) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
