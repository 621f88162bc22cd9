package engine

import (
	"fmt"
	"testing"
)

func TestStanding(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		state string // as in testdata/plans
		want  string // of a and of b
	}{
		{"alone", "addon a", "may take"},
		{"the first of two", "addon a\naddon b", "may take; refused: a"},
		{"nobody who wants to", "addon a disabled\naddon b", "may take; may take"},
		{"a failed one claims nothing", "addon a failed\naddon b", "may take; may take"},
		{"the newer one supersedes", "addon a\naddon b supersede", "queued: b; may take"},
		{"the older one supersedes in vain", "addon a supersede\naddon b", "may take; refused: a"},
		{"both supersede", "addon a supersede\naddon b supersede", "queued: b; may take"},
		{"the owner, before it has made room", "addon a\naddon b supersede\nswap", "may take; may take"},
		{"the owner, though it came later", "addon a\naddon b\nswap owner=b", "refused: b; may take"},
		{"the owner, though it came later and the other supersedes", "addon a supersede\naddon b\nswap owner=b", "refused: b; may take"},
		{"an owner that supersedes", "addon a\naddon b supersede\nswap owner=b", "queued: b; may take"},
		{"an owner that is on its way out", "addon a\naddon b supersede disabled\nswap owner=b", "may take; may take"},
		{"an owner that failed", "addon a\naddon b supersede failed\nswap owner=b", "may take; may take"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, tt.name, tt.state+"\ncomponent scheduler running\n")
			got := ""
			for i := range s.w.installs {
				is, rival := s.w.standingOf(&s.w.installs[i], &s.was)
				if i > 0 {
					got += "; "
				}
				got += map[standing]string{mayTake: "may take", queued: "queued", refused: "refused"}[is]
				if rival != nil {
					got += fmt.Sprintf(": %s", rival.Name)
				}
			}
			if got != tt.want {
				t.Errorf("got %s; want %s", got, tt.want)
			}
		})
	}
}

func TestNextOwner(t *testing.T) {
	t.Parallel()
	tests := []struct{ state, except, want string }{
		{"addon a\naddon b", "", "b"},
		{"addon a\naddon b", "b", "a"},
		{"addon a\naddon b disabled", "", "a"},
		{"addon a failed\naddon b removed", "", ""},
		{"addon a", "a", ""},
	}
	for _, tt := range tests {
		s := newStage(t, tt.state, tt.state+"\ncomponent scheduler running\n")
		got := ""
		if next := s.w.nextOwner(&s.was, addonIDs(tt.except)); next != nil {
			got = next.Name
		}
		if got != tt.want {
			t.Errorf("%q except %q: got %q, want %q", tt.state, tt.except, got, tt.want)
		}
	}
}

// Two that were installed at the same time come in the order of their ids.
func TestNewerIsTotal(t *testing.T) {
	t.Parallel()
	s := newStage(t, "newer", "addon a\naddon b\n")
	a, b := s.w.installs[0], s.w.installs[1]
	if newer(&a, &b) || !newer(&b, &a) {
		t.Error("the later one is newer")
	}
	a.CreatedAt = b.CreatedAt
	if newer(&a, &b) || !newer(&b, &a) || newer(&a, &a) {
		t.Error("at the same time, the greater id is newer")
	}
}
