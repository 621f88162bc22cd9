package browser_test

import (
	"strings"
	"testing"
)

// The marketplace shows what fits while somebody types, and its address can be
// passed on.
func TestSearch(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	image := s.image("app")
	hello := s.publish(s.descriptor("hello", image))
	other := s.publish(s.descriptor("other", image))
	plugin := s.publish(strings.Replace(s.descriptor("better", image), `"service_name":"`+s.prefix+"-better", `"service_name":"root_scheduler`, 1))
	p := s.tab()
	p.open("/")
	p.see(hello.Name, other.Name, "Plugin: replaces root_scheduler")
	p.stay(func() {
		p.fill("Search addons", "")
		for _, letter := range "hello" {
			p.press(string(letter))
		}
		p.notSee(other.Name)
		p.see(hello.Name)
		p.asks("q", "hello")

		p.fill("Search addons", "nothing like that")
		p.see("No addon is like that")
		p.fill("Search addons", "")
		p.see(other.Name)
		p.choose("Kind", "Plugins")
		p.notSee(other.Name)
		p.see(plugin.Name)
		p.choose("Replaces", "mongo")
		p.see("No addon is like that")
		p.choose("Replaces", "root_scheduler")
		p.see(plugin.Name)
		p.choose("Kind", "All")
		p.choose("Replaces", "Anything")
		p.see(hello.Name)
		p.choose("Shown as", "Table")
		p.until("there is a table with all of them", `() => document.querySelectorAll("#results tbody tr").length === 3`)
		p.asks("view", "table")
	})
	// Another tab shows the same.
	another := s.tab()
	var at string
	p.evaluate(&at, `() => location.pathname + location.search`)
	another.open(at)
	another.until("there is a table", `() => document.querySelectorAll("#results tbody tr").length === 3`)
}

// asks waits until the address has a parameter.
func (p *tab) asks(name, value string) {
	p.t.Helper()
	p.until("the address has "+name+"="+value, `(name, value) => new URLSearchParams(location.search).get(name) === value`, name, value)
}
