package browser_test

import (
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// Who looks at a page that follows what happens when his token is revoked is asked to
// sign in, and comes back to it.
func TestSignedOutWhileLooking(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	issued, err := s.CreateToken(t.Context(), client.Engine, graft.TokenRequest{Name: "ann", Role: graft.RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	p := s.tab()
	p.open("/sign-in?to=/installed")
	p.fill("Token", issued.Secret)
	p.within("main").click("Sign in")
	p.isAt("/installed")
	p.see("Nothing is installed")
	p.watch.allow("status 401")      // of the part that follows
	p.watch.allow("/installed/live") // which is refused then
	if err := s.RevokeToken(t.Context(), client.Engine, issued.ID); err != nil {
		t.Fatal(err)
	}
	p.isAt("/sign-in?to=%2Finstalled")
	p.see("Where do I find one?")
	p.fill("Token", s.token)
	p.within("main").click("Sign in")
	p.isAt("/installed")
	p.see("Nothing is installed", "admin")
}

// Who writes a new addon when his token is revoked is told so when he publishes it,
// keeps what he wrote, and goes on as soon as he has signed in elsewhere.
func TestSignedOutWhileWriting(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	image := s.image("hello")
	issued, err := s.CreateToken(t.Context(), client.Marketplace, graft.TokenRequest{Name: "ann", Role: graft.RolePublisher})
	if err != nil {
		t.Fatal(err)
	}
	p := s.tab()
	p.open("/sign-in?to=/publish")
	p.fill("Token", issued.Secret)
	p.within("main").click("Sign in")
	p.isAt("/publish")
	p.see("You can also drop it") // the script is there
	p.fill("Name", "written-for-long")
	p.fill("Service name", "hello")
	p.fill("Image", image)
	p.see("Nothing is wrong")
	if err := s.RevokeToken(t.Context(), client.Marketplace, issued.ID); err != nil {
		t.Fatal(err)
	}
	p.click("Publish")
	p.see("You are not signed in any more", "what you typed is still here")
	p.focusOn("refused")
	p.until("what was written is there", `() => document.getElementById("name").value === "written-for-long"`)
	// As in another tab, which has the same cookies.
	var status int
	p.evaluate(&status, `async () => (await fetch("/sign-in", { method: "POST", body: new URLSearchParams({ token: "`+s.token+`" }) })).status`)
	if status != 200 {
		t.Fatalf("signing in is answered %d", status)
	}
	p.click("Publish")
	p.see("Approved", "It is in the marketplace")
	s.onlyAddon("written-for-long")
}
