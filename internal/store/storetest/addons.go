package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

func newAddon(name string) *graft.Addon {
	interval := graft.Duration(90 * time.Second)
	return &graft.Addon{
		Descriptor: graft.Descriptor{
			Name:        name,
			Description: "it's \"quoted\" $1 ?",
			Services: []graft.Service{{
				Name: "web", Image: "registry.example/web:1",
				Networks: []string{}, Volumes: []string{"data:/data"},
				Ports: map[string]string{"80/tcp": "8080"}, Environment: map[string]string{"A": "b"}, Labels: map[string]string{},
				Healthcheck: &graft.Healthcheck{Test: []string{"NONE"}, Interval: &interval},
				DependsOn:   map[string]graft.Dependency{"db": {Condition: graft.ServiceHealthy}},
				MemLimit:    64 << 20, CPUs: 0.5,
			}},
			Volumes:  []graft.Volume{{Name: "data", Driver: "local", DriverOpts: map[string]string{}, Labels: map[string]string{}}},
			Networks: []graft.Network{},
		},
		Status:   graft.AddonUnderReview,
		Warnings: graft.Problems{{Path: []string{"volumes", "0", "driver"}, Message: "odd"}},
	}
}

func createAddon(t *testing.T, s *store.Store, name string) *graft.Addon {
	t.Helper()
	addon := newAddon(name)
	noError(t, s.CreateAddon(t.Context(), addon, nil))
	return addon
}

func addonRoundTrip(t *testing.T, s *store.Store) {
	created := createAddon(t, s, "one")
	if _, ok := graft.ParseID(created.ID); !ok || created.Revision != 1 || created.CreatedAt.IsZero() {
		t.Fatalf("not filled in: %+v", created)
	}
	equal(t, must(s.Addon(t.Context(), created.ID))(t), created)

	var documents []string
	noError(t, s.EachAddon(t.Context(), store.AddonFilter{}, func(document []byte) error {
		documents = append(documents, string(document))
		return nil
	}))
	want, err := json.Marshal(created)
	noError(t, err)
	equal(t, documents, []string{string(want)})

	noError(t, s.DeleteAddon(t.Context(), created.ID))
	_, err = s.Addon(t.Context(), created.ID)
	wantCode(t, err, graft.CodeNotFound)
}

func addonNotFound(t *testing.T, s *store.Store) {
	id := graft.NewID(time.Now())
	_, err := s.Addon(t.Context(), id)
	wantCode(t, err, graft.CodeNotFound)
	equal(t, graft.ErrorMessage(err), "Addon not found")
	wantCode(t, s.DeleteAddon(t.Context(), id), graft.CodeNotFound)
}

// names returns what a filter chooses.
func names(t *testing.T, s *store.Store, filter store.AddonFilter) []string {
	t.Helper()
	names := []string{}
	noError(t, s.EachAddon(t.Context(), filter, func(document []byte) error {
		var addon graft.Addon
		names = append(names, "")
		err := json.Unmarshal(document, &addon)
		names[len(names)-1] = addon.Name + " " + string(addon.Status)
		return err
	}))
	return names
}

func eachAddonFiltersAndOrders(t *testing.T, s *store.Store) {
	start := time.Now()
	for i, name := range []string{"c", "a", "b", "a"} { // ids sort by time
		addon := newAddon(name)
		addon.ID = graft.NewID(start.Add(time.Duration(i) * time.Second))
		if i > 1 {
			addon.Status = graft.AddonApproved
		}
		noError(t, s.CreateAddon(t.Context(), addon, nil))
	}
	equal(t, names(t, s, store.AddonFilter{}), []string{"c under_review", "a under_review", "b approved", "a approved"})
	equal(t, names(t, s, store.AddonFilter{Status: graft.AddonApproved}), []string{"b approved", "a approved"})
	equal(t, names(t, s, store.AddonFilter{Name: "a"}), []string{"a under_review", "a approved"})
	equal(t, names(t, s, store.AddonFilter{Name: "a", Status: graft.AddonApproved}), []string{"a approved"})
	equal(t, names(t, s, store.AddonFilter{Name: "A"}), []string{})
	equal(t, names(t, s, store.AddonFilter{Name: "a' or '1'='1"}), []string{})
}

func eachAddonStopsAtError(t *testing.T, s *store.Store) {
	createAddon(t, s, "a")
	createAddon(t, s, "b")
	stop, calls := errors.New("enough"), 0
	err := s.EachAddon(t.Context(), store.AddonFilter{}, func([]byte) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Fatalf("%d calls, error %v", calls, err)
	}
}

func eachAddonReadsManyPages(t *testing.T, s *store.Store) {
	const n = 600
	for i := range n {
		addon := newAddon(fmt.Sprint(i))
		if i < 3 { // a page ends by its size, too
			addon.Readme = strings.Repeat("x", 1<<20)
		}
		noError(t, s.CreateAddon(t.Context(), addon, nil))
	}
	seen := map[string]bool{}
	for _, name := range names(t, s, store.AddonFilter{}) {
		seen[name] = true
	}
	equal(t, len(seen), n)
}

const lease = time.Minute

func claim(t *testing.T, s *store.Store, owner string, at time.Time) *store.Verification {
	t.Helper()
	return must(s.ClaimVerification(t.Context(), owner, at, lease))(t)
}

