package browser_test

import (
	"os"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/dockertest"
)

// Every page of a system at work can be used by everybody, light, dark and on a
// small screen.
func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.signedIn()
	for _, page := range w.pages() {
		p.openWith(page.path, max(page.status, 200))
		p.see(page.says)
		p.noEditor()
		p.looksGood(page.name)
	}
	p.open("/publish?from=" + w.better.ID)
	p.click("JSON")
	p.until("the editor is there", `() => document.querySelector(".cm-editor") !== null`)
	p.looksGood("publish-json")
	visitor := w.tab()
	visitor.open("/sign-in?to=/installed")
	visitor.see("Where do I find one?")
	visitor.looksGood("sign-in")
}

// noEditor fails if the page has loaded the largest of all files.
func (p *tab) noEditor() {
	p.t.Helper()
	var loaded bool
	if p.evaluate(&loaded, `() => performance.getEntriesByType("resource").some(({ name }) => name.includes("/editor"))`); loaded {
		p.t.Errorf("%s loads the editor", p.address())
	}
}

// world is an orchestrator with addons of all kinds.
type world struct {
	*site
	better, installed *graft.Addon // plugin and extension
	plugin            *graft.Installation
	extension         *graft.Installation
	wants             *graft.Addon // that is not installed
}

// name is that of a service, a volume or a component: one that no other test has in
// Docker, unless pictures are taken of it.
func (w *world) name(name string) string {
	if os.Getenv("GRAFT_SCREENSHOTS") != "" {
		return name
	}
	return w.prefix + "-" + name
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{site: newSite(t, "--review", "manual")}
	core := w.image("oakestra", "NAME=core")
	for _, name := range []string{"root_scheduler", "root_service_manager", "system_manager"} {
		w.component(w.name(name), core, dockertest.FreePort(t))
	}
	w.better = w.describe("Better Scheduler", "2.1.0", "Places services near their data, and moves them when that moves.", graft.Service{
		Name: w.name("root_scheduler"), Image: w.image("better-scheduler", "PRINT=Looking for data, near and far"),
		Environment: map[string]string{"MODE": "near-data", "API_TOKEN": "not for every eye"},
	})
	w.installed = w.describe("Dashboards", "1.4.2", "Shows what clusters do, in pictures.",
		graft.Service{Name: w.name("dashboards"), Image: w.image("dashboards", "PRINT=Serving pictures"), Volumes: []string{w.name("pictures") + ":/data"}, Ports: map[string]string{"8080": dockertest.FreePort(t)}},
		graft.Service{Name: w.name("metrics"), Image: w.image("metrics", "PRINT=Measuring"), Volumes: []string{w.name("series") + ":/data"}})
	w.wants = w.describe("Network Probe", "0.9.0", "Measures how long packets take between clusters.",
		graft.Service{Name: w.name("probe"), Image: w.image("probe"), CapAdd: []string{"NET_RAW"}, Ports: map[string]string{"8080": dockertest.FreePort(t)}})
	w.describe("Quiet Logs", "1.0.0", "Keeps what services print for a week, and no longer.",
		graft.Service{Name: w.name("quiet-logs"), Image: w.image("quiet-logs"), Volumes: []string{w.name("lines") + ":/data"}})
	w.describe("Root Redis with Disk", "3.0.1", "The same Redis, with its data on a disk.",
		graft.Service{Name: "root_redis", Image: w.image("redis"), Volumes: []string{w.name("redis") + ":/data"}})
	w.submit(described("Cheap Scheduler", "1.0.0", "Places services where there is room.", graft.Service{
		Name: w.name("other"), Image: w.image("cheap-scheduler"), CapAdd: []string{"NET_ADMIN"},
	}))
	w.plugin = w.site.installed(w.better, nil)
	w.extension = w.site.installed(w.installed, nil)
	if _, err := w.CreateToken(t.Context(), client.Engine, graft.TokenRequest{Name: "ann", Role: graft.RoleOperator}); err != nil {
		t.Fatal(err)
	}
	return w
}

// page is one of the dashboard's.
type shownPage struct {
	name, path string
	status     int // 0: 200
	says       string
}

func (w *world) pages() []shownPage {
	installed := "/installed/" + w.plugin.ID
	return []shownPage{
		{"marketplace", "/", 0, "Network Probe"},
		{"marketplace-table", "/?view=table", 0, "Network Probe"},
		{"addon", "/addons/" + w.better.ID, 0, "How it fits together"},
		{"install", "/addons/" + w.wants.ID + "/install", 0, "Nothing has happened yet."},
		{"installed", "/installed", 0, " MB"},
		{"installation", installed, 0, " MB"},
		{"logs", "/installed/" + w.extension.ID + "/logs", 0, "Serving pictures"},
		{"uninstall", "/installed/" + w.extension.ID + "/uninstall", 0, "Keep it"},
		{"components", "/components", 0, "1 replaced"},
		{"publish", "/publish?from=" + w.better.ID, 0, "What the platform says"},
		{"progress", "/publish/" + w.better.ID + "/progress", 0, "It is in the marketplace."},
		{"review", "/review", 0, "Cheap Scheduler"},
		{"audit", "/audit", 0, "POST /api/v1/addons"},
		{"tokens", "/tokens", 0, "ann"},
		{"settings", "/settings", 0, "What addons may do to this host"},
		{"about", "/about", 0, "Engine, with Docker"},
		{"not-found", "/no/such/page", 404, "There is no page at this address."},
		{"no-addon", "/addons/000000000000000000000000", 404, "Not found"},
	}
}

// describe publishes an addon.
func (w *world) describe(name, version, description string, services ...graft.Service) *graft.Addon {
	w.t.Helper()
	addon, err := w.Approve(w.t.Context(), w.submit(described(name, version, description, services...)).ID, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return addon
}

func described(name, version, description string, services ...graft.Service) *graft.Descriptor {
	d := &graft.Descriptor{
		Name: name, Version: version, Description: description, Services: services,
		Homepage: "https://example.org/" + strings.ToLower(strings.ReplaceAll(name, " ", "-")),
		Readme: "# " + name + "\n\n" + description + "\n\n- It needs **nothing else**.\n- `MODE` says what it looks at first.\n\n" +
			"| Mode | Meaning |\n|---|---|\n| near-data | as close as it gets |\n| cheap | where there is room |\n",
	}
	for _, s := range services {
		for _, mount := range s.Volumes {
			volume, _, _ := strings.Cut(mount, ":")
			d.Volumes = append(d.Volumes, graft.Volume{Name: volume})
		}
	}
	return d
}
