package browser_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/dockertest"
)

// Names that are as long as they may be, and have no place to break, make no page
// wider than its window, and push nothing else of a table out of sight.
func TestLongestNames(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	name := s.prefix + " " + strings.Repeat("W", 127-len(s.prefix))
	service := s.prefix + "-" + strings.Repeat("x", 62-len(s.prefix))
	addon := s.publish(fmt.Sprintf(`{"name":%q,"description":%q,"volumes":[{"name":"data"}],"services":[{"service_name":%q,"image":%q,
		"ports":{"8080":%q},"volumes":["data:/data"],"environment":{%q:%q}}]}`,
		name, strings.Repeat("D", 200), service, s.image("long"), dockertest.FreePort(t), strings.Repeat("V", 200), strings.Repeat("v", 200)))
	if _, err := s.CreateToken(t.Context(), client.Engine, graft.TokenRequest{Name: strings.Repeat("W", 63), Role: graft.RolePublisher, Lasts: time.Hour}); err != nil {
		t.Fatal(err)
	}
	p := s.signedIn()
	p.open("/addons/" + addon.ID + "/install")
	p.see("Nothing has happened yet.")
	p.fitsAnyhow()
	inst := s.installed(addon, nil)
	for _, path := range []string{
		"/", "/?view=table", "/addons/" + addon.ID, "/publish?from=" + addon.ID, "/installed", "/installed/" + inst.ID,
		"/installed/" + inst.ID + "/logs", "/installed/" + inst.ID + "/uninstall", "/audit?server=engine", "/tokens",
	} {
		p.open(path)
		p.fitsAnyhow()
	}
}

// fitsAnyhow looks at a page in windows of the usual width, of which also its tables
// need no more, and in narrow ones.
func (p *tab) fitsAnyhow() {
	p.t.Helper()
	p.look(light, narrowWidth)
	p.fits()
	p.look(light, usualWidth)
	p.fits()
	var over []string
	p.evaluate(&over, `() => [...document.querySelectorAll(".scroll")].filter((e) => e.scrollWidth > e.clientWidth)
		.map((e) => e.getAttribute("aria-label") + ": " + e.scrollWidth + " of " + e.clientWidth)`)
	for _, table := range over {
		p.t.Errorf("%s hides a part of a table, %s", p.address(), table)
	}
}
