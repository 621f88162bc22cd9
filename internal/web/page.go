package web

import (
	"bytes"
	"compress/gzip"
	"embed"
	"html/template"
	"net/http"
	"path"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/words"
)

//go:embed templates/*.html
var templates embed.FS

// shared are the templates that pages are made of; every other file is a page,
// which defines its "content".
var shared = []string{"templates/frame.html", "templates/parts.html"}

// pages are the templates of all pages.
type pages struct {
	named map[string]*template.Template
}

func loadPages(a *assets) (*pages, error) {
	base, err := template.New("").Funcs(functions(a)).ParseFS(templates, shared...)
	if err != nil {
		return nil, err
	}
	files, err := templates.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	p := &pages{named: map[string]*template.Template{}}
	for _, file := range files {
		name := path.Join("templates", file.Name())
		if name == shared[0] || name == shared[1] {
			continue
		}
		page, err := base.Clone()
		if err != nil {
			return nil, err
		}
		if p.named[strings.TrimSuffix(file.Name(), ".html")], err = page.ParseFS(templates, name); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// part makes a part of a page: what its file defines under that name.
func (p *pages) part(page, name string, content any) ([]byte, error) {
	var html bytes.Buffer
	if err := p.named[page].ExecuteTemplate(&html, name, content); err != nil {
		return nil, graft.WrapError(graft.CodeInternal, err, "%s", words.PageFault)
	}
	return html.Bytes(), nil
}

// page is what the frame around every page shows.
type page struct {
	Title   string
	Plane   graft.Plane
	Version string
	Me      *session
	Here    string // where it is, to come back after signing in
	Menu    []menuItem
	Content any
}

// menuItem is a page that is always one click away.
type menuItem struct {
	Path, Name, Icon string
	Current          bool
}

func (d *dashboard) page(r *http.Request, s *session, title string) page {
	p := page{Title: title, Plane: d.Plane, Version: d.Version, Me: s, Here: here(r)}
	add := func(shown bool, path, name, icon string) {
		if shown {
			current := path == r.URL.Path || path != "/" && strings.HasPrefix(r.URL.Path, path+"/") ||
				path == "/" && strings.HasPrefix(r.URL.Path, "/addons/")
			p.Menu = append(p.Menu, menuItem{path, name, icon, current})
		}
	}
	engine := d.Engine.URL != ""
	administers := s.Can(client.Engine, graft.PermitAdminister) || s.Can(client.Marketplace, graft.PermitAdminister)
	add(true, "/", words.Marketplace, "store")
	add(engine, "/installed", words.Installed, "boxes")
	add(engine, "/components", words.Components, "puzzle")
	add(s.Can(client.Marketplace, graft.PermitReview), "/review", words.Review, "clipboard-check")
	add(administers, "/audit", words.Audit, "scroll-text")
	add(administers, "/tokens", words.Tokens, "key-round")
	add(engine && s.SignedIn(), "/settings", words.Settings, "settings")
	add(true, "/about", words.About, "info")
	return p
}

// show answers with a page.
func (d *dashboard) show(w http.ResponseWriter, r *http.Request, s *session, name, title string, content any) error {
	p := d.page(r, s, title)
	p.Content = content
	d.render(w, r, http.StatusOK, name, p)
	return nil
}

// showPart answers with a part of a page, to be put into one that is there.
func (d *dashboard) showPart(w http.ResponseWriter, r *http.Request, page, name string, content any) error {
	html, err := d.pages.part(page, name, content)
	if err != nil {
		return err
	}
	send(w, r, http.StatusOK, html)
	return nil
}

// render makes the whole page before it sends any of it.
func (d *dashboard) render(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	var body bytes.Buffer
	if err := d.pages.named[name].ExecuteTemplate(&body, "frame", p); err != nil {
		d.Log.ErrorContext(r.Context(), "page can't be made", "page", name, "error", err)
		http.Error(w, words.PageFault, http.StatusInternalServerError)
		return
	}
	send(w, r, status, body.Bytes())
}

// send sends HTML, packed if that is understood. There is nothing secret in pages
// that their length could tell.
func send(w http.ResponseWriter, r *http.Request, status int, html []byte) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Add("Vary", "Accept-Encoding")
	if !acceptsGzip(r) {
		w.WriteHeader(status)
		_, _ = w.Write(html) //nolint:gosec // templates made it; a client that went away needs no answer
		return
	}
	header.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	packed := gzip.NewWriter(w)
	_, _ = packed.Write(html)
	_ = packed.Close()
}

// partial is whether a request is for a part of the page that is shown, to be put
// in place by htmx.
func partial(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }
