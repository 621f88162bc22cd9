package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
)

// In whatever order names come, places are in the order of names, and what the
// index finds is, too.
func TestPlaces(t *testing.T) {
	t.Parallel()
	const count = 80
	for kind, name := range map[string]func(n int, random *rand.Rand) string{
		"rising":            func(n int, _ *rand.Rand) string { return fmt.Sprintf("m-%04d", n) },
		"falling":           func(n int, _ *rand.Rand) string { return fmt.Sprintf("m-%04d", count-n) },
		"from both sides":   func(n int, _ *rand.Rand) string { return fmt.Sprintf("m-%04d", count+n*(1-2*(n%2))) },
		"at random":         func(_ int, random *rand.Rand) string { return fmt.Sprintf("m-%04d", random.IntN(10_000)) },
		"versions of a few": func(_ int, random *rand.Rand) string { return fmt.Sprintf("m-%d", random.IntN(3)) },
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			random := rand.New(rand.NewPCG(1, 2)) // of its own: one at a time may use it
			var ids []string
			publish := func(name string) {
				t.Helper()
				a := &graft.Addon{Descriptor: graft.Descriptor{Name: name, Description: "word"}, Status: graft.AddonApproved}
				if err := s.CreateAddon(t.Context(), a, nil); err != nil {
					t.Fatal(err)
				}
				ids = append(ids, a.ID)
			}
			publish("a") // all others come between these
			publish("z")
			for n := range count {
				publish(name(n, random))
				if n%10 == 9 {
					gone := random.IntN(len(ids))
					if err := s.DeleteAddon(t.Context(), ids[gone]); err != nil {
						t.Fatal(err)
					}
					ids = slices.Delete(ids, gone, gone+1)
				}
			}
			checkPlaces(t, s)
		})
	}
}

func checkPlaces(t *testing.T, s *Store) {
	t.Helper()
	inOrder := func(query string) (ids []string) {
		t.Helper()
		err := eachRow(t.Context(), s.read, query, nil, func(scan func(...any) error) error {
			ids = append(ids, "")
			return scan(&ids[len(ids)-1])
		})
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	want := inOrder(`select id from addons order by name, seq`)
	for _, query := range []string{
		`select a.id from addon_places p cross join addons a on a.seq = p.seq order by p.place`,
		`select a.id from addon_terms_by_name t cross join addon_places p on p.place = t.rowid cross join addons a on a.seq = p.seq
			where addon_terms_by_name match 'word' order by t.rowid`,
		`select a.id from addon_terms t cross join addons a on a.seq = t.rowid where addon_terms match 'word' order by a.name, a.seq`,
	} {
		if got := inOrder(query); !slices.Equal(got, want) {
			t.Errorf("%s: %d in another order than the %d there are", query, len(got), len(want))
		}
	}
	if n := len(inOrder(`select place from addon_places`)); n != len(want) {
		t.Errorf("%d places for %d addons", n, len(want))
	}
}

// Who publishes always at the same spot has neighbours move, and few of them: not
// as many as there are, again and again.
func TestNeighboursMove(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	places := func() map[string]int64 {
		t.Helper()
		found := map[string]int64{}
		err := eachRow(t.Context(), s.read, `select a.id, p.place from addons a join addon_places p on p.seq = a.seq`, nil, func(scan func(...any) error) error {
			var id string
			var place int64
			err := scan(&id, &place)
			found[id] = place
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	const count = 100
	moved := 0
	before := places()
	for n := range count {
		name := "a"
		if n > 0 {
			name += strings.Repeat("0", count-n) // just after the first
		}
		a := &graft.Addon{Descriptor: graft.Descriptor{Name: name, Description: "word"}, Status: graft.AddonApproved}
		if err := s.CreateAddon(t.Context(), a, nil); err != nil {
			t.Fatal(err)
		}
		after := places()
		for id, place := range before {
			if after[id] != place {
				moved++
			}
		}
		before = after
	}
	if moved == 0 || moved > 10*count {
		t.Errorf("%d moves for %d addons", moved, count)
	}
	checkPlaces(t, s)
}
