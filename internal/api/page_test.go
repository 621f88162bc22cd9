package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
)

func TestPage(t *testing.T) {
	t.Parallel()
	market, _ := newFakes()
	market.list, market.next = []string{`{"_id":"1"}`, `{"_id":"2"}`}, "abc"
	h := NewMarketplace(market, Options{})
	const path = "/api/v1/marketplace/addons"
	all := url.Values{
		"q": {"a b"}, "name": {"n"}, "kind": {"plugin"}, "replaces": {"mongo"}, "plane": {"root"}, "platform": {"amd64"},
		"publisher": {"p"}, "status": {"approved"}, "latest": {"true"}, "waiting": {"true"}, "sort": {"name"}, "limit": {"2"}, "other": {"x"},
	}
	w := ask(t, h, "GET", path+"?"+all.Encode(), "")
	if w.Code != 200 || w.Body.String() != "[{\"_id\":\"1\"},{\"_id\":\"2\"}]\n" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	want := graft.AddonQuery{
		Text: "a b", Name: "n", Kind: graft.KindPlugin, Replaces: "mongo", Plane: graft.PlaneRoot, Platform: "amd64", Publisher: "p",
		Status: graft.AddonApproved, Latest: true, Waiting: true, Sort: graft.SortName, Limit: 2,
	}
	if diff := cmp.Diff([]graft.AddonQuery{want}, market.query); diff != "" {
		t.Error(diff)
	}
	link, ok := strings.CutSuffix(strings.TrimPrefix(w.Header().Get("Link"), "<"), `>; rel="next"`)
	next, err := url.Parse(link)
	if !ok || err != nil || next.Path != path || next.Query().Get("cursor") != "abc" || next.Query().Get("q") != "a b" {
		t.Fatalf("link: %q", w.Header().Get("Link"))
	}
	w = ask(t, h, "GET", link, "")
	if last := market.query[len(market.query)-1]; w.Code != 200 || last.Cursor != "abc" || w.Header().Get("Link") != "" {
		t.Errorf("the next page: %d, asked for %+v, link %q", w.Code, last, w.Header().Get("Link"))
	}
	market.list = nil
	if w := ask(t, h, "GET", path+"?limit=5", ""); w.Body.String() != "[]\n" {
		t.Errorf("an empty page: %s", w.Body)
	}
}

// Without a limit all pages are one answer.
func TestWholeListWithFilters(t *testing.T) {
	t.Parallel()
	market, _ := newFakes()
	market.list, market.next = []string{`{"_id":"1"}`}, "abc"
	w := ask(t, NewMarketplace(market, Options{}), "GET", "/api/v1/marketplace/addons?kind=plugin", "")
	if w.Code != 200 || w.Body.String() != "[{\"_id\":\"1\"},{\"_id\":\"1\"}]\n" || len(market.query) != 2 || market.query[1].Cursor != "abc" {
		t.Errorf("%d %s, asked for %+v", w.Code, w.Body, market.query)
	}
}

func TestBadAddonQueries(t *testing.T) {
	t.Parallel()
	market, _ := newFakes()
	h := NewMarketplace(market, Options{})
	for _, query := range []string{
		"kind=x", "plane=moon", "status=fine", "sort=size", "limit=101", "limit=-1", "limit=x", "latest=2", "waiting=x", "cursor=abc",
		"q=" + strings.Repeat("a", 501),
	} {
		w := ask(t, h, "GET", "/api/v1/marketplace/addons?"+query, "")
		body := errorOf(t, w)
		if errors, ok := body["errors"].(map[string]any); w.Code != 422 || !ok || errors["query"] == nil {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

// Only the store knows whether a cursor is one.
func TestCursorOfAnotherQuery(t *testing.T) {
	t.Parallel()
	market, _ := newFakes()
	market.err = graft.Problems{{Path: []string{"cursor"}, Message: "Not the cursor of a page of this query."}}.Err()
	w := ask(t, NewMarketplace(market, Options{}), "GET", "/api/v1/marketplace/addons?limit=1&cursor=abc", "")
	if errors, ok := errorOf(t, w)["errors"].(map[string]any); w.Code != 422 || !ok || errors["query"] == nil || errors["json"] != nil {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestCacheMayAsk(t *testing.T) {
	t.Parallel()
	market, _ := newFakes()
	market.list = []string{`{"_id":"1"}`}
	h := NewMarketplace(market, Options{})
	for _, path := range []string{
		"/api/v1/marketplace/addons?limit=1", "/api/v1/marketplace/addons/" + someID, "/api/v1/marketplace/names/a",
		"/api/v1/marketplace/names/a/versions", "/api/v1/marketplace/names/a/versions/latest",
	} {
		first := ask(t, h, "GET", path, "")
		tag := first.Header().Get("ETag")
		if first.Code != 200 || tag == "" || first.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d, ETag %q, Cache-Control %q", path, first.Code, tag, first.Header().Get("Cache-Control"))
		}
		for _, have := range []string{tag, `"other", W/` + tag, "*"} {
			if w := ask(t, h, "GET", path, "", "If-None-Match", have); w.Code != http.StatusNotModified || w.Body.Len() != 0 || w.Header().Get("ETag") != tag {
				t.Errorf("%s with %s: %d %s", path, have, w.Code, w.Body)
			}
		}
		if w := ask(t, h, "GET", path, "", "If-None-Match", `"other"`); w.Code != 200 {
			t.Errorf("%s with another tag: %d", path, w.Code)
		}
	}
}
