package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/words"
)

// signInTime is how long the servers have to say whose a token is.
const signInTime = 5 * time.Second

// signInForm is what the sign-in page shows.
type signInForm struct {
	To      string // where to go then
	Problem string
	Unknown bool // another token may help
	Over    bool // he was signed in
}

// askToSignIn sends somebody to the sign-in, from where he comes back. His session,
// if he has one, is over: a server does not know his token any more.
func (d *dashboard) askToSignIn(w http.ResponseWriter, r *http.Request) {
	d.endSession(r)
	to := "/sign-in?" + url.Values{"to": {here(r)}}.Encode()
	if r.Header.Get("HX-Request") != "" {
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	goTo(w, r, to)
}

// signInPage asks for a token, unless the servers want none.
func (d *dashboard) signInPage(w http.ResponseWriter, r *http.Request, s *session) error {
	to := local(r.URL.Query().Get("to"))
	if s.SignedIn() && to != "/" {
		// He came from a page that wants another token than his.
		return d.showSignIn(w, r, s, http.StatusOK, signInForm{To: to})
	}
	anybody, err := d.recognise(r.Context(), "")
	if err == nil {
		return d.enter(w, r, anybody, to)
	}
	form := signInForm{To: to, Over: hadSession(r) && !s.SignedIn()}
	if code := graft.ErrorCode(err); code != graft.CodeUnauthorized {
		form.Problem = reason(err)
	}
	return d.showSignIn(w, r, s, http.StatusOK, form)
}

// signIn begins a session with the token that was typed.
func (d *dashboard) signIn(w http.ResponseWriter, r *http.Request, s *session) error {
	token, to := strings.TrimSpace(r.PostFormValue("token")), local(r.PostFormValue("to"))
	if token == "" {
		return d.showSignIn(w, r, s, http.StatusUnprocessableEntity, signInForm{To: to, Problem: words.NoToken, Unknown: true})
	}
	known, err := d.recognise(r.Context(), token)
	if err != nil {
		form := signInForm{To: to, Problem: reason(err)}
		if graft.ErrorCode(err) == graft.CodeUnauthorized || graft.ErrorCode(err) == graft.CodeInvalid {
			form.Problem, form.Unknown = words.WrongToken, true
		}
		return d.showSignIn(w, r, s, http.StatusUnauthorized, form)
	}
	return d.enter(w, r, known, to)
}

func (d *dashboard) showSignIn(w http.ResponseWriter, r *http.Request, s *session, status int, form signInForm) error {
	p := d.page(r, s, words.SignIn)
	p.Content = form
	d.render(w, r, status, "signin", p)
	return nil
}

// enter signs somebody in and shows where he wanted to go.
func (d *dashboard) enter(w http.ResponseWriter, r *http.Request, s *session, to string) error {
	secret, err := d.sessions.begin(s)
	if err != nil {
		return err
	}
	d.endSession(r) // whoever this browser was signed in as
	d.setCookie(w, r, secret)
	goTo(w, r, to)
	return nil
}

// recognise returns a session of whose token it is; CodeUnauthorized when no
// server knows it. One that is away is as one that does not.
func (d *dashboard) recognise(ctx context.Context, token string) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, signInTime)
	defer cancel()
	servers := d.servers()
	principals, errs := make([]*graft.Principal, len(servers)), make([]error, len(servers))
	var all sync.WaitGroup
	for i, server := range servers {
		c, err := d.server(server, token)
		if err != nil {
			return nil, err
		}
		all.Go(func() { principals[i], errs[i] = c.WhoAmI(ctx, server) })
	}
	all.Wait()
	known := map[client.Server]credentials{}
	var failed error
	for i, server := range servers {
		switch {
		case errs[i] == nil:
			known[server] = credentials{token, *principals[i]}
		case failed == nil || graft.ErrorCode(failed) != graft.CodeUnauthorized:
			failed = errs[i] // that one is away says less than that the other does not know it
		}
	}
	if len(known) == 0 {
		return nil, failed
	}
	return d.newSession(known)
}

// servers are those that this dashboard is for.
func (d *dashboard) servers() []client.Server {
	if d.Engine.URL == "" {
		return []client.Server{client.Marketplace}
	}
	return []client.Server{client.Engine, client.Marketplace}
}

// makeLink gives a program that has a token an address that signs a browser in,
// once and soon.
func (d *dashboard) makeLink(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	var secret string
	s, err := d.recognise(r.Context(), strings.TrimSpace(token))
	if err == nil {
		secret, err = d.sessions.link(s)
	}
	answer, status := map[string]string{"url": "/sign-in/link?code=" + secret}, http.StatusCreated
	if err != nil {
		code := graft.ErrorCode(err)
		answer, status = map[string]string{"code": string(code), "message": reason(err)}, statusOf(code)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // a client that went away needs no answer
}

// followLink signs in whoever has an address that makeLink made.
func (d *dashboard) followLink(w http.ResponseWriter, r *http.Request, s *session) error {
	switch {
	case r.Method == http.MethodHead: // a program that looks where links lead must not use it up
		w.WriteHeader(http.StatusNoContent)
		return nil
	case slices.Contains([]string{"cross-site", "same-site"}, r.Header.Get("Sec-Fetch-Site")):
		return graft.Errorf(graft.CodeForbidden, "%s", words.ForeignLink)
	}
	linked := d.sessions.redeem(r.URL.Query().Get("code"))
	if linked == nil {
		return d.showSignIn(w, r, s, http.StatusUnauthorized, signInForm{To: "/", Problem: words.UsedLink, Unknown: true})
	}
	return d.enter(w, r, linked, "/")
}

func (d *dashboard) signOut(w http.ResponseWriter, r *http.Request, _ *session) error {
	d.endSession(r)
	d.setCookie(w, r, "")
	goTo(w, r, "/")
	return nil
}

// endSession forgets the sessions that a browser has: two, if a proxy says of some
// requests only that they came encrypted.
func (d *dashboard) endSession(r *http.Request) {
	for _, encrypted := range []bool{true, false} {
		if cookie, err := r.Cookie(cookieName(r, encrypted)); err == nil {
			d.sessions.end(cookie.Value)
		}
	}
}

// hadSession is whether a browser was signed in, and has not signed out.
func hadSession(r *http.Request) bool {
	for _, encrypted := range []bool{true, false} {
		if _, err := r.Cookie(cookieName(r, encrypted)); err == nil {
			return true
		}
	}
	return false
}

// local returns an address of this dashboard, the first page's for any other.
func local(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(u.Path, "//") || strings.Contains(to, `\`) || strings.HasPrefix(u.Path, "/sign-") {
		return "/"
	}
	return u.String()
}
