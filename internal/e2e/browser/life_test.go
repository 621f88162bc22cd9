package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/dockertest"
)

// What an operator does with an addon, from the search to its end, with the mouse
// alone; what happens to it is seen to happen.
func TestLifeOfAnAddon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	port := dockertest.FreePort(t)
	hello := s.publish(s.patient("hello", port))
	s.publish(s.descriptor("other", s.image("other")))
	p := s.signedIn()

	p.open("/")
	p.click(hello.Name)
	p.isAt("/addons/" + hello.ID)
	p.see("What hello does.", "The descriptor is valid", "NET_ADMIN", "Host port "+port)
	p.click("Install")
	p.isAt("/addons/" + hello.ID + "/install")
	p.see("Nothing has happened yet.", "Step by step", "create container", "It needs your consent to")
	p.click("Install")
	p.isAt("/addons/" + hello.ID + "/install") // it asks for the consent first
	p.click("capability:NET_ADMIN")
	p.click("Install")
	p.see("Installing", "Timeline")
	p.stay(func() {
		s.becomeReady(port)
		p.see("Active", "What comes next", "Nothing: all is as it should be.")
	})

	p.click("Logs")
	s.logsAreLive(p, hello, port)
	p.click("Overview")
	p.click("Disable " + hello.Name)
	p.see("Disabled", "It has no containers just now.")
	p.click("Enable " + hello.Name)
	p.see("Installing")
	s.becomeReady(port)
	p.see("Active")

	p.click("Installed")
	p.isAt("/installed")
	p.see("Restarts", "Memory")
	p.click("Uninstall " + hello.Name)
	p.see("Uninstall "+hello.Name+"?", "Keep it", "It can't be brought back")
	p.click("Cancel")
	p.click("Uninstall " + hello.Name)
	p.click("Remove it. It can't be brought back")
	p.click("Uninstall")
	p.see("It is uninstalled")
	p.within("main").click("Installed")
	p.see("Nothing is installed")
}

// logsAreLive looks at the output of a service that prints a line at each start.
func (s *site) logsAreLive(p *tab, addon *graft.Addon, port string) {
	s.t.Helper()
	service, state := addon.Services[0].Name, p.within("#log-state")
	p.see(service + " | hello from inside")
	p.stay(func() {
		s.exit(port)
		p.until("there are two lines", `() => document.querySelectorAll("#log div:not(.engine)").length === 2`)
		p.fill("Search in the lines", "nothing like that")
		state.see("of them without that text")
		p.within("#log").notSee("hello from inside")
		p.fill("Search in the lines", "")
		p.within("#log").see("hello from inside")
		p.click("Pause")
		state.see("Paused")
		s.exit(port)
		state.see("1 line since")
		p.click("Go on")
		p.until("there are three lines", `() => document.querySelectorAll("#log div:not(.engine)").length === 3`)
	})
	var file string
	p.evaluate(&file, `async () => (await fetch([...document.links].find((a) => a.textContent === "Download").href)).text()`)
	if strings.Count(file, "hello from inside") != 3 {
		s.t.Errorf("the file has %q", file)
	}
	p.choose("Service", service)
	p.until("the page is about one service", `(name) => new URLSearchParams(location.search).get("service") === name`, service)
	p.see("hello from inside")
}

// patient describes an addon that works as soon as it has a file /tmp/ready, and
// that has data and a right that needs consent.
func (s *site) patient(name, port string) string {
	return fmt.Sprintf(`{"name":"%s-%s","description":"What %s does.","volumes":[{"name":"data"}],"services":[{"service_name":%q,"image":%q,
		"ports":{"8080":%q},"cap_add":["NET_ADMIN"],"volumes":["data:/data"],
		"probe":{"http":{"port":8080,"path":"/file?path=/tmp/ready"},"interval":"100ms","timeout":"20s","retries":20,"start_period":"2m"}}]}`,
		s.prefix, name, name, s.prefix+"-"+name, s.image(name, "PRINT="+name+" from inside"), port)
}

// stay fails if what is done leads to another document, or loads the page again.
func (p *tab) stay(do func()) {
	p.t.Helper()
	p.evaluate(nil, `() => { window.theSameDocument = true; }`)
	do()
	var same bool
	if p.evaluate(&same, `() => window.theSameDocument === true`); !same {
		p.t.Errorf("%s was loaded again", p.address())
	}
}
