package browser_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// signedIn opens a tab of somebody who may do everything.
func (s *site) signedIn() *tab {
	s.t.Helper()
	p := s.tab()
	p.open(s.link(s.token))
	p.see("Sign out")
	return p
}

// link asks for an address that signs in, as "graft dashboard" does, and returns its
// path.
func (s *site) link(token string) string {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.dashboard+"/sign-in/link", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ URL string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusCreated {
		s.t.Fatalf("a link: status %d, %v", response.StatusCode, err)
	}
	return answer.URL
}

// inRole returns the token of somebody new, who is known to the engine alone.
func (s *site) inRole(name string, role graft.Role) string {
	s.t.Helper()
	issued, err := s.CreateToken(s.t.Context(), client.Engine, graft.TokenRequest{Name: name, Role: role})
	if err != nil {
		s.t.Fatal(err)
	}
	return issued.Secret
}

// Who comes with a token gets to where he wanted to go; who has none, or another
// one's, does not.
func TestSignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.tab()
	p.open("/installed")
	p.isAt("/sign-in?to=%2Finstalled")
	p.watch.allow("status of 401")
	p.fill("Token", "not a token of this site")
	p.within("main").click("Sign in")
	p.see("No server knows this token.")
	p.signIn(s.token)
	p.isAt("/installed")
	p.see("Nothing is installed", "admin")

	p.click("Sign out")
	p.isAt("/")
	p.notSee("Sign out")
	p.click("Components")
	p.isAt("/sign-in?to=%2Fcomponents")
}

// The address that "graft dashboard" opens signs in, once.
func TestLink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	link := s.link(s.token)
	p := s.tab()
	p.open(link)
	p.isAt("/")
	p.see("Sign out", "admin")

	late := s.tab()
	late.openWith(link, http.StatusUnauthorized)
	late.see("This link was used before")
	late.notSee("Sign out")
}

// A viewer sees everything and is offered nothing that he may not do.
func TestViewer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hello := s.publish(s.descriptor("hello", s.image("hello")))
	inst := s.installed(hello, nil)
	p := s.tab()
	p.open("/sign-in")
	p.signIn(s.inRole("ann", graft.RoleViewer))
	p.isAt("/")
	p.see(hello.Name, "ann")
	for _, name := range []string{"Add New Addon", "Review", "Audit", "Tokens"} {
		p.notSee(name)
	}
	for _, path := range []string{"/installed", "/installed/" + inst.ID} {
		p.open(path)
		p.see(hello.Name, "Active")
		for _, name := range []string{"Disable", "Uninstall", "Retry"} {
			p.notSee(name)
		}
	}
	p.open("/settings")
	p.see("Operators can change this.")
	p.notSee("Save")
	p.openWith("/tokens", http.StatusForbidden)
	p.see("Not allowed", `with the role "viewer"`)
}
