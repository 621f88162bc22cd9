package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/app"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	v := newSite(t, nil).visitor()
	for _, path := range []string{"/health", "/health/"} {
		p := v.get(path)
		if p.status != 200 || p.body != "healthy" || p.header.Get("Access-Control-Allow-Origin") != "*" ||
			p.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" || p.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %+v", path, p)
		}
	}
	if p := v.send("OPTIONS", "/health", nil, nil); p.status != 200 {
		t.Errorf("OPTIONS: %+v", p)
	}
	if p := v.post("/health", nil); p.status != 405 {
		t.Errorf("POST: %+v", p)
	}
}

// planHash finds what a page before an installation agrees to.
var planHash = regexp.MustCompile(`name="plan" value="([^"]+)"`)

// TestLife is what an operator does with an addon, with forms alone.
func TestLife(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.signedIn(s.app.Token())
	v.get("/").has(t, "No addon has been published yet", "Add New Addon", "Sign out")
	v.get("/installed").has(t, "Nothing is installed")
	addon := s.publish(s.hello())
	v.get("/").has(t, "hello", "says hello", "/addons/"+addon.ID+"/install")
	v.get("/?q=gree&view=table").has(t, "<table", "hello")
	v.get("/?q=nothing-like-that").has(t, "No addon is like that")
	v.get("/addons/"+addon.ID).has(t, "greeter", s.image, "The descriptor is valid", "graft install hello")

	p := v.get("/addons/" + addon.ID + "/install")
	p.has(t, "Nothing has happened yet", "create container", "Nothing beyond its own containers")
	hash := planHash.FindStringSubmatch(p.body)
	if hash == nil {
		t.Fatalf("no plan in %s", p.body)
	}
	if p := v.post("/addons/"+addon.ID+"/install", url.Values{"plan": {"sha256:" + strings.Repeat("0", 64)}}); p.status != http.StatusConflict {
		t.Errorf("another plan: %d at %s", p.status, p.path)
	}
	p = v.post("/addons/"+addon.ID+"/install", url.Values{"plan": {hash[1]}})
	id, found := strings.CutPrefix(p.path, "/installed/")
	if !found || p.status != http.StatusOK {
		t.Fatalf("install: %d at %s: %s", p.status, p.path, p.body)
	}
	v.follow("/installed/"+id+"/live", "Active")
	p = v.get("/installed/" + id)
	p.has(t, "Active", "greeter", "Running", "Timeline", "good day", "Disable", "Uninstall", "not shown")
	p.lacks(t, "hunter2")
	v.get("/").has(t, `class="installed"`)
	v.follow("/installed/"+id+"/logs/stream", "hello from inside")
	v.get("/installed/"+id+"/logs/file").has(t, "hello from inside")
	v.get("/installed/"+id+"/logs?service=greeter").has(t, "Logs of hello", "?service=greeter")
	if p := v.get("/installed/" + id + "/logs?service=other"); p.status != http.StatusNotFound {
		t.Errorf("logs of a service that is none: %d", p.status)
	}

	next := s.hello()
	next.Version = "1.1.0"
	second := s.publish(next)
	v.get("/installed/"+id).has(t, "Version 1.1.0 is there")
	p = v.get("/addons/" + second.ID + "/install")
	p.has(t, "Change hello from 1.0.0 to 1.1.0")
	hash = planHash.FindStringSubmatch(p.body)
	v.post("/addons/"+second.ID+"/install", url.Values{"plan": {hash[1]}, "upgrade": {id}})
	v.follow("/installed/"+id+"/live", "<small>1.1.0</small>")
	s.await(id, graft.StatusActive)
	v.get("/installed/"+id).lacks(t, "is there, published")

	v.post("/installed/"+id+"/disable", nil)
	s.await(id, graft.StatusDisabled)
	v.get("/installed").has(t, "Disabled", "Enable")
	v.post("/installed/"+id+"/enable", nil)
	s.await(id, graft.StatusActive)
	v.get("/installed/"+id+"/uninstall").has(t, "Uninstall hello?")
	v.post("/installed/"+id+"/uninstall", url.Values{"data": {"remove"}})
	v.follow("/installed/"+id+"/live", "It is uninstalled")
	v.get("/installed/"+id).has(t, "It is uninstalled")
	v.get("/installed").has(t, "Nothing is installed")
	v.get("/audit").has(t, "POST /api/v1/addons", "admin")
	if p := v.get("/no-such-page"); p.status != http.StatusNotFound {
		t.Errorf("a page that is none: %d", p.status)
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.visitor()
	if p := v.get("/installed"); p.path != "/sign-in?to=%2Finstalled" {
		t.Errorf("without a session: at %s", p.path)
	}
	if p := v.post("/sign-in", url.Values{"token": {"wrong"}, "to": {"/installed"}}); p.status != http.StatusUnauthorized ||
		!strings.Contains(p.body, "No server knows this token") || !strings.Contains(p.body, `value="/installed"`) {
		t.Errorf("a wrong token: %+v", p)
	}
	if p := v.post("/sign-in", url.Values{"token": {" " + s.app.Token() + "\n"}, "to": {"/installed"}}); p.path != "/installed" {
		t.Errorf("the right token leads to %s", p.path)
	}
	if p := v.post("/sign-out", nil); p.path != "/" || strings.Contains(p.body, "Sign out") {
		t.Errorf("sign-out: %+v", p)
	}
	if p := v.get("/installed"); !strings.HasPrefix(p.path, "/sign-in") {
		t.Errorf("after the sign-out: at %s", p.path)
	}
	for _, to := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", "/sign-out"} {
		if p := s.visitor().post("/sign-in", url.Values{"token": {s.app.Token()}, "to": {to}}); p.path != "/" {
			t.Errorf("%s leads to %s", to, p.path)
		}
	}
}

