package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

func publish(t *testing.T, s *store.Store, name, version, publisher string) (*graft.Addon, error) {
	t.Helper()
	addon := newAddon(name)
	addon.Version, addon.Publisher = version, publisher
	return addon, s.CreateAddon(t.Context(), addon, func(owner string) error {
		if owner != publisher {
			return graft.Errorf(graft.CodeForbidden, "it is %s's", owner)
		}
		return nil
	})
}

func published(t *testing.T, s *store.Store, name, version, publisher string) *graft.Addon {
	t.Helper()
	return must(publish(t, s, name, version, publisher))(t)
}

// set makes an addon approved or not, and yanked or not.
func set(t *testing.T, s *store.Store, id string, status graft.AddonStatus, yanked bool) {
	t.Helper()
	must(s.ChangeAddon(t.Context(), id, func(addon *graft.Addon) error {
		addon.Status, addon.Yanked = status, nil
		if yanked {
			addon.Yanked = &graft.Notice{Message: "broken"}
		}
		return nil
	}))(t)
}

func versionsAreNumbered(t *testing.T, s *store.Store) {
	for _, c := range [][2]string{{"", "0.0.1"}, {"", "0.0.2"}, {"0.0.3", "0.0.3"}, {"", "0.0.4"}, {"2.0.0", "2.0.0"}, {"", "0.0.5"}} {
		if got := published(t, s, "a", c[0], "ann").Version; got != c[1] {
			t.Errorf("%q became %q, want %q", c[0], got, c[1])
		}
	}
	equal(t, published(t, s, "b", "", "ann").Version, "0.0.1")
}

func versionsAreGivenOnce(t *testing.T, s *store.Store) {
	first := published(t, s, "a", "1.0.0+build.1", "ann")
	for _, version := range []string{"1.0.0+build.1", "1.0.0", "1.0.0+build.2"} {
		_, err := publish(t, s, "a", version, "ann")
		wantCode(t, err, graft.CodeConflict)
	}
	noError(t, s.DeleteAddon(t.Context(), first.ID))
	_, err := publish(t, s, "a", "1.0.0", "ann")
	wantCode(t, err, graft.CodeConflict)
	published(t, s, "b", "1.0.0", "ann")
}

func namesBelongToTheFirst(t *testing.T, s *store.Store) {
	published(t, s, "a", "1.0.0", "ann")
	_, err := publish(t, s, "a", "2.0.0", "bob")
	wantCode(t, err, graft.CodeForbidden)
	name := must(s.Name(t.Context(), "a"))(t)
	if name.Publisher != "ann" || name.Versions != 1 || name.Latest != "" || name.CreatedAt.IsZero() {
		t.Errorf("name is %+v", name)
	}
	noError(t, s.SetPublisher(t.Context(), "a", "bob"))
	published(t, s, "a", "2.0.0", "bob") // refused before, so not given
	_, err = s.Name(t.Context(), "other")
	wantCode(t, err, graft.CodeNotFound)
	wantCode(t, s.SetPublisher(t.Context(), "other", "bob"), graft.CodeNotFound)
}

func latestIsKept(t *testing.T, s *store.Store) {
	ids := map[string]string{}
	for _, version := range []string{"1.2.0", "1.10.0", "2.0.0-beta.1"} {
		ids[version] = published(t, s, "a", version, "ann").ID
	}
	want := func(latest string) {
		t.Helper()
		equal(t, must(s.Name(t.Context(), "a"))(t).Latest, latest)
		for _, v := range must(s.Versions(t.Context(), "a"))(t) {
			if v.Latest != (v.Version == latest) {
				t.Errorf("%s is the latest: %t, want %s", v.Version, v.Latest, latest)
			}
		}
	}
	want("")
	set(t, s, ids["2.0.0-beta.1"], graft.AddonApproved, false)
	want("2.0.0-beta.1") // there is no release
	set(t, s, ids["1.10.0"], graft.AddonApproved, false)
	want("1.10.0")
	set(t, s, ids["1.2.0"], graft.AddonApproved, false)
	want("1.10.0")
	set(t, s, ids["1.10.0"], graft.AddonApproved, true)
	want("1.2.0")
	set(t, s, ids["1.10.0"], graft.AddonApproved, false)
	want("1.10.0")
	set(t, s, ids["1.10.0"], graft.AddonVerificationFailed, false)
	want("1.2.0")
	noError(t, s.DeleteAddon(t.Context(), ids["1.2.0"]))
	want("2.0.0-beta.1")
	noError(t, s.DeleteAddon(t.Context(), ids["2.0.0-beta.1"]))
	want("")
	versions := must(s.Versions(t.Context(), "a"))(t)
	if len(versions) != 1 || versions[0].ID != ids["1.10.0"] || versions[0].Status != graft.AddonVerificationFailed {
		t.Errorf("versions are %+v", versions)
	}
}

