package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

// catalogue is a store with some addons that differ.
func catalogue(t *testing.T, s *store.Store) {
	t.Helper()
	add := func(name, version, publisher string, change func(*graft.Addon)) {
		t.Helper()
		addon := &graft.Addon{
			Descriptor: graft.Descriptor{Name: name, Version: version, Services: []graft.Service{{Name: "web"}}},
			Status:     graft.AddonUnderReview, Publisher: publisher, Kind: graft.KindExtension,
		}
		change(addon)
		noError(t, s.CreateAddon(t.Context(), addon, nil))
		if addon.Status == graft.AddonUnderReview && addon.Verification == nil {
			set(t, s, addon.ID, graft.AddonApproved, false)
		}
	}
	images := func(platforms ...string) *graft.Verification {
		return &graft.Verification{Images: []graft.ImageReport{{Service: "web", Digest: "sha256:0", Platforms: platforms}}}
	}
	add("random-scheduler", "1.0.0", "ann", func(a *graft.Addon) {
		a.Description, a.Planes = "Schedules at random", []graft.Plane{graft.PlaneCluster}
		a.Kind, a.Replaces = graft.KindPlugin, []string{"cluster_scheduler"}
	})
	add("random-scheduler", "1.1.0", "ann", func(a *graft.Addon) {
		a.Description, a.Planes = "Schedules at random", []graft.Plane{graft.PlaneCluster}
		a.Kind, a.Replaces = graft.KindPlugin, []string{"cluster_scheduler"}
		a.Status, a.Verification = graft.AddonApproved, images("linux/amd64", "linux/arm64/v8")
	})
	add("Überwachung", "1.0.0", "bob", func(a *graft.Addon) {
		a.Readme = "# Monitoring\n\nof *everything*: \"quoted\" AND OR NOT (x)* 漢字"
		a.Status, a.Verification = graft.AddonApproved, images("linux/amd64")
	})
	add("waiting", "1.0.0", "bob", func(a *graft.Addon) {
		a.Verification = &graft.Verification{WaitsForReview: true}
	})
	add("failed", "1.0.0", "bob", func(a *graft.Addon) { a.Status = graft.AddonVerificationFailed })
	add("yanked", "1.0.0", "bob", func(a *graft.Addon) {
		a.Status, a.Yanked = graft.AddonApproved, &graft.Notice{Message: "broken"}
	})
}

// found returns name@version of what a query finds, page by page.
func found(t *testing.T, s *store.Store, q graft.AddonQuery) []string {
	t.Helper()
	names := []string{}
	if q.Limit == 0 {
		q.Limit = 10
	}
	for pages := 0; ; pages++ {
		documents, next, err := s.PageOfAddons(t.Context(), &q)
		noError(t, err)
		on := len(documents)
		for _, document := range documents {
			var a graft.Addon
			noError(t, json.Unmarshal([]byte(document), &a))
			names = append(names, a.Name+"@"+a.Version)
		}
		if on > q.Limit || next != "" && on < q.Limit || pages > 2000 {
			t.Fatalf("page %d of %+v has %d", pages, q, on)
		}
		if next == "" {
			return names
		}
		q.Cursor = next
	}
}

