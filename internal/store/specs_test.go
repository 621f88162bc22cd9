package store

import (
	"testing"

	"github.com/graftplatform/graft"
)

func TestSpecs(t *testing.T) {
	t.Parallel()
	var s specs
	read := func(id, text, want string) {
		t.Helper()
		spec, err := s.decode(id, []byte(text))
		if err != nil || spec.Name != want {
			t.Errorf("%s: name %q, want %q; error %v", text, spec.Name, want, err)
		}
	}
	read("1", `{"name":"a"}`, "a")
	read("1", `{"name":"a"}`, "a")
	read("2", `{"name":"b"}`, "b")
	read("1", `{"name":"c"}`, "c") // another database may be in the first one's place
	if _, err := s.decode("1", []byte(`{`)); graft.ErrorCode(err) != graft.CodeInternal {
		t.Errorf("what is no JSON: %v", err)
	}
	s.retain([]graft.Installation{{ID: "2"}})
	if _, ok := s.known["2"]; len(s.known) != 1 || !ok {
		t.Errorf("kept: %v", s.known)
	}
}
