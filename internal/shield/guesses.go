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

// guesses keep clients from trying out tokens. A client that was wrong too often
// is not listened to for a while, right or wrong; but what was right before goes
// on, so that nobody locks others of his address out.
type guesses struct {
	wrong *budgets

	mu    sync.Mutex
	right *recent[[sha256.Size]byte, struct{}]
}

func newGuesses() *guesses {
	return &guesses{
		wrong: newBudgets(Rate{PerSecond: guessesPerSecond, Burst: guessesAtOnce}),
		right: newRecent[[sha256.Size]byte, struct{}](maxClients / 4),
	}
}

func credentials(r *http.Request) [sha256.Size]byte {
	return sha256.Sum256([]byte(r.Header.Get("Authorization")))
}

// wait is how long a client has to wait before its credentials are looked at.
func (g *guesses) wait(r *http.Request, client netip.Addr) time.Duration {
	limiter := g.wrong.of(client)
	if limiter.Tokens() >= 1 || g.wasRight(r) {
		return 0
	}
	return g.wrong.untilNext(limiter)
}

func (g *guesses) wasRight(r *http.Request) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.right.get(credentials(r))
	return ok
}

// serve lets next answer and takes note of what became of the credentials. That
// a read was answered says nothing about them, as it may need none; a change
// that was made does.
func (g *guesses) serve(next http.Handler, w http.ResponseWriter, r *http.Request, client netip.Addr) {
	s := &statusWriter{ResponseWriter: w}
	next.ServeHTTP(s, r)
	switch {
	case s.status == http.StatusUnauthorized:
		g.wrong.of(client).Allow()
	case !safe(r.Method) && (s.status == 0 || s.status/100 == 2):
		g.mu.Lock()
		defer g.mu.Unlock()
		g.right.put(credentials(r), struct{}{})
	}
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
