package api

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
)

const secret = "0123456789abcdef0123456789abcdef"

// request is a valid one for a route.
type request struct {
	route
	path, body string
}

func requestsFor(h http.Handler) []request {
	bodies := map[string]string{
		"POST /api/v1/marketplace/addons":        `{"name":"a","services":[{"service_name":"s","image":"i"}]}`,
		"POST /api/v1/addons":                    `{"marketplace_id":"` + someID + `"}`,
		"POST /api/v1/addons?dry_run=true":       `{"marketplace_id":"` + someID + `"}`,
		"POST /api/v1/tokens":                    `{"name":"ann","role":"viewer"}`,
		"PATCH /api/v1/addons/{id}":              `{"status":"disabling"}`,
		"PATCH /api/v1/addons/{id}?dry_run=true": `{"marketplace_id":"` + someID + `"}`,
		"PATCH /api/v1/marketplace/names/{name}": `{"publisher":"p"}`,
		"PUT /api/v1/policy":                     `{"rights":{"device":"deny"}}`,
	}
	var requests []request
	for _, c := range h.(*service).routes {
		requests = append(requests, request{
			route: c.route,
			path:  strings.NewReplacer("{id}", someID, "{name}", "a%20name", "{version}", "^1.2").Replace(c.pattern),
			body:  bodies[c.method+" "+c.pattern],
		})
	}
	return requests
}

func both(market Market, engine Engine, o Options) map[string]http.Handler {
	if o.Tokens == nil {
		o.Tokens = fakeTokens{market}
	}
	if o.Audit == nil {
		o.Audit = &fakeAudit{market: market}
	}
	return map[string]http.Handler{"marketplace": NewMarketplace(market, o), "engine": NewEngine(engine, o)}
}

func TestEveryRouteAnswers(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	for name, h := range both(market, engine, Options{}) {
		for _, r := range requestsFor(h) {
			t.Run(name+" "+r.method+r.pattern, func(t *testing.T) {
				for _, path := range []string{r.path, slashed(r.path)} {
					w := ask(t, h, r.method, path, r.body)
					if w.Code < 200 || w.Code > 204 {
						t.Errorf("%s %s: %d %s", r.method, path, w.Code, w.Body)
					}
					if r.method == http.MethodGet {
						if head := ask(t, h, http.MethodHead, path, ""); head.Code != w.Code {
							t.Errorf("HEAD %s: %d, GET: %d", path, head.Code, w.Code)
						}
					}
				}
				w := ask(t, h, "BREW", r.path, "")
				errorOf(t, w)
				if allow := w.Header().Get("Allow"); w.Code != http.StatusMethodNotAllowed || !strings.Contains(allow, r.method) {
					t.Errorf("wrong method: %d, Allow %q", w.Code, allow)
				}
				if w := ask(t, h, http.MethodOptions, r.path, ""); w.Code != http.StatusOK || w.Body.Len() != 0 {
					t.Errorf("OPTIONS: %d %q", w.Code, w.Body)
				}
			})
		}
	}
}

// slashed is a path with a slash at its end, in front of the query.
func slashed(path string) string {
	path, query, found := strings.Cut(path, "?")
	path = strings.TrimSuffix(path, "/") + "/"
	if found {
		path += "?" + query
	}
	return path
}

func TestEveryRouteMapsEveryError(t *testing.T) {
	t.Parallel()
	statuses := map[graft.Code]int{
		graft.CodeMalformed: 400, graft.CodeInvalid: 422, graft.CodeExists: 400, graft.CodeNotFound: 404,
		graft.CodeConflict: 409, graft.CodeRefused: 409, graft.CodeUnauthorized: 401, graft.CodeForbidden: 403,
		graft.CodeTooLarge: 413, graft.CodeTooMany: 429, graft.CodeUpstream: 502, graft.CodeUnavailable: 503,
		graft.CodeInternal: 500, graft.CodeConsent: 403,
	}
	for code, status := range statuses {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			market, engine := newFakes()
			market.err = graft.WrapError(code, errors.New("inner text"), "outer text")
			engine.err = market.err
			for _, h := range both(market, engine, Options{}) {
				for _, r := range requestsFor(h) {
					if independent(r.pattern) || r.pattern == "/readyz" {
						continue
					}
					w := ask(t, h, r.method, r.path, r.body)
					body := errorOf(t, w)
					if w.Code != status || body["error_code"] != string(code) {
						t.Errorf("%s %s: %d %s, want %d", r.method, r.pattern, w.Code, w.Body, status)
					}
					if strings.Contains(w.Body.String(), "inner") || (status != 500) != strings.Contains(w.Body.String(), "outer text") {
						t.Errorf("%s %s: body %s", r.method, r.pattern, w.Body)
					}
					if challenge := w.Header().Get("WWW-Authenticate"); (status == 401) != (challenge != "") {
						t.Errorf("WWW-Authenticate is %q", challenge)
					}
				}
			}
		})
	}
}

