package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Of names in order, the terms that lead to some of them lead to no other.
func TestLeading(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	all := []string{"a", "ab", "abc", "b", strings.Repeat("x", maxLead), strings.Repeat("x", maxLead+1), strings.Repeat("x", maxLead) + "y"}
	for range 300 {
		name := ""
		for range 1 + random.IntN(6) {
			name += string("abXY-"[random.IntN(5)])
		}
		all = append(all, name, fmt.Sprintf("%s-%s", strings.Repeat("long", 7), name))
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for range 1000 {
		from := random.IntN(len(all))
		to := from + 1 + random.IntN(len(all)-from)
		before, after := "", ""
		if from > 0 {
			before = all[from-1]
		}
		if to < len(all) {
			after = all[to]
		}
		terms := leading(before, all[from:to], after)
		for i, name := range all {
			leads := slices.ContainsFunc(append(leads(name), facet("name", name)), func(term string) bool { return slices.Contains(terms, term) })
			if inside := from <= i && i < to; leads != inside {
				t.Fatalf("%q is led to: %v, although it is among %q to %q: %v", name, leads, all[from], all[to-1], inside)
			}
		}
	}
	if terms := leading("", all, ""); len(terms) > 10 {
		t.Errorf("%d terms lead to all names, which begin with few letters", len(terms))
	}
}