// Who was signed in is told that he is not any more, and looks so.
func TestSessionIsOver(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	issued, err := s.client.CreateToken(t.Context(), client.Engine, graft.TokenRequest{Name: "ann", Role: graft.RoleOperator})
	if err != nil {
		t.Fatal(err)
	}
	const over = "You are not signed in any more"
	v := s.visitor()
	v.get("/installed").lacks(t, over)
	v.post("/sign-in", url.Values{"token": {issued.Secret}})
	v.get("/installed").has(t, "ann", "Sign out")
	v.get("/sign-in?to=/review").lacks(t, over) // for which he needs another token
	if err := s.client.RevokeToken(t.Context(), client.Engine, issued.ID); err != nil {
		t.Fatal(err)
	}
	p := v.get("/installed")
	p.has(t, over, `value="/installed"`)
	p.lacks(t, "Sign out", "ann")
	v.post("/sign-in", url.Values{"token": {s.app.Token()}})
	v.post("/sign-out", nil)
	v.get("/installed").lacks(t, over)
}

// A form that failed leads back to its page.
func TestWayBackFromAForm(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.signedIn(s.app.Token())
	send := func(from string) shown {
		return v.send(http.MethodPost, "/review/0123456789abcdef01234567/reject", url.Values{"revision": {"1"}},
			map[string]string{"Origin": s.url, "Referer": from})
	}
	send(s.url+"/review").has(t, `<a class="button" href="/review">`)
	for _, from := range []string{"http://evil.example/review", s.url + "//evil.example/", s.url + "/", ""} {
		send(from).lacks(t, "Back</a>")
	}
	v.get("/no-such-page").lacks(t, "Back</a>")
}

// The command line gives the browser a link that is good once.
func TestLink(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	link := s.visitor().send("POST", "/sign-in/link", nil, map[string]string{"Authorization": "Bearer " + s.app.Token()})
	code := regexp.MustCompile(`^\{"url":"(/sign-in/link\?code=[A-Z0-9]{26})"\}\n$`).FindStringSubmatch(link.body)
	if link.status != http.StatusCreated || code == nil {
		t.Fatalf("%+v", link)
	}
	s.visitor().get(code[1]).has(t, "Sign out", "admin")
	if p := s.visitor().get(code[1]); p.status != http.StatusUnauthorized || !strings.Contains(p.body, "used before") {
		t.Errorf("the second time: %+v", p)
	}
	if p := s.visitor().send("POST", "/sign-in/link", nil, map[string]string{"Authorization": "Bearer wrong"}); p.status != http.StatusUnauthorized {
		t.Errorf("a wrong token: %+v", p)
	}
}

