// Package web serves the dashboard: pages that are made on the server, over the
// APIs of a marketplace and an engine, which it calls as any other client could.
//
// A page is a handler in the file that has its name, a template of that name in
// templates/, and, if it follows what happens, a part of it that is sent again
// whenever it changed (live.go). What pages say is in templates/, what code has to
// say in package words; scripts find theirs in the page.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/outage"
	"github.com/graftplatform/graft/internal/web/words"
)

// Options are what a dashboard needs to know.
type Options struct {
	Marketplace Server
	Engine      Server // without a URL this dashboard is for the marketplace alone
	Plane       graft.Plane
	Version     string
	Log         *slog.Logger // nil: none
	// Stopping ends the streams of live pages when it is closed; it may be nil.
	Stopping <-chan struct{}
}

// Server is one of the two that a dashboard is over.
type Server struct {
	URL        string
	HTTPClient *http.Client // nil: as usual
}

// policy lets a page load and send nothing but what is its own.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// dashboard is what all pages share.
type dashboard struct {
	Options
	pages    *pages
	assets   *assets
	sessions *sessions
	hubs     *hubs
	visitor  *session    // who is not signed in
	away     *outage.Log // a server that pages need
}

// New returns the dashboard. CodeInvalid when a URL is none.
func New(o Options) (http.Handler, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &dashboard{Options: o, sessions: newSessions(sessionsAtOnce, sessionsOfOne), hubs: newHubs(), away: outage.New(o.Log)}
	var err error
	if d.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if d.pages, err = loadPages(d.assets); err != nil {
		return nil, err
	}
	if d.visitor, err = d.newSession(nil); err != nil {
		return nil, err
	}
	return d.protect(d.mux()), nil
}

// handler answers a request of somebody, or returns why not.
type handler func(w http.ResponseWriter, r *http.Request, s *session) error

// route is a page, or what a form on one does.
type route struct {
	pattern string
	needs   graft.Permission // who lacks it is asked to sign in; empty: nobody is
	handle  handler
}

func (d *dashboard) routes() []route {
	return []route{
		{"GET /{$}", "", d.marketplace},
		{"GET /addons/{id}", "", d.addon},
		{"GET /addons/{id}/descriptor.json", "", d.descriptor},
		{"GET /addons/{id}/install", graft.PermitRead, d.previewInstall},
		{"POST /addons/{id}/install", graft.PermitOperate, d.install},
		{"GET /installed", graft.PermitRead, d.whole(d.installedNow)},
		{"GET /installed/live", graft.PermitRead, d.live(d.installedNow)},
		{"GET /installed/{id}", graft.PermitRead, d.whole(d.installationNow)},
		{"GET /installed/{id}/live", graft.PermitRead, d.live(d.installationNow)},
		{"GET /installed/{id}/logs", graft.PermitRead, d.logsPage},
		{"GET /installed/{id}/logs/stream", graft.PermitRead, d.logsStream},
		{"GET /installed/{id}/logs/file", graft.PermitRead, d.logsFile},
		{"POST /installed/{id}/enable", graft.PermitOperate, d.change((*client.Client).Enable)},
		{"POST /installed/{id}/disable", graft.PermitOperate, d.change((*client.Client).Disable)},
		{"GET /installed/{id}/uninstall", graft.PermitOperate, d.askUninstall},
		{"POST /installed/{id}/uninstall", graft.PermitOperate, d.uninstall},
		{"GET /components", graft.PermitRead, d.whole(d.componentsNow)},
		{"GET /components/live", graft.PermitRead, d.live(d.componentsNow)},
		{"GET /review", graft.PermitReview, d.reviewPage},
		{"POST /review/{id}/approve", graft.PermitReview, d.review((*client.Client).ApproveWith)},
		{"POST /review/{id}/reject", graft.PermitReview, d.review((*client.Client).RejectWith)},
		{"GET /audit", graft.PermitAdminister, d.audit},
		{"GET /tokens", graft.PermitAdminister, d.tokens},
		{"POST /tokens", graft.PermitAdminister, d.createToken},
		{"POST /tokens/{id}/revoke", graft.PermitAdminister, d.revokeToken},
		{"GET /settings", graft.PermitRead, d.settings},
		{"POST /settings", graft.PermitOperate, d.setPolicy},
		{"GET /about", "", d.about},
		{"GET /publish", graft.PermitPublish, d.publishPage},
		{"POST /publish", "", d.publish}, // asks by itself, and keeps what was typed
		{"POST /publish/check", "", d.checkDraft},
		{"POST /publish/file", graft.PermitPublish, d.openFile},
		{"GET /publish/file", "", d.openAgain},
		{"GET /publish/{id}/progress", "", d.progressPage},
		{"GET /publish/{id}/progress/live", "", d.progressLive},
		{"GET /sign-in", "", d.signInPage},
		{"POST /sign-in", "", d.signIn},
		{"GET /sign-in/link", "", d.followLink},
		{"POST /sign-out", "", d.signOut},
		{"/", "", d.lost},
	}
}

func (d *dashboard) mux() http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{"/health", "/health/{$}"} {
		mux.HandleFunc(path, health)
	}
	mux.HandleFunc("POST /sign-in/link", d.makeLink) // for programs: it has errors of its own
	mux.Handle("GET /static/", d.assets)
	for _, route := range d.routes() {
		mux.HandleFunc(route.pattern, d.serve(route))
	}
	return mux
}

