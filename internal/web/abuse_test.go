package web_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/app"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
	"github.com/graftplatform/graft/internal/web"
)

// What is secret of an addon that is installed is in no page, whole or in part.
func TestNoSecretInAnyPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	addon := s.publish(s.hello())
	v := s.signedIn(s.app.Token())
	v.get("/addons/"+addon.ID+"/install").lacks(t, "hunter2")
	inst, err := s.client.Install(t.Context(), addon.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.await(inst.ID, graft.StatusActive)
	for _, path := range []string{"", "/logs", "/logs/file", "/uninstall"} {
		if p := v.get("/installed/" + inst.ID + path); p.status != http.StatusOK {
			t.Errorf("%s: %d", path, p.status)
		} else {
			p.lacks(t, "hunter2", s.app.Token())
		}
	}
	for _, path := range []string{"/", "/installed", "/components", "/audit", "/tokens", "/settings", "/about", "/review"} {
		v.get(path).lacks(t, "hunter2", s.app.Token())
	}
	v.follow("/installed/"+inst.ID+"/live", "Environment")
	v.get("/installed/"+inst.ID).has(t, "not shown", "good day")
}

// Programs that look where a link leads do not use it up, and pages of other sites
// can't sign somebody in with theirs.
func TestLinksOfOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	made := s.visitor().send("POST", "/sign-in/link", nil, map[string]string{"Authorization": "Bearer " + s.app.Token()})
	link := regexp.MustCompile(`/sign-in/link\?code=[A-Z0-9]{26}`).FindString(made.body)
	if p := s.visitor().send("HEAD", link, nil, nil); p.status != http.StatusNoContent || p.header.Get("Set-Cookie") != "" {
		t.Errorf("HEAD: %+v", p)
	}
	victim := s.visitor()
	for _, site := range []string{"cross-site", "same-site"} {
		if p := victim.send("GET", link, nil, map[string]string{"Sec-Fetch-Site": site}); p.status != http.StatusForbidden || !strings.Contains(p.body, "still good") {
			t.Errorf("%s: %+v", site, p)
		}
	}
	victim.get("/").lacks(t, "Sign out")
	victim.send("GET", link, nil, map[string]string{"Sec-Fetch-Site": "none"}).has(t, "Sign out")
}

// Who signs in gets a session that nobody could know before, and what the browser
// had is good no longer.
func TestSessionsAreNew(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.visitor()
	site, err := url.Parse(v.url)
	if err != nil {
		t.Fatal(err)
	}
	name := "graft_session_" + site.Port()
	v.http.Jar.SetCookies(site, []*http.Cookie{{Name: name, Value: "chosen-by-somebody", Path: "/"}})
	var values []string
	for range 2 {
		v.post("/sign-in", url.Values{"token": {s.app.Token()}, "to": {"/"}}).has(t, "Sign out")
		values = append(values, v.http.Jar.Cookies(site)[0].Value)
	}
	if values[0] == "chosen-by-somebody" || values[0] == values[1] {
		t.Errorf("the cookies were %q", values)
	}
	for _, old := range []string{"chosen-by-somebody", values[0]} {
		other := s.visitor()
		other.http.Jar.SetCookies(site, []*http.Cookie{{Name: name, Value: old, Path: "/"}})
		if p := other.get("/installed"); !strings.HasPrefix(p.path, "/sign-in") {
			t.Errorf("%q leads to %s", old, p.path)
		}
	}
	if p := s.visitor().send("GET", "/", nil, map[string]string{"Cookie": name + "=" + strings.Repeat("x", 32<<10)}); p.status != http.StatusOK {
		t.Errorf("a large cookie: %d", p.status)
	}
}

// HEAD is answered at once, also where GET goes on.
func TestHead(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.signedIn(s.app.Token())
	const none = "/installed/0123456789abcdef01234567"
	for path, want := range map[string]int{
		"/": 200, "/installed": 200, "/installed/live": 200, "/components/live": 200, none + "/live": 200, none + "/logs/stream": 200, none: 404, "/health": 200,
	} {
		if p := v.send("HEAD", path, nil, nil); p.status != want || p.body != "" {
			t.Errorf("%s: %d, %q", path, p.status, p.body)
		}
	}
}

