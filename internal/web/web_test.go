package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
)

type fakeCatalog struct {
	addons []graft.Addon
	err    error
}

func (c *fakeCatalog) Search(_ context.Context, q graft.AddonQuery) (*graft.AddonPage, error) {
	return &graft.AddonPage{Addons: c.addons[:min(len(c.addons), q.Limit)]}, c.err
}

func ask(t *testing.T, c *fakeCatalog, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	h, err := New(Options{
		Catalog: c, Marketplace: "http://127.0.0.1:11102", Engine: "http://10.0.0.7:11101",
		Plane: graft.PlaneRoot, Version: "v1.2.3",
	})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, nil))
	return w
}

func TestHealth(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/health", "/health/"} {
		w := ask(t, &fakeCatalog{}, "GET", path)
		if w.Code != 200 || w.Body.String() != "healthy" || w.Header().Get("Access-Control-Allow-Origin") != "*" ||
			w.Header().Get("Cross-Origin-Resource-Policy") != "cross-origin" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
	if w := ask(t, &fakeCatalog{}, "OPTIONS", "/health"); w.Code != 200 {
		t.Errorf("OPTIONS: %d", w.Code)
	}
	if w := ask(t, &fakeCatalog{}, "POST", "/health"); w.Code != 405 {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestHome(t *testing.T) {
	t.Parallel()
	c := &fakeCatalog{addons: []graft.Addon{{ID: "6b0342fd771242bc7f1c506c", Descriptor: graft.Descriptor{
		Name: "<script>alert(1)</script>", Description: "what it does",
		Services: []graft.Service{{Name: "s", Image: "127.0.0.1:5000/hello:1"}},
	}}}}
	w := ask(t, c, "GET", "http://ops.example:11103/")
	body := w.Body.String()
	for _, want := range []string{
		"&lt;script&gt;", "what it does", "127.0.0.1:5000/hello:1", "v1.2.3",
		`href="http://ops.example:11102/api/docs"`, // loopback, as seen from the browser
		`href="http://10.0.0.7:11101/api/docs"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if w.Code != 200 || strings.Contains(body, "<script") || strings.Contains(body, "style=") {
		t.Errorf("%d %s", w.Code, body)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": ""} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if policy := w.Header().Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("policy is %q", policy)
	}
	if empty := ask(t, &fakeCatalog{}, "GET", "/"); !strings.Contains(empty.Body.String(), "No addon") {
		t.Errorf("without addons: %s", empty.Body)
	}
}

func TestMarketplaceAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{graft.Errorf(graft.CodeUnavailable, "no answer from there"), "no answer from there"},
		{graft.WrapError(graft.CodeUnavailable, context.DeadlineExceeded, "x"), "did not answer within 5s"},
		{errors.New("inner text"), "can&#39;t be read"},
	} {
		w := ask(t, &fakeCatalog{err: c.err}, "GET", "/")
		if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), c.want) || strings.Contains(w.Body.String(), "inner") {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
	}
}

func TestOtherPaths(t *testing.T) {
	t.Parallel()
	if w := ask(t, &fakeCatalog{}, "GET", "/nope"); w.Code != 404 || !strings.Contains(w.Body.String(), "no page") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(t, &fakeCatalog{}, "GET", "/static/style.css"); w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") {
		t.Errorf("%d %s", w.Code, w.Header().Get("Content-Type"))
	}
}