// serve answers with a route's handler once it is clear who asks.
func (d *dashboard) serve(route route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		s := d.session(r)
		err := d.may(s, route.needs)
		if err == nil {
			err = readForm(w, r)
		}
		if err == nil {
			err = route.handle(w, r, s)
		}
		switch {
		case err == nil, r.Context().Err() != nil:
		case graft.ErrorCode(err) == graft.CodeUnauthorized: // also when a token was revoked since
			d.askToSignIn(w, r)
		default:
			d.fail(w, r, s, err)
		}
	}
}

// may returns why somebody can't be let to a page that needs a permission.
func (d *dashboard) may(s *session, needs graft.Permission) error {
	if d.Engine.URL == "" && (needs == graft.PermitRead || needs == graft.PermitOperate) {
		return graft.Errorf(graft.CodeNotFound, "%s", words.NoEngineHere)
	}
	return s.may(needs)
}

// maxForm is how long what a form sends may be, in bytes: that of a new addon has
// each character up to three times over, and the draft besides its fields.
const maxForm = 8 << 20

// readForm reads what a form sent, all of it or nothing: half a form would say
// something else.
func readForm(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		return nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return graft.WrapError(graft.CodeMalformed, err, "%s", words.UnreadableForm)
	}
	return nil
}

// protect keeps other sites' pages from using this one in its reader's name.
func (d *dashboard) protect(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.fail(w, r, d.visitor, graft.Errorf(graft.CodeForbidden, "%s", words.ForeignForm))
	}))
	protected := origin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		// Forms say where they come from to their own site, which checks it.
		header.Set("Referrer-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		protected.ServeHTTP(w, r)
	})
}

// health is how Oakestra's main dashboard, whose pages are of another origin,
// finds this one.
func health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		_, _ = w.Write([]byte("healthy")) // a client that went away needs no answer
	case http.MethodOptions:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
	default:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		http.Error(w, words.OnlyGet, http.StatusMethodNotAllowed)
	}
}

// lost answers for addresses that no page has.
func (d *dashboard) lost(http.ResponseWriter, *http.Request, *session) error {
	return graft.Errorf(graft.CodeNotFound, "%s", words.NoSuchPage)
}

// fail shows why there is no page, in the place of the page.
func (d *dashboard) fail(w http.ResponseWriter, r *http.Request, s *session, err error) {
	code := graft.ErrorCode(err)
	status := statusOf(code)
	switch {
	case status == http.StatusBadGateway: // as each page is now
		d.away.Failed(r.Context(), "a page can't be shown", err, "path", r.URL.Path)
	case status >= http.StatusInternalServerError:
		d.Log.WarnContext(r.Context(), "a page can't be shown", "path", r.URL.Path, "error", err)
	}
	p := d.page(r, s, words.ProblemTitle(code))
	shown := problemOf(err)
	if code == graft.CodeForbidden {
		shown.SignIn = here(r)
	}
	if back := local(here(r)); r.Method == http.MethodPost && back != "/" {
		shown.Back = back
	}
	p.Content = shown
	d.render(w, r, status, "problem", p)
}

// problem is why something is not shown, or was not done.
type problem struct {
	Title       string
	Reason      string
	Unreachable bool   // a server could not be asked
	SignIn      string // a page that another token may open; empty: none
	Back        string // the page of the form that was sent; empty: none
}

func problemOf(err error) problem {
	code := graft.ErrorCode(err)
	return problem{Title: words.ProblemTitle(code), Reason: reason(err), Unreachable: code == graft.CodeUnavailable || code == graft.CodeUpstream}
}

// statusOf is the HTTP status of a page that says why there is no other.
func statusOf(code graft.Code) int {
	switch code {
	case graft.CodeNotFound:
		return http.StatusNotFound
	case graft.CodeUnauthorized:
		return http.StatusUnauthorized
	case graft.CodeForbidden:
		return http.StatusForbidden
	case graft.CodeUnavailable, graft.CodeUpstream:
		return http.StatusBadGateway
	case graft.CodeConflict, graft.CodeConsent, graft.CodeExists, graft.CodeRefused:
		return http.StatusConflict
	case graft.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case graft.CodeInvalid, graft.CodeMalformed:
		return http.StatusUnprocessableEntity
	case graft.CodeTooMany:
		return http.StatusTooManyRequests
	}
	return http.StatusInternalServerError
}

// reason is what a person may read of an error.
func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return words.TooLate
	}
	if message := graft.ErrorMessage(err); message != "" {
		return message
	}
	return words.Unreadable
}

// here returns where a request is, to come back to it: of a form, the page that it
// is on.
func here(r *http.Request) string {
	at := r.URL
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		page, err := url.Parse(r.Referer())
		if err != nil || page.Host != r.Host {
			return "/"
		}
		at = page
	}
	return (&url.URL{Path: at.Path, RawQuery: at.RawQuery}).String()
}

// goTo sends a browser to another page of this dashboard, as after a form.
func goTo(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, path, http.StatusSeeOther) //nolint:gosec // paths begin with one of ours, or are checked by local
}

// server returns a client of one server with what somebody signs in with.
func (d *dashboard) server(server client.Server, token string) (*client.Client, error) {
	o := client.Options{Token: token, UserAgent: "graft-dashboard/" + d.Version}
	if server == client.Marketplace {
		o.Marketplace, o.HTTPClient = d.Marketplace.URL, d.Marketplace.HTTPClient
	} else {
		o.Engine, o.HTTPClient = d.Engine.URL, d.Engine.HTTPClient
	}
	return client.New(o)
}