func searchFinds(t *testing.T, s *store.Store) {
	catalogue(t, s)
	scheduler := []string{"random-scheduler@1.1.0", "random-scheduler@1.0.0"}
	for _, c := range []struct {
		q    graft.AddonQuery
		want []string
	}{
		{graft.AddonQuery{}, []string{"Überwachung@1.0.0", "random-scheduler@1.1.0", "random-scheduler@1.0.0"}},
		{graft.AddonQuery{Text: "scheduler"}, scheduler},
		{graft.AddonQuery{Text: "SCHED"}, scheduler},
		{graft.AddonQuery{Text: "sched "}, []string{}}, // a whole word
		{graft.AddonQuery{Text: "random at sched"}, scheduler},
		{graft.AddonQuery{Text: "random nothing"}, []string{}},
		{graft.AddonQuery{Text: "cluster_scheduler"}, scheduler},
		{graft.AddonQuery{Text: "ann"}, scheduler},
		{graft.AddonQuery{Text: "über"}, []string{"Überwachung@1.0.0"}},
		{graft.AddonQuery{Text: "a" + strings.Repeat("д", 30)}, []string{}}, // letters of two bytes, cut off
		{graft.AddonQuery{Text: strings.Repeat("漢", 30)}, []string{}},
		{graft.AddonQuery{Text: "漢字"}, []string{"Überwachung@1.0.0"}},
		{graft.AddonQuery{Text: `"quoted" AND (NOT x)* - ^ :`}, []string{"Überwachung@1.0.0"}},
		{graft.AddonQuery{Text: `' ; -- % _ \`}, []string{"Überwachung@1.0.0", "random-scheduler@1.1.0", "random-scheduler@1.0.0"}}, // no words
		{graft.AddonQuery{Text: "listed_"}, []string{}},
		{graft.AddonQuery{Kind: graft.KindPlugin}, scheduler},
		{graft.AddonQuery{Kind: graft.KindPlugin, Latest: true}, scheduler[:1]},
		{graft.AddonQuery{Latest: true}, []string{"Überwachung@1.0.0", "random-scheduler@1.1.0"}},
		{graft.AddonQuery{Replaces: "cluster_scheduler"}, scheduler},
		{graft.AddonQuery{Replaces: "mongo"}, []string{}},
		{graft.AddonQuery{Plane: graft.PlaneRoot}, []string{"Überwachung@1.0.0"}},
		{graft.AddonQuery{Platform: "amd64"}, []string{"Überwachung@1.0.0", "random-scheduler@1.1.0"}},
		{graft.AddonQuery{Platform: "linux/arm64"}, []string{"random-scheduler@1.1.0"}},
		{graft.AddonQuery{Publisher: "bob"}, []string{"Überwachung@1.0.0"}},
		{graft.AddonQuery{Name: "random-scheduler"}, scheduler},
		{graft.AddonQuery{Name: "random"}, []string{}},
		{graft.AddonQuery{Status: graft.AddonVerificationFailed}, []string{"failed@1.0.0"}},
		{graft.AddonQuery{Status: graft.AddonApproved, Publisher: "bob"}, []string{"yanked@1.0.0", "Überwachung@1.0.0"}},
		{graft.AddonQuery{Waiting: true}, []string{"waiting@1.0.0"}},
		{graft.AddonQuery{Sort: graft.SortOldest}, []string{"random-scheduler@1.0.0", "random-scheduler@1.1.0", "Überwachung@1.0.0"}},
		{graft.AddonQuery{Sort: graft.SortName}, []string{"random-scheduler@1.0.0", "random-scheduler@1.1.0", "Überwachung@1.0.0"}},
		{graft.AddonQuery{Sort: graft.SortName, Text: "random"}, []string{"random-scheduler@1.0.0", "random-scheduler@1.1.0"}},
	} {
		for _, limit := range []int{1, 2, 10} {
			c.q.Limit = limit
			if got := found(t, s, c.q); !slices.Equal(got, c.want) {
				t.Errorf("%+v: %q, want %q", c.q, got, c.want)
			}
		}
	}
}

// What is changed, yanked or deleted is found as it is then.
func searchFollowsChanges(t *testing.T, s *store.Store) {
	first, second := published(t, s, "a", "1.0.0", "ann"), published(t, s, "a", "1.1.0", "ann")
	want := func(names ...string) {
		t.Helper()
		for _, q := range []graft.AddonQuery{{Text: "ann"}, {}} {
			if got := found(t, s, q); !slices.Equal(got, names) {
				t.Errorf("%+v: %q, want %q", q, got, names)
			}
		}
	}
	want()
	set(t, s, first.ID, graft.AddonApproved, false)
	set(t, s, second.ID, graft.AddonApproved, false)
	want("a@1.1.0", "a@1.0.0")
	set(t, s, second.ID, graft.AddonApproved, true)
	want("a@1.0.0")
	noError(t, s.DeleteAddon(t.Context(), first.ID))
	want()
	set(t, s, second.ID, graft.AddonApproved, false)
	want("a@1.1.0")
	noError(t, s.DeleteAddon(t.Context(), second.ID))
	third := published(t, s, "b", "1.0.0", "bob")
	set(t, s, third.ID, graft.AddonApproved, false)
	if got := found(t, s, graft.AddonQuery{Text: "ann"}); len(got) > 0 {
		t.Errorf("what is gone is found as %q", got)
	}
}

// What is found often comes in the same order, and once, as what is found rarely,
// whatever the names are.
func searchOfMany(t *testing.T, s *store.Store) {
	const names = 200
	var want []*graft.Addon
	for n := range 2 * names {
		name := []string{
			fmt.Sprintf("addon-%03d", n%names), strings.Repeat("a", n%names%100+1), fmt.Sprintf("a-long-name-all-begin-with-%d", n%names),
			fmt.Sprintf("%c%d", 'A'+n%names%57, n%names),
		}[n%4]
		a := published(t, s, name, fmt.Sprintf("1.%d.0", n), "ann")
		if n%50 == 0 {
			continue // is not approved, and so not found
		}
		set(t, s, a.ID, graft.AddonApproved, false)
		want = append(want, a)
	}
	texts := func() (all []string) {
		for _, a := range want {
			all = append(all, a.Name+"@"+a.Version)
		}
		return all
	}
	check := func(q graft.AddonQuery) {
		t.Helper()
		if got := found(t, s, q); !slices.Equal(got, texts()) {
			t.Errorf("%+v: %d are found, want %d: %q, want %q", q, len(got), len(want), got, texts())
		}
	}
	check(graft.AddonQuery{Text: "ann", Sort: graft.SortOldest, Limit: 100})
	slices.Reverse(want)
	check(graft.AddonQuery{Text: "ann", Limit: 7})
	slices.Reverse(want) // those of one name in the order of publication
	slices.SortStableFunc(want, func(a, b *graft.Addon) int { return strings.Compare(a.Name, b.Name) })
	for _, limit := range []int{7, 50, 100} {
		check(graft.AddonQuery{Text: "ann", Sort: graft.SortName, Limit: limit})
		check(graft.AddonQuery{Sort: graft.SortName, Limit: limit})
	}
	want = slices.DeleteFunc(want, func(a *graft.Addon) bool { return !strings.HasPrefix(a.Name, "addon-") })
	check(graft.AddonQuery{Text: "addon", Sort: graft.SortName, Limit: 20})
}

func searchRefusesOtherCursors(t *testing.T, s *store.Store) {
	catalogue(t, s)
	for _, cursor := range []string{"x", "!", strings.Repeat("A", 500), "MSBh"} {
		q := graft.AddonQuery{Limit: 1, Cursor: cursor}
		_, _, err := s.PageOfAddons(t.Context(), &q)
		wantCode(t, err, graft.CodeInvalid)
	}
}
