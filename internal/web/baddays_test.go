package web_test

import (
	"bufio"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/app"
	"github.com/graftplatform/graft/internal/driver/fake"
	"github.com/graftplatform/graft/internal/pgtest"
)

// live is a stream of a page that somebody has open.
type live struct {
	t     *testing.T
	lines *bufio.Scanner
}

// watch opens a stream.
func (v *visitor) watch(path string) *live {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.url+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	response, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	return &live{v.t, lines}
}

// until reads on until a line has that text.
func (l *live) until(text string) {
	l.t.Helper()
	for l.lines.Scan() {
		if strings.Contains(l.lines.Text(), text) {
			return
		}
	}
	l.t.Fatalf("the stream ends without %q: %v", text, l.lines.Err())
}

// untilGone reads on until a part comes without that text.
func (l *live) untilGone(text string) {
	l.t.Helper()
	for has, some := false, false; l.lines.Scan(); {
		switch line := l.lines.Text(); {
		case strings.HasPrefix(line, "data: "):
			has, some = has || strings.Contains(line, text), true
		case line == "" && some && !has:
			return
		case line == "":
			has, some = false, false
		}
	}
	l.t.Fatalf("the stream ends with %q: %v", text, l.lines.Err())
}

// installed is a site with an addon that runs.
func (s *site) installed() (*graft.Addon, *graft.Installation) {
	s.t.Helper()
	addon := s.publish(s.hello())
	inst, err := s.client.InstallWith(s.t.Context(), graft.InstallRequest{MarketplaceID: addon.ID})
	if err != nil {
		s.t.Fatal(err)
	}
	s.await(inst.ID, graft.StatusActive)
	return addon, inst
}

