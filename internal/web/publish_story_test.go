package web_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestPublishStory is what an author does, at a real marketplace: what is wrong
// with his addon he is told, he mends it, and it can be installed.
func TestPublishStory(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.signedIn(s.app.Token())
	press := func(p shown, do string, changes map[string]string) shown {
		t.Helper()
		form := filled(t, p.body)
		for name, value := range changes {
			form.Set(name, value)
		}
		form.Set("do", do)
		return v.post("/publish", form)
	}
	p := press(v.get("/publish?example=hello"), "publish", map[string]string{"services.0.image": "", "services.0.ports.0.value": "much"})
	if p.status != http.StatusUnprocessableEntity {
		t.Errorf("%d at %s", p.status, p.path)
	}
	p.has(t, "It was not published", "It must not be empty", "is not a host port", `href="#services.0.image"`)

	p = press(p, "publish", map[string]string{"services.0.image": s.image + "-missing", "services.0.ports.0.value": "8088"})
	if p.status != http.StatusOK || !strings.HasSuffix(p.path, "/progress") {
		t.Fatalf("%d at %s: %s", p.status, p.path, p.body)
	}
	v.follow(p.path+"/live", "Edit and publish again")
	p = v.get(p.path)
	p.has(t, "Verification failed", "Every image is in its registry", s.image+"-missing")
	_, again, _ := strings.Cut(p.body, `href="/publish?from=`)
	again, _, _ = strings.Cut(again, `"`)
	p = v.get("/publish?from=" + again)
	p.has(t, s.image+"-missing", "8088")
	p.lacks(t, "verification_failed", `value="1.0.0"`)

	p = press(p, "publish", map[string]string{"services.0.image": s.image})
	v.follow(p.path+"/live", "event: done")
	p = v.get(p.path)
	p.has(t, "It is in the marketplace", "/install", "Show the addon")
	v.get("/").has(t, "hello")
}