// Forms that are too long, or can't be read, change nothing.
func TestFormsThatAreNone(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.signedIn(s.app.Token())
	if p := v.post("/settings", url.Values{"registries": {strings.Repeat("x\n", 2<<20)}}); p.status != http.StatusUnprocessableEntity {
		t.Errorf("too long: %d", p.status)
	}
	for _, body := range []string{"right.privileged=%zz", "a;b", "registries=evil.example", ""} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, v.url+"/settings", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", v.url)
		response, err := v.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", body, response.StatusCode)
		}
	}
	for _, days := range []string{"x", "0", "-1", "4000", "200000000000000000", "99999999999999999999"} {
		if p := v.post("/tokens", url.Values{"name": {"ci"}, "role": {"viewer"}, "days": {days}}); p.status != http.StatusUnprocessableEntity {
			t.Errorf("%s days: %d", days, p.status)
		}
	}
	if tokens, err := s.client.Tokens(t.Context(), client.Engine); err != nil || len(tokens) != 0 {
		t.Errorf("tokens are %+v, %v", tokens, err)
	}
	for _, path := range []string{
		"/audit?before=-9223372036854775808", "/audit?before=0", "/audit?before=9223372036854775807", "/audit?before=x", "/?q=" + strings.Repeat("x", 2000),
		"/?cursor=x", "/?kind=x", "/?sort=x", "/?status=x", "/?q=%00", "/?q=%ff", "/installed/x", "/addons/..%2f..%2fx", "/tokens?server=x",
	} {
		if p := v.get(path); p.status >= 500 {
			t.Errorf("%s: %d\n%s", path, p.status, p.body)
		}
	}
}

// A dashboard without an engine says so where one would be needed.
func TestMarketplaceAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *app.Options) { o.Roles = []string{app.RoleMarketplace, app.RoleDashboard} })
	v := s.signedIn(s.app.Token())
	v.get("/").lacks(t, "/installed", "/components")
	v.get("/about").lacks(t, "Engine")
	for _, path := range []string{"/installed", "/components", "/settings", "/addons/0123456789abcdef01234567/install"} {
		if p := v.get(path); p.status != http.StatusNotFound || !strings.Contains(p.body, "marketplace alone") {
			t.Errorf("%s: %d at %s", path, p.status, p.path)
		}
	}
}

// The engine of a cluster and a marketplace elsewhere have tokens of their own: the
// one does not learn those of the other.
func TestTokenOfTheEngineAlone(t *testing.T) {
	t.Parallel()
	m := newSite(t, func(o *app.Options) { o.Roles = []string{app.RoleMarketplace, app.RoleDashboard} })
	addon := m.publish(m.hello())
	s := newSite(t, func(o *app.Options) {
		o.Roles, o.Plane, o.Marketplace = []string{app.RoleEngine, app.RoleDashboard}, graft.PlaneCluster, m.app.URLs()[app.RoleMarketplace]
	})
	v := s.signedIn(s.app.Token())
	v.get("/").has(t, "hello", "/addons/"+addon.ID+"/install", "Sign out")
	v.get("/addons/"+addon.ID+"/install").has(t, "Nothing has happened yet")
	v.get("/tokens").lacks(t, "<option>marketplace")
	p := v.get("/review")
	p.has(t, "did not know the token", "/sign-in?to=%2freview")
	if p.status != http.StatusForbidden {
		t.Errorf("review: %d", p.status)
	}
	if p := s.visitor().post("/sign-in", url.Values{"token": {m.app.Token()}}); p.path != "/" {
		t.Errorf("with the marketplace's token: at %s", p.path)
	}
}

// strange is a server that answers nothing that a marketplace or an engine would.
func strange(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL
}

