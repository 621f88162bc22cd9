package browser_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
)

// evil is a text that runs, loads or styles something if a page takes it for HTML,
// wherever it is put.
const evil = `x'"><img src=x onerror="hacked=1"><script>hacked=1</script><svg onload="hacked=1"></svg>` +
	`<style>*{display:none}</style><iframe src="http://elsewhere.test/frame"></iframe><img src="http://elsewhere.test/x.png">{{.}}${hacked=1}`

// evilReadme is Markdown that tries the same, and what Markdown has of its own.
const evilReadme = evil + "\n\n# " + evil + "\n\n" + `[a link](javascript:hacked=1) [another](data:text/html,<script>hacked=1</script>) [a third](JaVaScRiPt&colon;hacked=1)
![a picture](http://elsewhere.test/x.png) ![another](javascript:hacked=1)
<javascript:hacked=1> <a href="javascript:hacked=1" onclick="hacked=1">click</a> <a href=" &#106;avascript:hacked=1">click</a>

<form action="/sign-out" method="post"><button>Sign out</button></form>
<meta http-equiv="refresh" content="0;url=http://elsewhere.test/"><base href="http://elsewhere.test/"><link rel="stylesheet" href="http://elsewhere.test/x.css">
<div hx-get="/installed" hx-trigger="load" hx-sse:connect="/installed/live" data-hx-on:click="hacked=1" class="top" id="main" style="position:fixed">over all of it</div>
<object data="http://elsewhere.test/x"></object><embed src="http://elsewhere.test/x"><video src="http://elsewhere.test/x" autoplay></video><math><mtext><style><img src=x onerror=hacked=1></style></mtext></math>

` + "```" + evil + "\n" + evil + "\n```\n\n| " + evil + " |\n|---|\n| " + evil + " |\n"

// evilDescriptor has that wherever a descriptor takes a text. It can be run.
func (s *site) evilDescriptor(name string) *graft.Descriptor {
	s.t.Helper()
	service, volume := s.prefix+"-"+name, s.prefix+"-data"
	return &graft.Descriptor{
		Name: name, Description: evil, Readme: evilReadme, Homepage: "https://elsewhere.test/" + evil,
		Services: []graft.Service{{
			Name: service, Image: s.image(name), Command: "'" + `"><script>hacked=1</script>` + "'",
			Environment: map[string]string{strings.ReplaceAll(evil, "=", ""): evil, "PRINT": "<b>hello</b> from inside " + evil},
			Labels:      map[string]string{evil: evil}, WorkingDir: "/tmp/" + evil, Entrypoint: []string{"/app", evil},
			Healthcheck: &graft.Healthcheck{Test: []string{"CMD", "/app", "-healthcheck", evil}},
			Volumes:     []string{volume + ":/tmp/<img src=x onerror=hacked=1>"}, Tmpfs: []string{"/tmp/<svg onload=hacked=1>"},
			CapAdd: []string{"NET_ADMIN"},
		}},
		Volumes: []graft.Volume{{Name: volume, Driver: "local", Labels: map[string]string{evil: evil}}},
	}
}

