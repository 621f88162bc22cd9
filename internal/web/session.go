package web

import (
	"crypto/rand"
	"crypto/sha256"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/words"
)

// Bounds of sessions. They are kept in memory: who restarts the dashboard signs
// everybody out.
const (
	sessionsAtOnce = 10_000
	sessionsOfOne  = 1_000          // with the same tokens; the one that was used least lately makes room
	sessionTime    = 12 * time.Hour // without a request
	linkTime       = time.Minute
)

// session is somebody who looks at the dashboard, and as whom he talks to the two
// servers: each has tokens of its own, and need not know those of the other.
type session struct {
	engine *client.Client
	market *client.Client
	// who has each server's answer to who he is; a server that does not know the
	// token is absent, and is asked without it.
	who map[client.Server]graft.Principal
	// Open is whether the servers ask nobody who he is.
	Open bool
	// key tells those apart who may see different things.
	key [sha256.Size]byte
}

// newSession returns a session with what each server is to be sent. Without
// credentials it is a visitor's.
func (d *dashboard) newSession(who map[client.Server]credentials) (*session, error) {
	s := &session{who: map[client.Server]graft.Principal{}}
	var err error
	if s.engine, err = d.server(client.Engine, who[client.Engine].token); err != nil {
		return nil, err
	}
	if s.market, err = d.server(client.Marketplace, who[client.Marketplace].token); err != nil {
		return nil, err
	}
	s.Open = len(who) > 0
	for server, c := range who {
		s.who[server] = c.principal
		s.Open = s.Open && c.token == ""
	}
	s.key = sha256.Sum256([]byte(who[client.Engine].token + "\n" + who[client.Marketplace].token))
	return s, nil
}

// credentials are a token and whose it is; an empty one is that of anybody.
type credentials struct {
	token     string
	principal graft.Principal
}

// SignedIn is whether one of the servers knows him.
func (s *session) SignedIn() bool { return len(s.who) > 0 }

// Name is his name; empty: he is a visitor.
func (s *session) Name() string {
	if p, known := s.who[client.Engine]; known {
		return p.Name
	}
	return s.who[client.Marketplace].Name
}

// Can is whether his role has a permission on a server. Templates ask it before
// they show a button; the server itself decides.
func (s *session) Can(server client.Server, needs graft.Permission) bool {
	p, known := s.who[server]
	return needs == "" || known && p.Role.Allows(needs)
}

// may returns why he can't be let to a page that needs a permission:
// CodeUnauthorized when he has not said who he is.
func (s *session) may(needs graft.Permission) error {
	server := client.Engine
	if slices.Contains([]graft.Permission{graft.PermitPublish, graft.PermitReview}, needs) {
		server = client.Marketplace
	}
	switch {
	case needs == graft.PermitAdminister && (s.Can(client.Engine, needs) || s.Can(client.Marketplace, needs)):
		return nil
	case s.Can(server, needs):
		return nil
	case !s.SignedIn():
		return graft.Errorf(graft.CodeUnauthorized, "%s", words.SignInFirst)
	}
	if p, known := s.who[server]; known {
		return graft.Errorf(graft.CodeForbidden, words.NotYourRole, p.Name, p.Role, needs)
	}
	return graft.Errorf(graft.CodeForbidden, words.TokenOfOther, server)
}

// sessions are those who are signed in.
type sessions struct {
	mu    sync.Mutex
	most  int                             // in all
	each  int                             // with the same tokens
	live  map[[sha256.Size]byte]*signedIn // by the hash of the cookie's value
	links map[[sha256.Size]byte]*signedIn // that wait to be followed once
}

// signedIn is a session until some time.
type signedIn struct {
	*session
	until time.Time
}

func newSessions(most, each int) *sessions {
	return &sessions{most: most, each: each, live: map[[sha256.Size]byte]*signedIn{}, links: map[[sha256.Size]byte]*signedIn{}}
}

// begin keeps a session and returns its secret.
func (s *sessions) begin(session *session) (string, error) {
	return s.keep(s.live, session, sessionTime)
}

// link keeps a session for who brings the secret within a minute.
func (s *sessions) link(session *session) (string, error) {
	return s.keep(s.links, session, linkTime)
}

func (s *sessions) keep(where map[[sha256.Size]byte]*signedIn, session *session, lasts time.Duration) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if len(where) >= s.each {
		s.makeRoom(where, session, now)
	}
	if len(where) >= s.most {
		return "", graft.Errorf(graft.CodeTooMany, "%s", words.TooManySessions)
	}
	secret := rand.Text()
	where[sha256.Sum256([]byte(secret))] = &signedIn{session, now.Add(lasts)}
	return secret, nil
}

// makeRoom forgets what is over and, if as many have the tokens of a session as may
// have, the one of them that ends first: nobody keeps others out.
func (s *sessions) makeRoom(where map[[sha256.Size]byte]*signedIn, session *session, now time.Time) {
	var first [sha256.Size]byte
	same := 0
	for key, kept := range where {
		switch {
		case now.After(kept.until):
			delete(where, key)
		case kept.key == session.key:
			if same++; same == 1 || kept.until.Before(where[first].until) {
				first = key
			}
		}
	}
	if same >= s.each {
		delete(where, first)
	}
}

// find returns the session of a secret, nil if there is none, and lets it last
// from now on.
func (s *sessions) find(secret string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, now := s.live[sha256.Sum256([]byte(secret))], time.Now()
	if kept == nil || now.After(kept.until) {
		return nil
	}
	kept.until = now.Add(sessionTime)
	return kept.session
}

// redeem returns the session of a link, nil if there is none any more.
func (s *sessions) redeem(secret string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256([]byte(secret))
	kept := s.links[key]
	delete(s.links, key)
	if kept == nil || time.Now().After(kept.until) {
		return nil
	}
	return kept.session
}

func (s *sessions) end(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, sha256.Sum256([]byte(secret)))
}

// cookieName is the session's in a browser, which does not tell cookies of one
// port from those of another: two dashboards of a host have one each. Browsers keep
// an encrypted one from being replaced by what came without TLS.
func cookieName(r *http.Request, encrypted bool) string {
	name := "graft_session"
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		name += "_" + port
	}
	if encrypted {
		return "__Host-" + name
	}
	return name
}

// encrypted is whether a browser speaks TLS to this dashboard, or to the proxy before
// it, as that says. Whoever says so himself lies to himself alone: his browser does
// not keep his cookie. A page of another site can't send that header.
func encrypted(r *http.Request) bool {
	nearest, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",") // to the browser
	return r.TLS != nil || strings.EqualFold(strings.TrimSpace(nearest), "https")
}

func (d *dashboard) setCookie(w http.ResponseWriter, r *http.Request, value string) {
	secure := encrypted(r)
	cookie := &http.Cookie{ //nolint:gosec // Secure is for connections that are
		Name: cookieName(r, secure), Value: value, Path: "/", Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// session returns whose request it is, the visitor's if nobody is known.
func (d *dashboard) session(r *http.Request) *session {
	if cookie, err := r.Cookie(cookieName(r, encrypted(r))); err == nil {
		if s := d.sessions.find(cookie.Value); s != nil {
			return s
		}
	}
	return d.visitor
}
