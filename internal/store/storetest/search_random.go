package storetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

// Whatever is asked for, a search finds what somebody finds who looks at all
// addons, in the same order, each once.
func searchAgreesWithLooking(t *testing.T, s *store.Store) {
	random := rand.New(rand.NewPCG(3, 4))
	addons := randomAddons(random, 400)
	noError(t, s.Adopt(t.Context(), addons, nil, nil))
	for range 60 { // some change afterwards
		a := &addons[random.IntN(len(addons))]
		a.Status = pick(random, graft.AddonApproved, graft.AddonUnderReview, graft.AddonVerificationFailed)
		yanked := random.IntN(3) == 0
		set(t, s, a.ID, a.Status, yanked)
	}
	for range 20 {
		n := random.IntN(len(addons))
		noError(t, s.DeleteAddon(t.Context(), addons[n].ID))
		addons = slices.Delete(addons, n, n+1)
	}
	all := lookAtAll(t, s)
	for range 50 {
		q := randomQuery(random)
		var want []string
		for _, a := range all {
			if a.matches(&q) {
				want = append(want, a.Name+"@"+a.Version)
			}
		}
		switch q.Sort {
		case graft.SortNewest:
			slices.Reverse(want)
		case graft.SortName:
			slices.SortStableFunc(want, func(a, b string) int { return strings.Compare(before(a), before(b)) })
		}
		if got := found(t, s, q); !slices.Equal(got, want) {
			t.Errorf("%+v: %d are found, want %d: %q, want %q", q, len(got), len(want), got, want)
		}
	}
}

func before(nameAndVersion string) string {
	name, _, _ := strings.Cut(nameAndVersion, "@")
	return name
}

func pick[T any](random *rand.Rand, of ...T) T { return of[random.IntN(len(of))] }

// randomAddons returns addons in the order of their publication. Words are rare,
// common, and only at the end of the alphabet.
func randomAddons(random *rand.Rand, count int) []graft.Addon {
	addons := make([]graft.Addon, count)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range addons {
		name := fmt.Sprintf("%c-%d", 'a'+random.IntN(26), random.IntN(20))
		words := []string{"common"}
		if random.IntN(200) == 0 {
			words = append(words, "rare")
		}
		if n%3 == 0 {
			words = append(words, "third")
		}
		if name > "w" {
			words = append(words, "late")
		}
		addons[n] = graft.Addon{
			Descriptor: graft.Descriptor{
				Name: name, Version: fmt.Sprintf("1.%d.0", n), Description: strings.Join(words, " "),
				Services: []graft.Service{{Name: pick(random, "web", "worker")}},
			},
			ID: graft.NewID(at.Add(time.Duration(n) * time.Minute)), CreatedAt: at.Add(time.Duration(n) * time.Minute),
			Status: pick(random, graft.AddonApproved, graft.AddonApproved, graft.AddonVerificationFailed), Kind: graft.KindExtension,
			Publisher: pick(random, "ann", "bob"),
		}
		if random.IntN(4) == 0 {
			addons[n].Kind, addons[n].Replaces = graft.KindPlugin, []string{pick(random, "cluster_scheduler", "mongo")}
		}
	}
	return addons
}

// seen is an addon as it is saved.
type seen struct {
	graft.Addon
	latest bool
}

// lookAtAll returns all addons in the order of their publication.
func lookAtAll(t *testing.T, s *store.Store) (all []seen) {
	t.Helper()
	latest := map[string]bool{}
	noError(t, s.EachAddon(t.Context(), store.AddonFilter{}, func(document []byte) error {
		var a seen
		noError(t, json.Unmarshal(document, &a.Addon))
		if _, known := latest[a.Name]; !known {
			latest[a.Name] = true
			for _, v := range must(s.Versions(t.Context(), a.Name))(t) {
				latest[v.ID] = v.Latest
			}
		}
		a.latest = latest[a.ID]
		all = append(all, a)
		return nil
	}))
	return all
}

func (a *seen) matches(q *graft.AddonQuery) bool {
	for _, word := range strings.Fields(q.Text) {
		texts := strings.FieldsFunc(strings.Join([]string{a.Description, a.Name, a.Publisher, a.Services[0].Name, strings.Join(a.Replaces, " ")}, " "),
			func(r rune) bool { return strings.ContainsRune(" -_", r) })
		if !slices.Contains(texts, word) {
			return false
		}
	}
	listed := a.Status == graft.AddonApproved && a.Yanked == nil
	return (q.Status == "" && listed || q.Status == a.Status) &&
		(q.Name == "" || q.Name == a.Name) && (q.Kind == "" || q.Kind == a.Kind) &&
		(q.Publisher == "" || q.Publisher == a.Publisher) &&
		(q.Replaces == "" || slices.Contains(a.Replaces, q.Replaces)) && (!q.Latest || a.latest)
}

// randomQuery returns one whose words are whole: what is the beginning of one is
// tested elsewhere.
func randomQuery(random *rand.Rand) graft.AddonQuery {
	q := graft.AddonQuery{
		Sort: pick(random, graft.SortNewest, graft.SortOldest, graft.SortName), Limit: 10 + random.IntN(graft.MaxPage-9),
		Text: pick(random, "", "", "common ", "rare ", "third ", "late ", "third late ", "rare third ", "web ", "nothing "),
	}
	if random.IntN(3) == 0 {
		q.Status = pick(random, graft.AddonApproved, graft.AddonUnderReview, graft.AddonVerificationFailed)
	}
	if random.IntN(4) == 0 {
		q.Kind = pick(random, graft.KindPlugin, graft.KindExtension)
	}
	if random.IntN(4) == 0 {
		q.Publisher = pick(random, "ann", "bob", "eve")
	}
	if random.IntN(6) == 0 {
		q.Replaces = "mongo"
	}
	if random.IntN(8) == 0 {
		q.Name = "k-7"
	}
	q.Latest = random.IntN(3) == 0
	return q
}