// Servers that answer nonsense are told about, and nothing of it is shown as ours.
func TestStrangeServers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"HTML": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<script>alert(1)</script>") },
		"an error": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<script>alert(1)</script>", http.StatusInternalServerError)
		},
		"an error of theirs": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"code":"conflict","message":"<script>alert(1)</script>"}`)
		},
		"null": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "null") },
		"half": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `[{"_id":`) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", http.StatusFound)
		},
		"no end":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"who are you": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
	} {
		url := strange(t, answer)
		handler, err := web.New(web.Options{Marketplace: web.Server{URL: url}, Engine: web.Server{URL: url}})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		v := &visitor{t: t, url: server.URL, http: &http.Client{Jar: jar}}
		for _, path := range []string{"/", "/addons/0123456789abcdef01234567", "/about", "/sign-in", "/installed"} {
			p := v.get(path)
			p.lacks(t, "<script>alert")
			if p.status == http.StatusInternalServerError {
				t.Errorf("%s, %s: %d", name, path, p.status)
			}
		}
		if p := v.post("/sign-in", map[string][]string{"token": {"x"}}); strings.Contains(p.body, "<script>alert") || strings.Contains(p.body, "Sign out") {
			t.Errorf("%s: signed in: %s", name, p.body)
		}
	}
}

// Docker that is away is told about on a page that is open, which is right again when
// it is back.
func TestDockerAway(t *testing.T) {
	t.Parallel()
	runtime := fake.New(nil)
	s := newSite(t, func(o *app.Options) { o.Driver = runtime })
	v := s.signedIn(s.app.Token())
	runtime.SetAway(true)
	v.get("/about").has(t, "Does not work")
	if p := v.get("/components"); p.status != http.StatusBadGateway || !strings.Contains(p.body, "Not available") {
		t.Errorf("components: %d", p.status)
	}
	v.get("/installed").has(t, "Nothing is installed")
	v.follow("/components/live", "Not available")
	runtime.SetAway(false)
	v.follow("/components/live", "No component was found")
}

// An addon can take the place of another's plugin, for who says so.
func TestSupersede(t *testing.T) {
	t.Parallel()
	runtime := fake.New(nil)
	runtime.AddImage(fake.AnyImage, fake.Behaviour{})
	runtime.AddContainer(driver.Container{
		Name: "system_manager", Image: "manager", Labels: map[string]string{"com.docker.compose.project": "root", "com.docker.compose.service": "system_manager"},
		Endpoints: []driver.Endpoint{{Network: "oakestra"}},
	})
	s := newSite(t, func(o *app.Options) { o.Driver = runtime })
	v := s.signedIn(s.app.Token())
	plugin := func(name string) *graft.Addon {
		return s.publish(graft.Descriptor{Name: name, Version: "1.0.0", Services: []graft.Service{{Name: "system_manager", Image: s.image}}})
	}
	install := func(path string, form url.Values) shown {
		t.Helper()
		p := v.get(path)
		hash := planHash.FindStringSubmatch(p.body)
		if hash == nil {
			t.Fatalf("no plan: %s", p.body)
		}
		form.Set("plan", hash[1])
		to, _, _ := strings.Cut(path, "?")
		return v.post(to, form)
	}
	first, second := plugin("first"), plugin("second")
	p := install("/addons/"+first.ID+"/install", url.Values{})
	id, found := strings.CutPrefix(p.path, "/installed/")
	if !found {
		t.Fatalf("the first: %d: %s", p.status, p.body)
	}
	s.await(id, graft.StatusActive)
	v.get("/components").has(t, "Replaced", "first", "Restore")

	path := "/addons/" + second.ID + "/install"
	p = v.get(path)
	p.has(t, "first can make room for it", path+"?supersede=true")
	p.lacks(t, `<button class="primary">`)
	p = v.get(path + "?supersede=true")
	p.has(t, `name="supersede" value="true"`, `<button class="primary">`)
	p.lacks(t, "can make room for it")
	p = install(path+"?supersede=true", url.Values{"supersede": {"true"}})
	over, found := strings.CutPrefix(p.path, "/installed/")
	if !found {
		t.Fatalf("the second: %d: %s", p.status, p.body)
	}
	s.await(over, graft.StatusActive)
	v.get("/installed/"+id).has(t, "Superseded by another addon")
}

// What needs consent is not installed without it, nor by a plan that is not the one
// that was shown.
func TestConsentOnThePage(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.signedIn(s.app.Token())
	d := s.hello()
	d.Services[0].Volumes = []string{"/etc/hello:/etc/hello"}
	path := "/addons/" + s.publish(d).ID + "/install"
	p := v.get(path)
	hash, grant := planHash.FindStringSubmatch(p.body), regexp.MustCompile(`name="consent" value="([^"]+)" required`).FindStringSubmatch(p.body)
	if hash == nil || grant == nil {
		t.Fatalf("no plan, or nothing to agree to: %s", p.body)
	}
	for _, form := range []url.Values{{"plan": {hash[1]}}, {"plan": {hash[1]}, "consent": {"privileged"}}, {"plan": {"sha256:" + strings.Repeat("1", 64)}, "consent": {grant[1]}}} {
		p := v.post(path, form)
		if p.status != http.StatusConflict {
			t.Errorf("%v: %d at %s", form, p.status, p.path)
		}
		p.has(t, "Nothing was touched", `name="plan" value="`+hash[1])
	}
	v.get("/installed").has(t, "Nothing is installed")
	if p := v.post(path, url.Values{"plan": {hash[1]}, "consent": {grant[1]}}); !strings.HasPrefix(p.path, "/installed/") {
		t.Errorf("with consent: %d at %s", p.status, p.path)
	}
}

// Who looks at a page when his token is revoked sees no more of it.
func TestRevokedWhileLooking(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	issued, err := s.client.CreateToken(t.Context(), client.Engine, graft.TokenRequest{Name: "ann", Role: graft.RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	v := s.signedIn(issued.Secret)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.url+"/installed/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := v.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := response.Body.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.client.RevokeToken(t.Context(), client.Engine, issued.ID); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(rest), "Nothing is installed") {
		t.Errorf("the stream had %q, %v", rest, err)
	}
	if p := v.get("/installed/live"); !strings.HasPrefix(p.path, "/sign-in?to=") {
		t.Errorf("the stream leads to %s", p.path)
	}
	if p := v.send("GET", "/installed/live", nil, map[string]string{"HX-Request": "true"}); p.status != http.StatusUnauthorized {
		t.Errorf("a script is answered %d", p.status)
	}
}