// Where nobody is asked, everybody is signed in.
func TestNobodyIsAsked(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *app.Options) { o.Auth = app.AuthNone })
	p := s.visitor().get("/installed")
	if p.path != "/installed" {
		t.Errorf("at %s", p.path)
	}
	p.has(t, "Nothing is installed", "anonymous")
	p.lacks(t, "Sign out")
}

// What the role of a token does not allow is neither offered nor done.
func TestRoles(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	addon := s.publish(s.hello())
	issued, err := s.client.CreateToken(t.Context(), client.Engine, graft.TokenRequest{Name: "ann", Role: graft.RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	v := s.signedIn(issued.Secret)
	v.get("/").lacks(t, "/publish", "/tokens", "/review")
	v.get("/addons/"+addon.ID+"/install").has(t, "ask an operator")
	if p := v.post("/addons/"+addon.ID+"/install", nil); p.status != http.StatusForbidden {
		t.Errorf("installing: %d", p.status)
	}
	for _, path := range []string{"/tokens", "/audit", "/review"} {
		if p := v.get(path); p.status != http.StatusForbidden {
			t.Errorf("%s: %d", path, p.status)
		}
	}
	if err := s.client.RevokeToken(t.Context(), client.Engine, issued.ID); err != nil {
		t.Fatal(err)
	}
	if p := v.get("/installed"); !strings.HasPrefix(p.path, "/sign-in") {
		t.Errorf("with a token that was revoked: at %s", p.path)
	}
}

// Pages of other sites can't use the session of who looks at them.
func TestForeignForms(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.signedIn(s.app.Token())
	for _, header := range []map[string]string{
		{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
		{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
	} {
		if p := v.send("POST", "/sign-out", nil, header); p.status != http.StatusForbidden {
			t.Errorf("%v: %d", header, p.status)
		}
	}
	p := v.get("/installed")
	if p.path != "/installed" {
		t.Errorf("signed out all the same: at %s", p.path)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store", "Access-Control-Allow-Origin": "",
	} {
		if got := p.header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if policy := p.header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("the policy is %q", policy)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.signedIn(s.app.Token())
	if p := v.post("/tokens", url.Values{"name": {"admin"}, "role": {"viewer"}}); p.status != http.StatusUnprocessableEntity {
		t.Errorf("a name that is taken: %+v", p)
	}
	p := v.post("/tokens", url.Values{"name": {"ci"}, "role": {"publisher"}, "days": {"30"}})
	p.has(t, "The token of ci", "publisher")
	secret := regexp.MustCompile(`<pre class="code" tabindex="0">([^<]+)</pre>`).FindStringSubmatch(p.body)
	if secret == nil {
		t.Fatal("no secret")
	}
	v.get("/tokens").lacks(t, secret[1])
	s.signedIn(secret[1]).get("/").has(t, "ci")
	id := regexp.MustCompile(`/tokens/([0-9a-f]{24})/revoke`).FindStringSubmatch(p.body)
	v.post("/tokens/"+id[1]+"/revoke", nil).has(t, "revoked")
	if p := s.visitor().post("/sign-in", url.Values{"token": {secret[1]}}); p.status != http.StatusUnauthorized {
		t.Errorf("the revoked token: %d", p.status)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.signedIn(s.app.Token())
	form := url.Values{"registries": {"ghcr.io\ndocker.io"}, "host_paths": {"/srv/my data\n"}}
	for _, kind := range graft.RightKinds() {
		form.Set("right."+string(kind), "ask")
	}
	form.Set("right.privileged", "deny")
	v.post("/settings", form).has(t, "Saved", "/srv/my data", "ghcr.io")
	policy, err := s.client.Policy(t.Context())
	if err != nil || policy.Rights[graft.RightPrivileged] != graft.PolicyDeny || len(policy.Registries) != 2 || policy.HostPaths[0] != "/srv/my data" {
		t.Errorf("the policy is %+v, %v", policy, err)
	}
	form.Set("host_paths", "../etc")
	if p := v.post("/settings", form); p.status != http.StatusUnprocessableEntity || !strings.Contains(p.body, "../etc") {
		t.Errorf("a bad path: %+v", p)
	}
	v.get("/about").has(t, "Works", "Engine, with Docker")
}