func versionsAreOrdered(t *testing.T, s *store.Store) {
	for _, version := range []string{"1.2.0", "1.10.0", "2.0.0-beta.1", "0.9.0"} {
		published(t, s, "a", version, "ann")
	}
	var got []string
	for _, v := range must(s.Versions(t.Context(), "a"))(t) {
		got = append(got, v.Version)
	}
	equal(t, got, []string{"2.0.0-beta.1", "1.10.0", "1.2.0", "0.9.0"})
	if versions := must(s.Versions(t.Context(), "b"))(t); len(versions) != 0 {
		t.Errorf("of a name that there is not: %v", versions)
	}
}

// Of many who publish at once each gets a version of his own.
func versionsAtOnce(t *testing.T, s *store.Store) {
	const many = 20
	var all sync.WaitGroup
	versions := make([]string, many)
	for i := range many {
		all.Go(func() {
			addon, err := publish(t, s, "a", "", "ann")
			if err != nil {
				t.Error(err)
			}
			versions[i] = addon.Version
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, version := range versions {
		seen[version] = true
	}
	for i := range many {
		if version := fmt.Sprint("0.0.", i+1); !seen[version] {
			t.Errorf("nobody got %s", version)
		}
	}
}

func lookalikesAreFound(t *testing.T, s *store.Store) {
	// By a clock that runs backwards: what comes first is first, whatever it says.
	begin := time.Now()
	for i, c := range [][2]string{
		{"scheduler", "ann"}, {"schedulers", "ann"}, {"schedu1er", "bob"}, {"mqtt", "ann"}, {"mqtts", "bob"}, {"other", "bob"},
	} {
		addon := newAddon(c[0])
		addon.Publisher, addon.CreatedAt = c[1], begin.Add(-time.Duration(i)*time.Second)
		noError(t, s.CreateAddon(t.Context(), addon, nil))
	}
	for name, want := range map[string][]string{
		"scheduler": nil, "schedulers": nil, "schedu1er": {"scheduler", "schedulers"}, "mqtt": nil, "mqtts": nil, "other": nil,
	} {
		equal(t, must(s.Lookalikes(t.Context(), name))(t), want)
	}
}

func verificationIsEnqueuedAgain(t *testing.T, s *store.Store) {
	addon := published(t, s, "a", "", "ann")
	claim := func() *store.Verification {
		t.Helper()
		return must(s.ClaimVerification(t.Context(), "w", time.Now().Add(time.Hour), time.Minute))(t)
	}
	v := claim()
	noError(t, finish(t, s, v, graft.AddonApproved, &graft.Verification{Attempts: 1}))
	if v := claim(); v != nil {
		t.Fatalf("there is more to do: %+v", v)
	}
	again := func() *graft.Addon {
		t.Helper()
		return must(s.EnqueueVerification(t.Context(), addon.ID, func(addon *graft.Addon) error {
			addon.Status = graft.AddonUnderReview
			return nil
		}))(t)
	}
	if got := again(); got.Status != graft.AddonUnderReview || got.Revision != 3 {
		t.Errorf("it is %+v", got)
	}
	v = claim()
	if v == nil || v.AddonID != addon.ID || v.Attempts != 1 {
		t.Fatalf("claimed: %+v", v)
	}
	again() // whoever is at it loses it
	wantCode(t, finish(t, s, v, graft.AddonApproved, nil), graft.CodeConflict)
	if v := claim(); v == nil || v.Attempts != 1 {
		t.Errorf("claimed: %+v", v)
	}
	_, err := s.EnqueueVerification(t.Context(), graft.NewID(time.Now()), func(*graft.Addon) error { return nil })
	wantCode(t, err, graft.CodeNotFound)
}
