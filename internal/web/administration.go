package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/words"
)

// mostDays is for how long, at most, a token can be made.
const mostDays = 3650

// entriesShown is how many entries of an audit log a page has.
const entriesShown = 100

// served is a page about one of the two servers, and which ones there are to choose
// from.
type served struct {
	Server  client.Server
	Servers []client.Server // those that he administers
	Me      *session
}

// chosen returns which server a page is about: the one that was asked for, else the
// first that he administers.
func (d *dashboard) chosen(r *http.Request, s *session) (served, error) {
	about := served{Me: s}
	for _, server := range d.servers() {
		if s.Can(server, graft.PermitAdminister) {
			about.Servers = append(about.Servers, server)
		}
	}
	about.Server = client.Server(r.FormValue("server"))
	if about.Server == "" && len(about.Servers) > 0 {
		about.Server = about.Servers[0]
	}
	if !slices.Contains(about.Servers, about.Server) {
		return about, graft.Errorf(graft.CodeForbidden, words.TokenOfOther, about.Server)
	}
	return about, nil
}

// of is the client of the server that a page is about.
func (a served) of() *client.Client {
	if a.Server == client.Engine {
		return a.Me.engine
	}
	return a.Me.market
}

// auditPage is a page of an audit log, the last entry first.
type auditLog struct {
	served
	Entries []graft.AuditEntry
	Older   string // address of those before; empty: there are none
}

func (d *dashboard) audit(w http.ResponseWriter, r *http.Request, s *session) error {
	about, err := d.chosen(r, s)
	if err != nil {
		return err
	}
	o := client.AuditOptions{Limit: entriesShown}
	if before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64); err == nil && before > 1 {
		after := max(before-entriesShown-1, 0)
		o.After, o.Limit = &after, int(min(before-1-after, entriesShown))
	}
	entries, err := about.of().Audit(r.Context(), about.Server, o)
	if err != nil {
		return err
	}
	shown := auditLog{served: about, Entries: entries}
	if len(entries) > 0 && entries[0].ID > 1 {
		shown.Older = "/audit?server=" + string(about.Server) + "&before=" + strconv.FormatInt(entries[0].ID, 10)
	}
	slices.Reverse(entries)
	return d.show(w, r, s, "audit", words.Audit, shown)
}

// tokenList is what there is of tokens, and the one that was just made.
type tokenList struct {
	served
	Tokens  []graft.Token
	Roles   []graft.Role
	Issued  *graft.IssuedToken
	Problem graft.Problems // of the form that was sent
	Form    graft.TokenRequest
	Now     time.Time
}

// Expired is whether a token is good no longer.
func (l tokenList) Expired(t graft.Token) bool {
	return t.ExpiresAt != nil && l.Now.After(*t.ExpiresAt)
}

func (d *dashboard) tokens(w http.ResponseWriter, r *http.Request, s *session) error {
	return d.showTokens(w, r, s, tokenList{})
}

func (d *dashboard) showTokens(w http.ResponseWriter, r *http.Request, s *session, shown tokenList) error {
	about, err := d.chosen(r, s)
	if err != nil {
		return err
	}
	shown.served, shown.Roles, shown.Now = about, graft.Roles(), time.Now()
	if shown.Tokens, err = about.of().Tokens(r.Context(), about.Server); err != nil {
		return err
	}
	p := d.page(r, s, words.Tokens)
	p.Content = shown
	status := http.StatusOK
	if shown.Problem != nil {
		status = http.StatusUnprocessableEntity
	}
	d.render(w, r, status, "tokens", p)
	return nil
}

// createToken makes a token and shows it: this once, so the answer is the page
// itself.
func (d *dashboard) createToken(w http.ResponseWriter, r *http.Request, s *session) error {
	about, err := d.chosen(r, s)
	if err != nil {
		return err
	}
	request := graft.TokenRequest{Name: strings.TrimSpace(r.FormValue("name")), Role: graft.Role(r.FormValue("role"))}
	if text := r.FormValue("days"); text != "" {
		days, err := strconv.Atoi(text)
		if err != nil || days < 1 || days > mostDays {
			return graft.Errorf(graft.CodeInvalid, words.WrongDays, text, mostDays)
		}
		request.Lasts = time.Duration(days) * 24 * time.Hour
	}
	issued, err := about.of().CreateToken(r.Context(), about.Server, request)
	if problems := problemsOf(err); problems != nil {
		return d.showTokens(w, r, s, tokenList{Problem: problems, Form: request})
	}
	if err != nil {
		return err
	}
	return d.showTokens(w, r, s, tokenList{Issued: issued})
}

func (d *dashboard) revokeToken(w http.ResponseWriter, r *http.Request, s *session) error {
	about, err := d.chosen(r, s)
	if err != nil {
		return err
	}
	if err := about.of().RevokeToken(r.Context(), about.Server, r.PathValue("id")); err != nil {
		return err
	}
	goTo(w, r, "/tokens?server="+string(about.Server))
	return nil
}