// What strangers write is text on every page that shows it.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--review", "manual")
	waiting := s.submit(s.evilDescriptor("waiting"))
	rejected, err := s.Reject(t.Context(), s.submit(s.evilDescriptor("rejected")).ID, evil)
	if err != nil {
		t.Fatal(err)
	}
	approved, err := s.Approve(t.Context(), s.submit(s.evilDescriptor("approved")).ID, evil)
	if err != nil {
		t.Fatal(err)
	}
	s.tellAudit(strings.ReplaceAll(evil, "/", "")) // which leads elsewhere
	p := s.signedIn()
	p.open("/addons/" + approved.ID + "/install")
	p.see("Nothing has happened yet.")
	p.harmless()
	inst := s.installed(approved, []string{"capability:NET_ADMIN"})
	query := url.QueryEscape(evil)
	for _, page := range []struct {
		path   string
		status int
		shows  string // a part of what the stranger wrote
	}{
		{"/", 200, "<script>hacked=1</script>"},
		{"/?view=table", 200, "approved"},
		{"/?q=" + query, 200, "approved"},
		{"/?replaces=" + query, 200, "No addon is like that"},
		{"/?status=verification_failed", 200, "rejected"},
		{"/addons/" + approved.ID, 200, "<script>hacked=1</script>"},
		{"/addons/" + rejected.ID, 200, "Rejected by admin"},
		{"/addons/" + waiting.ID, 200, "<script>hacked=1</script>"},
		{"/addons/" + url.PathEscape(evil), 404, "Not found"},
		{"/publish?from=" + approved.ID, 200, "Publish"},
		{"/publish/" + waiting.ID + "/progress", 200, "waiting"},
		{"/review", 200, "<script>hacked=1</script>"},
		{"/installed", 200, "approved"},
		{"/installed/" + inst.ID, 200, "<script>hacked=1</script>"},
		{"/installed/" + inst.ID + "/logs", 200, "<b>hello</b> from inside"},
		{"/installed/" + inst.ID + "/logs?service=" + query, 404, "has no service"},
		{"/installed/" + inst.ID + "/uninstall", 200, "approved"},
		{"/components", 200, "Components"},
		{"/audit?server=marketplace", 200, "%3Cscript%3E"},
		{"/sign-in?to=" + query, 200, "Sign in"},
		{"/sign-in/link?code=" + query, 401, "used before"},
		{"/no/" + url.PathEscape(evil), 404, "Not found"},
	} {
		p.openWith(page.path, page.status)
		p.see(page.shows)
		p.harmless()
	}
}

// What people themselves type comes back as text, too.
func TestHostileForms(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.signedIn()
	p.watch.allow("status of 422")
	p.open("/tokens")
	p.fill("Name of who has it", evil[:60])
	p.click("Make a token")
	p.see("Use 1 to 63 letters")
	p.harmless()
	p.open("/settings")
	p.fill("Registries whose images are allowed, one a line; none: all", evil)
	p.fill("Folders of this host that need no consent, one a line", "/srv/"+evil)
	p.click("Save")
	p.see("is not the host of a registry")
	p.harmless()
	p.open("/")
	p.fill("Search addons", evil)
	p.asks("q", evil)
	p.harmless()
}

// tellAudit has somebody ask for an address with that in it, which the audit tells of.
func (s *site) tellAudit(text string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodDelete, s.market+"/api/v1/marketplace/addons/"+url.PathEscape(text), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	response.Body.Close()
}

// harmless fails if a text has become a part of the page that does something. What
// the page's policy kept from running is among the faults of the tab.
func (p *tab) harmless() {
	p.t.Helper()
	var found []string
	p.evaluate(&found, `() => {
		const found = [];
		if (window.hacked !== undefined) found.push("a script ran");
		for (const e of document.querySelectorAll("*")) {
			const own = e.matches("link[href^='/static/'], script[src^='/static/'], .cm-editor *");
			if (e.matches("img, iframe, object, embed, video, style, base, link, script, math, meta[http-equiv]") && !own) found.push(e.outerHTML);
			for (const { name, value } of e.attributes) {
				if (name.startsWith("on") || name.includes("hx-on") || /^\s*(javascript|data):/i.test(value) && /^(href|src|action|formaction)$/.test(name)) found.push(e.outerHTML);
			}
		}
		for (const e of document.querySelectorAll(".readme *")) {
			if (e.id || e.className || e.matches("form, button, input") || [...e.attributes].some(({ name }) => name.includes("hx-"))) found.push(e.outerHTML);
		}
		return found;
	}`)
	for _, what := range found {
		p.t.Errorf("at %s: %s", p.address(), what)
	}
}
