package api

import (
	"strings"
	"testing"

	"github.com/graftplatform/graft"
)

// Readmes may be long: only who asks for one installation gets its own.
func TestListHasNoReadmes(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	inst := graft.Installation{ID: someID, Descriptor: graft.Descriptor{Name: "hello", Readme: "# Long"}}
	engine.list, engine.inst = []graft.Installation{inst}, &inst
	h := NewEngine(engine, Options{})
	if w := ask(t, h, "GET", "/api/v1/addons", ""); !strings.Contains(w.Body.String(), `"name":"hello"`) || strings.Contains(w.Body.String(), "readme") {
		t.Errorf("the list: %s", w.Body)
	}
	if w := ask(t, h, "GET", "/api/v1/addons/"+someID, ""); !strings.Contains(w.Body.String(), `"readme":"# Long"`) {
		t.Errorf("the one: %s", w.Body)
	}
}
