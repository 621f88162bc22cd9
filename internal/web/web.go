// Package web serves the dashboard: pages made on the server, which read the
// marketplace as any other client could.
package web

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/graftplatform/graft"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed static/style.css
var style []byte

// catalogTime is how long a page waits for the marketplace.
const catalogTime = 5 * time.Second

const policy = "default-src 'none'; style-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Catalog finds approved addons; a client.Client is one.
type Catalog interface {
	Search(ctx context.Context, q graft.AddonQuery) (*graft.AddonPage, error)
}

// Bounds of what a page costs: how many addons it shows, and how many are made at
// a time.
const (
	shownAddons = 100
	pagesAtOnce = 4
)

// Options are what a dashboard needs to know.
type Options struct {
	Catalog     Catalog
	Marketplace string // its URL
	Engine      string // its URL; empty: not known
	Plane       graft.Plane
	Version     string
	Log         *slog.Logger // nil: none
}

// New returns the dashboard.
func New(o Options) (http.Handler, error) {
	pages, err := template.ParseFS(templates, "templates/*.html")
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &dashboard{Options: o, pages: pages, slots: make(chan struct{}, pagesAtOnce)}
	mux := http.NewServeMux()
	for _, path := range []string{"/health", "/health/{$}"} {
		mux.HandleFunc(path, health)
	}
	mux.HandleFunc("GET /{$}", d.home)
	mux.HandleFunc("GET /static/style.css", d.style)
	mux.HandleFunc("/", d.lost)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		mux.ServeHTTP(w, r)
	}), nil
}

type dashboard struct {
	Options
	pages *template.Template
	slots chan struct{} // has room for who reads the marketplace
}

// page is what the templates show.
type page struct {
	Title       string
	Plane       graft.Plane
	Version     string
	Marketplace string
	Engine      string
	Addons      []graft.Addon
	Problem     string // in place of the addons
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
		http.Error(w, "only GET is possible here", http.StatusMethodNotAllowed)
	}
}

func (d *dashboard) home(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), catalogTime)
	defer cancel()
	shown := d.page(r, "Addons")
	addons, err := d.addons(ctx)
	status := http.StatusOK
	if err != nil {
		d.Log.WarnContext(r.Context(), "marketplace can't be read", "error", err)
		shown.Title = "Marketplace not available"
		shown.Problem = reason(err)
		status = http.StatusBadGateway
	}
	shown.Addons = addons
	d.render(w, r, status, "home.html", shown)
}

// addons are the latest that were published.
func (d *dashboard) addons(ctx context.Context) ([]graft.Addon, error) {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	page, err := d.Catalog.Search(ctx, graft.AddonQuery{Latest: true, Limit: shownAddons})
	if err != nil {
		return nil, err
	}
	return page.Addons, nil
}

// reason is what a person may read of err.
func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "It did not answer within " + catalogTime.String() + "."
	}
	if message := graft.ErrorMessage(err); message != "" {
		return message
	}
	return "It gave an answer that can't be read; the dashboard's log has more."
}

func (d *dashboard) lost(w http.ResponseWriter, r *http.Request) {
	shown := d.page(r, "Not found")
	shown.Problem = "There is no page at this address."
	d.render(w, r, http.StatusNotFound, "lost.html", shown)
}

func (d *dashboard) style(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=3600")
	http.ServeContent(w, r, "style.css", time.Time{}, bytes.NewReader(style))
}

func (d *dashboard) page(r *http.Request, title string) page {
	return page{
		Title: title, Plane: d.Plane, Version: d.Version,
		Marketplace: seenFrom(r, d.Marketplace), Engine: seenFrom(r, d.Engine),
	}
}

// render makes the whole page before it sends any of it.
func (d *dashboard) render(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	var body bytes.Buffer
	if err := d.pages.ExecuteTemplate(&body, name, p); err != nil {
		d.Log.ErrorContext(r.Context(), "page can't be made", "page", name, "error", err)
		http.Error(w, "This page can't be shown; the dashboard's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w)
}

// seenFrom returns a URL of this host as a browser elsewhere has to write it:
// with the host by which it reached this page.
func seenFrom(r *http.Request, address string) string {
	u, err := url.Parse(address)
	if err != nil || address == "" || r.Host == "" {
		return address
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return address
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(r.Host); err == nil {
		host = name
	}
	u.Host = net.JoinHostPort(strings.Trim(host, "[]"), u.Port())
	return u.String()
}