func verificationFinishes(t *testing.T, s *store.Store) {
	addon, now := createAddon(t, s, "a"), time.Now()
	v := claim(t, s, "me", now)
	if v == nil || v.AddonID != addon.ID || v.Attempts != 1 || !v.CreatedAt.Equal(addon.CreatedAt) {
		t.Fatalf("claimed %+v", v)
	}
	if again := claim(t, s, "me", now); again != nil {
		t.Fatalf("claimed twice: %+v", again)
	}
	result := &graft.Verification{
		Images:   []graft.ImageReport{{Service: "web", Image: "x", Digest: "sha256:0", Platforms: []string{"linux/amd64"}, Sizes: map[string]int64{"linux/amd64": 7}}},
		Attempts: 1, CheckedAt: now.UTC().Truncate(time.Microsecond),
	}
	noError(t, finish(t, s, v, graft.AddonApproved, result))
	addon.Status, addon.Verification, addon.Revision = graft.AddonApproved, result, 2
	equal(t, must(s.Addon(t.Context(), addon.ID))(t), addon)
	equal(t, names(t, s, store.AddonFilter{Status: graft.AddonApproved}), []string{"a approved"})
	equal(t, names(t, s, store.AddonFilter{Status: graft.AddonUnderReview}), []string{})
	_, due, err := s.NextVerification(t.Context())
	noError(t, err)
	equal(t, due, false)
	wantCode(t, finish(t, s, v, graft.AddonApproved, result), graft.CodeConflict)
}

func verificationRetries(t *testing.T, s *store.Store) {
	addon, now := createAddon(t, s, "a"), time.Now().Truncate(time.Microsecond)
	later := now.Add(time.Hour)
	v := claim(t, s, "me", now)
	noError(t, s.RetryVerification(t.Context(), v, later, &graft.Verification{Attempts: 1}))
	got := must(s.Addon(t.Context(), addon.ID))(t)
	if got.Status != graft.AddonUnderReview || got.Verification.Attempts != 1 || got.Revision != 2 {
		t.Fatalf("addon is %+v", got)
	}
	at, due, err := s.NextVerification(t.Context())
	noError(t, err)
	if !due || !at.Equal(later) {
		t.Fatalf("next is %v %v, want %v", at, due, later)
	}
	if early := claim(t, s, "me", later.Add(-time.Second)); early != nil {
		t.Fatalf("claimed too early: %+v", early)
	}
	if due := claim(t, s, "me", later); due == nil || due.Attempts != 2 || !due.CreatedAt.Equal(addon.CreatedAt) {
		t.Fatalf("claimed %+v", due)
	}
	wantCode(t, s.RetryVerification(t.Context(), v, later, nil), graft.CodeConflict)
}

func verificationLeaseEnds(t *testing.T, s *store.Store) {
	createAddon(t, s, "a")
	now := time.Now()
	dead := claim(t, s, "dead", now)
	noError(t, s.RenewVerification(t.Context(), dead, now.Add(2*lease)))
	if early := claim(t, s, "me", now.Add(lease)); early != nil {
		t.Fatalf("claimed in spite of the lease: %+v", early)
	}
	mine := claim(t, s, "me", now.Add(2*lease))
	if mine == nil {
		t.Fatal("not claimed after the lease")
	}
	wantCode(t, s.RenewVerification(t.Context(), dead, now), graft.CodeConflict)
	wantCode(t, finish(t, s, dead, graft.AddonVerificationFailed, nil), graft.CodeConflict)
	noError(t, finish(t, s, mine, graft.AddonApproved, nil))
	equal(t, names(t, s, store.AddonFilter{}), []string{"a approved"})
}

func verificationIsReclaimed(t *testing.T, s *store.Store) {
	createAddon(t, s, "a")
	now := time.Now()
	old := claim(t, s, "me", now)
	noError(t, s.ReclaimVerifications(t.Context(), "other", now))
	if v := claim(t, s, "me", now); v != nil {
		t.Fatalf("another owner's reclaim freed it: %+v", v)
	}
	noError(t, s.ReclaimVerifications(t.Context(), "me", now))
	wantCode(t, finish(t, s, old, graft.AddonApproved, nil), graft.CodeConflict)
	if v := claim(t, s, "me", now); v == nil || v.Attempts != 2 {
		t.Fatalf("claimed %+v", v)
	}
}

func verificationOfDeletedAddon(t *testing.T, s *store.Store) {
	addon := createAddon(t, s, "a")
	v := claim(t, s, "me", time.Now())
	noError(t, s.DeleteAddon(t.Context(), addon.ID))
	wantCode(t, finish(t, s, v, graft.AddonApproved, nil), graft.CodeConflict)
	wantCode(t, s.RetryVerification(t.Context(), v, time.Now(), nil), graft.CodeConflict)
	equal(t, names(t, s, store.AddonFilter{}), []string{})
}

func verificationClaimedOnce(t *testing.T, s *store.Store) {
	const n = 40
	for i := range n {
		createAddon(t, s, fmt.Sprint(i))
	}
	var mu sync.Mutex
	var workers sync.WaitGroup
	claims := map[string]int{}
	for range 8 {
		workers.Go(func() {
			for {
				v, err := s.ClaimVerification(context.WithoutCancel(t.Context()), "me", time.Now().Add(time.Second), time.Hour)
				if err != nil {
					t.Error(err)
				}
				if v == nil {
					return
				}
				mu.Lock()
				claims[v.AddonID]++
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	for id, times := range claims {
		if times != 1 {
			t.Errorf("%s was claimed %d times", id, times)
		}
	}
	equal(t, len(claims), n)
}

// finish ends a verification with a final answer.
func finish(t *testing.T, s *store.Store, v *store.Verification, status graft.AddonStatus, result *graft.Verification) error {
	t.Helper()
	_, err := s.FinishVerification(t.Context(), v, func(addon *graft.Addon) error {
		addon.Status, addon.Verification = status, result
		return nil
	})
	return err
}