// independent is whether a route's answer does not depend on market or engine.
func independent(pattern string) bool {
	switch pattern {
	case "/", "/healthz", "/api/v1/version", "/schemas/descriptor.json", "/docs/openapi.json", "/api/docs", "/api/docs/rapidoc-min.js",
		"/metrics", "/api/v1/whoami":
		return true
	}
	return false
}

func TestInternalErrorsAreLoggedNotSent(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	market, engine := newFakes()
	market.err = errors.New("secret of the house")
	engine.inst = nil // makes no panic by itself: encodes as null
	options := Options{Log: slog.New(slog.NewTextHandler(&log, nil))}
	w := ask(t, NewMarketplace(market, options), "GET", "/api/v1/marketplace/addons/"+someID, "")
	body := errorOf(t, w)
	message, _ := body["message"].(string)
	id := strings.TrimSuffix(message[strings.LastIndex(message, " ")+1:], ".")
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || !strings.Contains(log.String(), id) ||
		!strings.Contains(log.String(), "secret of the house") {
		t.Errorf("%d %s\nlog: %s", w.Code, w.Body, &log)
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	// A nil market panics in every handler that uses it.
	w := ask(t, NewMarketplace(nil, Options{}), "GET", "/api/v1/marketplace/addons/"+someID, "")
	if errorOf(t, w); w.Code != 500 || strings.Contains(w.Body.String(), "nil pointer") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Of what is away strangers read the message; the cause is in the log.
func TestCausesAreForTheLog(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/api/v1/addons", "/readyz"} {
		var log strings.Builder
		_, engine := newFakes()
		engine.err = graft.WrapError(graft.CodeUnavailable, errors.New("at db.internal"), "The database does not answer.")
		h := NewEngine(engine, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		for range 3 {
			if w := ask(t, h, "GET", path, ""); w.Code != 503 || strings.Contains(w.Body.String(), "db.internal") {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		if told := strings.Count(log.String(), "at db.internal"); told != 1 {
			t.Errorf("%s: the log tells it %d times, not once a minute:\n%s", path, told, log.String())
		}
	}
}

func TestReadyz(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	engine.err = graft.Errorf(graft.CodeUpstream, "Docker does not answer")
	w := ask(t, NewEngine(engine, Options{}), "GET", "/readyz", "")
	if body := errorOf(t, w); w.Code != 503 || body["message"] != "Docker does not answer" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	market, _ := newFakes()
	market.err = graft.Errorf(graft.CodeNotFound, "Addon not found")
	if w := ask(t, NewMarketplace(market, Options{}), "GET", "/readyz", ""); w.Code != 200 {
		t.Errorf("marketplace: %d %s", w.Code, w.Body)
	}
}

func TestUnknownPaths(t *testing.T) {
	t.Parallel()
	market, _ := newFakes()
	h := NewMarketplace(market, Options{Auth: secretOnly{}})
	for _, path := range []string{
		"/nope", "/api/v1/marketplace", "/api/v1/marketplace/addons//", "//api/v1/marketplace/addons",
		"/api//v1/marketplace/addons", "/api/v1/./marketplace/addons", "/api/v1/marketplace/addons/x/y", "/API/v1/version",
	} {
		w := ask(t, h, "GET", path, "")
		if errorOf(t, w); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, id := range []string{"abc", "6b0342fd771242bc7f1c506", "zb0342fd771242bc7f1c506c", "%20"} {
		w := ask(t, h, "GET", "/api/v1/marketplace/addons/"+id, "")
		if body := errorOf(t, w); w.Code != 404 || body["message"] != "Addon not found" {
			t.Errorf("id %s: %d %s", id, w.Code, w.Body)
		}
	}
	if w := ask(t, h, "GET", "/api/v1/marketplace/addons/"+strings.ToUpper(someID), ""); w.Code != 200 {
		t.Errorf("id in upper case: %d", w.Code)
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	for name, h := range both(market, engine, Options{Auth: secretOnly{}}) {
		for _, r := range requestsFor(h) {
			for _, credentials := range []string{"", "Bearer", "Bearer wrong", "Basic " + secret, "Bearer " + secret + "0", secret} {
				w := ask(t, h, r.method, r.path, r.body, "Authorization", credentials)
				if (w.Code == 401) != (r.needs != "") {
					t.Errorf("%s: %s %s with %q: %d", name, r.method, r.pattern, credentials, w.Code)
				}
			}
			for _, credentials := range []string{"Bearer " + secret, "bearer  " + secret} {
				if w := ask(t, h, r.method, r.path, r.body, "Authorization", credentials); w.Code > 204 {
					t.Errorf("%s: %s %s with the token: %d %s", name, r.method, r.pattern, w.Code, w.Body)
				}
			}
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	market, _ := newFakes()
	const path, dashboard = "/api/v1/marketplace/addons", "http://localhost:11103"
	for _, c := range []struct {
		name, origin string
		allowed      []string
		want         string
	}{
		{"dashboard", dashboard, nil, dashboard},
		{"other", "http://evil.example", nil, ""},
		{"null", "null", nil, ""},
		{"none allowed", dashboard, []string{}, ""},
		{"chosen", "https://ops.example", []string{"https://ops.example"}, "https://ops.example"},
		{"all", "http://evil.example", []string{"*"}, "*"},
	} {
		h := NewMarketplace(market, Options{Origins: c.allowed, Auth: secretOnly{}})
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			w := ask(t, h, method, path, "", "Origin", c.origin, "Access-Control-Request-Method", "POST",
				"Access-Control-Request-Headers", "content-type,authorization")
			header := w.Header()
			if got := header.Get("Access-Control-Allow-Origin"); got != c.want || header.Get("Vary") != "Origin" {
				t.Errorf("%s: %s: allowed %q, vary %q", c.name, method, got, header.Get("Vary"))
			}
			if header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s: credentials are allowed", c.name)
			}
			if exposed := header.Get("Access-Control-Expose-Headers"); (exposed == "ETag, Link, Location, Retry-After") != (c.want != "") {
				t.Errorf("%s: %s: exposed are %q", c.name, method, exposed)
			}
			preflight := method == "OPTIONS" && c.want != ""
			for _, name := range []string{"Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age"} {
				if (header.Get(name) != "") != preflight {
					t.Errorf("%s: %s: %s is %q", c.name, method, name, header.Get(name))
				}
			}
			if preflight {
				if w.Code != 200 || !strings.Contains(header.Get("Access-Control-Allow-Methods"), "POST") ||
					header.Get("Access-Control-Allow-Headers") != "Authorization, Content-Type, If-None-Match, Last-Event-ID, Traceparent" {
					t.Errorf("%s: preflight %d %v", c.name, w.Code, header)
				}
			}
		}
	}
}

// Only the API is for pages of other origins; and who does not ask what is allowed
// is not told.
func TestOriginsReadTheAPIOnly(t *testing.T) {
	t.Parallel()
	market, _ := newFakes()
	h := NewMarketplace(market, Options{Origins: []string{"*"}})
	for path, want := range map[string]string{"/api/v1/version": "*", "/": "", "/healthz": "", "/metrics": "", "/docs/openapi.json": ""} {
		header := ask(t, h, "GET", path, "", "Origin", "http://ops.example").Header()
		if got := header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: allowed %q", path, got)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, header)
		}
	}
	header := ask(t, h, "OPTIONS", "/api/v1/version", "", "Origin", "http://ops.example").Header()
	if header.Get("Access-Control-Allow-Origin") != "*" || header.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("no preflight: %v", header)
	}
}
