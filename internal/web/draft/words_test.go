package draft

import (
	"maps"
	"slices"
	"testing"

	"github.com/graftplatform/graft/internal/web/words"
)

// Whatever the form can show has a name, and nothing else has: it was forgotten, or
// is spelled otherwise.
func TestEveryFieldHasItsWords(t *testing.T) {
	t.Parallel()
	check := func(of string, specs []spec, said map[string]words.Field) {
		for _, s := range specs {
			field := said[s.name]
			delete(said, s.name)
			columns := 0
			switch s.control {
			case ControlList:
				columns = 1
			case ControlPairs, ControlConditions:
				columns = 2
			case ControlMounts:
				columns = len(mountParts())
			}
			if field.Label == "" || len(field.Columns) != columns || slices.Contains(field.Columns, "") ||
				(field.Add != "") != (columns > 0 || s.orList) || (field.Item != "") != s.orList {
				t.Errorf("%s of %s is called %+v", s.name, of, field)
			}
		}
		for name := range said {
			t.Errorf("%s of %s is in no form", name, of)
		}
	}
	check("an addon", addonSpecs(), words.AddonFields())
	said := words.Sections()
	for _, s := range sections() {
		if list := said[s.name]; list.Title == "" || list.One == "" || list.Numbered == "" {
			t.Errorf("the %s are called %+v", s.name, list)
		}
		delete(said, s.name)
		usual, more := s.specs()
		check(s.name, slices.Concat(usual, more), s.words())
	}
	if len(said) > 0 {
		t.Errorf("no lists: %q", slices.Collect(maps.Keys(said)))
	}
}