// Whose token is revoked is asked to sign in by the next click, and comes back to
// where he was.
func TestRevokedBetweenClicks(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	addon, inst := s.installed()
	another := s.publish(graft.Descriptor{Name: "other", Version: "1.0.0", Services: s.hello().Services})
	issued, err := s.client.CreateToken(t.Context(), client.Engine, graft.TokenRequest{Name: "ann", Role: graft.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	v := s.signedIn(issued.Secret)
	if err := s.client.RevokeToken(t.Context(), client.Engine, issued.ID); err != nil {
		t.Fatal(err)
	}
	back := func(at shown, want string) {
		t.Helper()
		at.has(t, "Where do I find one?")
		u, err := url.Parse(at.path)
		if err != nil || u.Path != "/sign-in" || u.Query().Get("to") != want {
			t.Fatalf("%s is answered at %s", want, at.path)
		}
		if p := s.visitor().post("/sign-in", url.Values{"token": {s.app.Token()}, "to": {u.Query().Get("to")}}); p.status != http.StatusOK || p.path != want {
			t.Errorf("signing in leads to %d at %s, not to %s", p.status, p.path, want)
		}
	}
	for _, path := range []string{
		"/installed", "/installed/" + inst.ID, "/installed/" + inst.ID + "/logs", "/installed/" + inst.ID + "/uninstall",
		"/components", "/audit", "/tokens", "/settings", "/addons/" + another.ID + "/install",
	} {
		back(v.get(path), path)
	}
	// A form leads back to its page.
	for path, page := range map[string]string{
		"/installed/" + inst.ID + "/disable":    "/installed",
		"/addons/" + another.ID + "/install":    "/addons/" + another.ID + "/install?supersede=true",
		"/tokens":                               "/tokens",
		"/review/" + addon.ID + "/reject":       "/review",
		"/installed/" + inst.ID + "/enable":     "/installed/" + inst.ID,
		"/installed/" + another.ID + "/disable": "/",
	} {
		header := map[string]string{"Origin": v.url, "Referer": v.url + page}
		if page == "/" {
			header["Referer"] = "https://evil.example/installed"
		}
		form := url.Values{"name": {"bob"}, "role": {"viewer"}, "plan": {"sha256:" + strings.Repeat("0", 64)}, "reason": {"no"}, "revision": {"1"}}
		back(v.send("POST", path, form, header), page)
	}
	if inst, err := s.client.Installation(t.Context(), inst.ID); err != nil || inst.Desired != graft.DesiredEnabled {
		t.Errorf("it was disabled: %+v, %v", inst, err)
	}
}

// While the database is away pages say so, without a word of how it is spoken to, and
// all of it comes back by itself.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s := newSite(t, func(o *app.Options) { o.Database = server.Database(t) })
	addon, inst := s.installed()
	issued, err := s.client.CreateToken(t.Context(), client.Engine, graft.TokenRequest{Name: "ann", Role: graft.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	// Whose token is in the database can't even be told then.
	admin, ann := s.signedIn(s.app.Token()), s.signedIn(issued.Secret)
	page := admin.watch("/installed/live")
	page.until("Active")
	paths := map[string]int{
		"/": 502, "/addons/" + addon.ID: 502, "/installed": 502, "/installed/" + inst.ID: 502, "/installed/" + inst.ID + "/logs": 502,
		"/installed/" + inst.ID + "/uninstall": 502, "/components": 502, "/review": 502, "/audit": 502, "/tokens": 502, "/settings": 502,
		"/publish?from=" + addon.ID: 502, "/publish/" + addon.ID + "/progress": 502, "/about": 200,
	}
	server.Stop(t)
	for _, v := range []*visitor{admin, ann} {
		for path, status := range paths {
			p := v.get(path)
			if p.status != status || p.path != path {
				t.Errorf("%s is answered %d at %s", path, p.status, p.path)
			}
			p.has(t, "does not answer. See to it that it runs")
			p.lacks(t, "failed to connect", "dial error", "broken pipe", "SQLSTATE", "pgx", "refused")
		}
		v.get("/health").has(t, "healthy")
		v.get("/publish").has(t, "Add New Addon") // needs nobody
	}
	// With what he typed he may wait.
	draft := filled(t, ann.get("/publish?example=hello").body)
	draft.Set("do", "publish")
	draft.Set("description", "typed while it was away")
	ann.post("/publish", draft).has(t, "does not answer. See to it that it runs", "typed while it was away")
	s.visitor().post("/sign-in", url.Values{"token": {issued.Secret}}).has(t, "does not answer. See to it that it runs")
	page.until("does not answer. See to it that it runs")
	page.until("goes on by itself")

	server.Restart(t)
	page.until("Active")
	for path := range paths {
		if p := ann.get(path); p.status != http.StatusOK || p.path != path {
			t.Errorf("%s is answered %d at %s when it is back", path, p.status, p.path)
		}
	}
}

// While Docker is away pages show what was, and say that.
func TestLookingWhileDockerIsAway(t *testing.T) {
	t.Parallel()
	runtime := fake.New(nil)
	runtime.AddImage(fake.AnyImage, fake.Behaviour{})
	s := newSite(t, func(o *app.Options) { o.Driver = runtime })
	_, inst := s.installed()
	v := s.signedIn(s.app.Token())
	const was, away = "This is how it was when containers could be looked at last", "the fake runtime is away"
	v.get("/installed").lacks(t, was)
	list, one, parts := v.watch("/installed/live"), v.watch("/installed/"+inst.ID+"/live"), v.watch("/components/live")
	list.until("Active")
	parts.until("No component was found")
	runtime.SetAway(true)
	list.until(was) // of live parts alone: whole pages don't wait for it
	list.until("Active")
	one.until(was)
	parts.until(away)
	v.get("/about").has(t, "Does not work", away)
	v.get("/health").has(t, "healthy")
	if p := v.get("/components"); p.status != http.StatusBadGateway || !strings.Contains(p.body, away) {
		t.Errorf("components: %d %s", p.status, p.body)
	}
	runtime.SetAway(false)
	parts.until("No component was found")
	list.untilGone(was)
	one.untilGone(was)
}
