package web_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/web"
)

const publishedID = "6b0342fd771242bc7f1c506c"

// fakeShop is a marketplace that knows one token of a publisher and one addon.
type fakeShop struct {
	mu      sync.Mutex
	posted  []string // descriptors
	refusal string   // what the next one is answered with, as JSON
	status  int      // of that
	addon   graft.Addon
	changed chan graft.Addon // what it becomes while somebody waits
}

func (m *fakeShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer := func(status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	if r.Header.Get("Authorization") != "Bearer good" && r.URL.Path == "/api/v1/whoami" {
		answer(http.StatusUnauthorized, map[string]string{"status": "Unauthorized", "error_code": "unauthorized", "message": "who are you?"})
		return
	}
	m.mu.Lock()
	addon := m.addon
	m.mu.Unlock()
	switch {
	case r.URL.Path == "/api/v1/whoami":
		answer(http.StatusOK, graft.Principal{Name: "ann", Role: graft.RolePublisher})
	case r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body)
		m.mu.Lock()
		m.posted = append(m.posted, string(body))
		refusal, status := m.refusal, m.status
		m.mu.Unlock()
		if refusal != "" {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, refusal)
			return
		}
		answer(http.StatusCreated, addon)
	case r.URL.Query().Has("since"):
		select {
		case addon = <-m.changed:
			m.mu.Lock()
			m.addon = addon
			m.mu.Unlock()
		case <-r.Context().Done():
			return
		}
		answer(http.StatusOK, addon)
	default:
		answer(http.StatusOK, addon)
	}
}

// reader is a browser at a dashboard over a fake marketplace.
type reader struct {
	t    *testing.T
	base string
	http *http.Client
	shop *fakeShop
}

func newReader(t *testing.T, signedIn bool) *reader {
	t.Helper()
	shop := &fakeShop{changed: make(chan graft.Addon), addon: graft.Addon{
		ID: publishedID, Descriptor: graft.Descriptor{Name: "hello", Version: "1.0.0", Services: []graft.Service{{Name: "hello", Image: "i"}}},
		Status: graft.AddonUnderReview, Publisher: "ann", Kind: graft.KindExtension, Revision: 1,
	}}
	market := httptest.NewServer(shop)
	t.Cleanup(market.Close)
	handler, err := web.New(web.Options{Marketplace: web.Server{URL: market.URL}, Plane: graft.PlaneRoot, Version: "v1.2.3", Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, base: server.URL, shop: shop, http: &http.Client{Jar: jar}}
	if signedIn {
		if page := r.post("/sign-in", url.Values{"token": {"good"}, "to": {"/publish"}}); page.path != "/publish" {
			t.Fatalf("signed in, and at %s: %s", page.path, page.body)
		}
	}
	return r
}

// page is what a browser got.
type seen struct {
	status int
	path   string
	header http.Header
	body   string
}

func (r *reader) send(method, path, kind string, body io.Reader, part bool) seen {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.base+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	if part {
		request.Header.Set("HX-Request", "true")
	}
	response, err := r.http.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return seen{response.StatusCode, response.Request.URL.RequestURI(), response.Header, string(text)}
}

func (r *reader) get(path string) seen { r.t.Helper(); return r.send("GET", path, "", nil, false) }

const urlencoded = "application/x-www-form-urlencoded"

func (r *reader) post(path string, form url.Values) seen {
	r.t.Helper()
	return r.send("POST", path, urlencoded, strings.NewReader(form.Encode()), false)
}

func (r *reader) postPart(path string, form url.Values) seen {
	r.t.Helper()
	return r.send("POST", path, urlencoded, strings.NewReader(form.Encode()), true)
}

// parsed is a page's elements, in their order.
func parsed(t *testing.T, body string) []*html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var all []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

func attribute(n *html.Node, name string) (value string, has bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// element returns the element with an id.
func element(t *testing.T, body, id string) *html.Node {
	t.Helper()
	for _, n := range parsed(t, body) {
		if own, _ := attribute(n, "id"); own == id {
			return n
		}
	}
	t.Fatalf("nothing has the id %s in %s", id, body)
	return nil
}

// filled returns what a browser sends of the draft's form, without a button.
func filled(t *testing.T, body string) url.Values {
	t.Helper()
	form := url.Values{}
	inside := map[*html.Node]bool{}
	for _, n := range parsed(t, body) {
		if id, _ := attribute(n, "id"); id == "draft" || inside[n.Parent] {
			inside[n] = true
		}
		name, _ := attribute(n, "name")
		if !inside[n] || name == "" {
			continue
		}
		value, _ := attribute(n, "value")
		switch kind, _ := attribute(n, "type"); n.Data {
		case "input":
			if _, checked := attribute(n, "checked"); kind != "checkbox" || checked {
				form.Add(name, value)
			}
		case "textarea":
			form.Add(name, strings.ReplaceAll(text(n), "\n", "\r\n"))
		case "select":
			for option := range n.ChildNodes() {
				if _, chosen := attribute(option, "selected"); chosen {
					chosenValue, _ := attribute(option, "value")
					form.Add(name, chosenValue)
				}
			}
		}
	}
	return form
}

// press sends the draft's form by a button.
func (r *reader) press(form url.Values, do string) seen {
	r.t.Helper()
	form.Set("do", do)
	return r.post("/publish", form)
}
