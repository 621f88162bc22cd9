package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

func createInstallation(t *testing.T, s *store.Store, name string) *graft.Installation {
	t.Helper()
	i := &graft.Installation{
		MarketplaceID: graft.NewID(time.Now()),
		Descriptor:    newAddon(name).Descriptor,
		Images:        map[string]string{"web": "registry.example/web@sha256:0"},
		ImageSizes:    map[string]int64{"web": 12_345_678},
	}
	noError(t, s.CreateInstallation(t.Context(), i))
	return i
}

func installationRoundTrip(t *testing.T, s *store.Store) {
	first, second := createInstallation(t, s, "a"), createInstallation(t, s, "b")
	if first.Generation != 1 || first.Revision != 1 || first.Desired != graft.DesiredEnabled ||
		first.Status != graft.StatusInstalling || first.CreatedAt.IsZero() || !first.UpdatedAt.Equal(first.CreatedAt) {
		t.Fatalf("not filled in: %+v", first)
	}
	equal(t, must(s.Installation(t.Context(), first.ID))(t), first)
	all := must(s.Installations(t.Context()))(t)
	want := []graft.Installation{*first, *second}
	if second.ID < first.ID {
		want[0], want[1] = want[1], want[0]
	}
	equal(t, all, want)

	must(s.SetStatus(t.Context(), second.ID, 1, graft.StatusActive, nil, ""))(t)
	second = must(s.Installation(t.Context(), second.ID))(t)
	equal(t, must(s.InstallationsIn(t.Context(), graft.StatusActive))(t), []graft.Installation{*second})
	equal(t, must(s.InstallationsIn(t.Context(), graft.StatusInstalling))(t), []graft.Installation{*first})

	noError(t, s.DeleteInstallation(t.Context(), first.ID))
	equal(t, must(s.Installations(t.Context()))(t), []graft.Installation{*second})
}

func installationExists(t *testing.T, s *store.Store) {
	first := createInstallation(t, s, "a")
	again := &graft.Installation{MarketplaceID: first.MarketplaceID, Descriptor: first.Descriptor}
	err := s.CreateInstallation(t.Context(), again)
	wantCode(t, err, graft.CodeExists)
	equal(t, graft.ErrorMessage(err), fmt.Sprintf("Addon with marketplace-id - %s already exists.", first.MarketplaceID))

	equal(t, must(s.Remove(t.Context(), first.ID, false))(t).Status, graft.StatusDisabling)
	again.ID = ""
	wantCode(t, s.CreateInstallation(t.Context(), again), graft.CodeExists)
	must(s.SetStatus(t.Context(), first.ID, 2, graft.StatusDisabled, nil, ""))(t)
	again.ID = ""
	noError(t, s.CreateInstallation(t.Context(), again)) // while the first is on its way out
}

func installationNotFound(t *testing.T, s *store.Store) {
	id := graft.NewID(time.Now())
	_, err := s.Installation(t.Context(), id)
	wantCode(t, err, graft.CodeNotFound)
	equal(t, graft.ErrorMessage(err), "Addon not found")
	_, err = s.SetDesired(t.Context(), id, graft.DesiredDisabled, graft.StatusDisabling)
	wantCode(t, err, graft.CodeNotFound)
	_, err = s.SetStatus(t.Context(), id, 1, graft.StatusActive, nil, "")
	wantCode(t, err, graft.CodeNotFound)
	_, err = s.Activated(t.Context(), id)
	wantCode(t, err, graft.CodeNotFound)
	wantCode(t, s.DeleteInstallation(t.Context(), id), graft.CodeNotFound)
}

func setDesiredWritesTheSpec(t *testing.T, s *store.Store) {
	i := createInstallation(t, s, "a")
	details := &graft.StatusDetails{Generation: 1, Reason: "why", FailedServices: []string{"web"}}
	must(s.SetStatus(t.Context(), i.ID, 1, graft.StatusFailed, details, "web | boom"))(t)
	got := must(s.SetDesired(t.Context(), i.ID, graft.DesiredDisabled, graft.StatusDisabling))(t)
	if got.UpdatedAt.Before(i.UpdatedAt) {
		t.Fatalf("updated at %v, created at %v", got.UpdatedAt, i.CreatedAt)
	}
	i.Desired, i.Status, i.Generation, i.Revision, i.UpdatedAt = graft.DesiredDisabled, graft.StatusDisabling, 2, 3, got.UpdatedAt
	i.Logs = "web | boom" // why it failed is asked for after it was taken back
	equal(t, got, i)
	equal(t, must(s.Installation(t.Context(), i.ID))(t), i)
}

func setDesiredAfterRemoved(t *testing.T, s *store.Store) {
	i := createInstallation(t, s, "a")
	for range 2 {
		must(s.Remove(t.Context(), i.ID, false))(t)
	}
	_, err := s.SetDesired(t.Context(), i.ID, graft.DesiredEnabled, graft.StatusInstalling)
	wantCode(t, err, graft.CodeConflict)
	equal(t, must(s.Installation(t.Context(), i.ID))(t).Desired, graft.DesiredRemoved)
}

func setStatusWritesOnlyChanges(t *testing.T, s *store.Store) {
	i := createInstallation(t, s, "a")
	code := 3
	details := &graft.StatusDetails{
		Generation: 1, Outcome: graft.OutcomeDone, FailedServices: []string{},
		Services: []graft.ServiceStatus{{Name: "web", State: graft.ServiceExited, ExitCode: &code}},
	}
	steps := []struct {
		status  graft.InstallationStatus
		details *graft.StatusDetails
		logs    string
		changed bool
	}{
		{graft.StatusInstalling, nil, "", false},
		{graft.StatusFailed, nil, "", true},
		{graft.StatusFailed, details, "", true},
		{graft.StatusFailed, details, "boom", true},
		{graft.StatusFailed, details, "boom", false},
		{graft.StatusFailed, nil, "boom", true},
	}
	revision := int64(1)
	for n, step := range steps {
		if got := must(s.SetStatus(t.Context(), i.ID, 1, step.status, step.details, step.logs))(t); got != step.changed {
			t.Fatalf("step %d: changed is %v", n, got)
		}
		if step.changed {
			revision++
		}
		got := must(s.Installation(t.Context(), i.ID))(t)
		equal(t, got.Revision, revision)
		equal(t, got.Status, step.status)
		equal(t, got.Details, step.details)
		equal(t, got.Logs, step.logs)
		equal(t, got.Generation, int64(1))
	}
}

func setStatusOfOldGeneration(t *testing.T, s *store.Store) {
	i := createInstallation(t, s, "a")
	want := must(s.SetDesired(t.Context(), i.ID, graft.DesiredDisabled, graft.StatusDisabling))(t)
	equal(t, must(s.SetStatus(t.Context(), i.ID, 1, graft.StatusActive, nil, "late"))(t), false)
	equal(t, must(s.Installation(t.Context(), i.ID))(t), want)
}

func activatedStays(t *testing.T, s *store.Store) {
	i := createInstallation(t, s, "a")
	activated := func() bool {
		t.Helper()
		a := must(s.Activated(t.Context(), i.ID))(t)
		equal(t, must(s.Installation(t.Context(), i.ID))(t).Activated, a)
		return a
	}
	equal(t, activated(), false)
	must(s.SetStatus(t.Context(), i.ID, 1, graft.StatusFailed, nil, ""))(t)
	equal(t, activated(), false)
	must(s.SetStatus(t.Context(), i.ID, 1, graft.StatusPartiallyActive, nil, ""))(t)
	equal(t, activated(), true)
	must(s.SetStatus(t.Context(), i.ID, 1, graft.StatusFailed, nil, ""))(t)
	equal(t, activated(), true)
}

func swapRoundTrip(t *testing.T, s *store.Store) {
	i := createInstallation(t, s, "a")
	swap := store.Swap{
		Component: "cluster_scheduler", ContainerID: "1", AsideName: "aside", InstallationID: i.ID, Service: "web",
		Record: json.RawMessage(`{"Id":"1","Name":"x"}`), CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	noError(t, s.SaveSwap(t.Context(), swap))
	changed := swap
	changed.ContainerID, changed.CreatedAt = "2", swap.CreatedAt.Add(time.Hour)
	noError(t, s.SaveSwap(t.Context(), changed))
	changed.CreatedAt = swap.CreatedAt // when it first stepped aside
	equal(t, must(s.Swaps(t.Context()))(t), []store.Swap{changed})
	for range 2 {
		noError(t, s.DeleteSwap(t.Context(), swap.Component))
	}
	equal(t, len(must(s.Swaps(t.Context()))(t)), 0)
}

func swapOfTwoInstallations(t *testing.T, s *store.Store) {
	first, second := createInstallation(t, s, "a"), createInstallation(t, s, "b")
	noError(t, s.SaveSwap(t.Context(), store.Swap{Component: "c", InstallationID: first.ID, Record: json.RawMessage(`{}`)}))
	wantCode(t, s.SaveSwap(t.Context(), store.Swap{Component: "c", InstallationID: second.ID, Record: json.RawMessage(`{}`)}), graft.CodeConflict)
	equal(t, must(s.Swaps(t.Context()))(t)[0].InstallationID, first.ID)
	wantCode(t, s.SaveSwap(t.Context(), store.Swap{Component: "d", InstallationID: graft.NewID(time.Now()), Record: json.RawMessage(`{}`)}), graft.CodeConflict)
}

func swapChangesHands(t *testing.T, s *store.Store) {
	first, second := createInstallation(t, s, "one"), createInstallation(t, s, "two")
	noError(t, s.SaveSwap(t.Context(), store.Swap{Component: "c", InstallationID: first.ID, Service: "c", Record: json.RawMessage(`{}`)}))
	noError(t, s.SetSwapWay(t.Context(), "c", first.ID, false, graft.SwapStandby, "it ended"))
	noError(t, s.SetSwapWay(t.Context(), "c", first.ID, true, graft.SwapCold, "it ended too"))
	wantCode(t, s.SetSwapWay(t.Context(), "c", second.ID, true, graft.SwapWarm, ""), graft.CodeConflict)
	noError(t, s.SetSwapContainer(t.Context(), "c", "", "new"))
	noError(t, s.SetSwapContainer(t.Context(), "c", "", "new")) // again
	wantCode(t, s.SetSwapContainer(t.Context(), "c", "other", "newer"), graft.CodeConflict)
	swap := must(s.Swaps(t.Context()))(t)[0]
	equal(t, []any{swap.Way, swap.WayBack, swap.Reason}, []any{graft.SwapStandby, graft.SwapCold, "it ended too"})

	wantCode(t, s.ClaimSwap(t.Context(), "c", second.ID, graft.NewID(time.Now()), "c"), graft.CodeConflict)
	noError(t, s.ClaimSwap(t.Context(), "c", first.ID, second.ID, "c2"))
	noError(t, s.ClaimSwap(t.Context(), "c", first.ID, second.ID, "c2")) // again
	swap = must(s.Swaps(t.Context()))(t)[0]
	equal(t, []any{swap.InstallationID, swap.Service, swap.Way, swap.WayBack, swap.Reason},
		[]any{second.ID, "c2", graft.SwapWay(""), graft.SwapWay(""), ""})
	wantCode(t, s.ClaimSwap(t.Context(), "c", first.ID, first.ID, "c"), graft.CodeConflict)
	noError(t, s.DeleteInstallation(t.Context(), first.ID))
	wantCode(t, s.ClaimSwap(t.Context(), "c", second.ID, first.ID, "c"), graft.CodeConflict)
}

func swapKeepsInstallation(t *testing.T, s *store.Store) {
	i := createInstallation(t, s, "a")
	noError(t, s.SaveSwap(t.Context(), store.Swap{Component: "c", InstallationID: i.ID, Record: json.RawMessage(`{}`)}))
	wantCode(t, s.DeleteInstallation(t.Context(), i.ID), graft.CodeConflict)
	noError(t, s.DeleteSwap(t.Context(), "c"))
	noError(t, s.DeleteInstallation(t.Context(), i.ID))
}

func engineIDStays(t *testing.T, s *store.Store) {
	first := must(s.EngineID(t.Context()))(t)
	if _, ok := graft.ParseID(first); !ok {
		t.Fatalf("engine id is %q", first)
	}
	equal(t, must(s.EngineID(t.Context()))(t), first)
}

func manyWritersAtOnce(t *testing.T, s *store.Store) {
	i := createInstallation(t, s, "a")
	const writers, each = 8, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				if _, err := s.SetStatus(t.Context(), i.ID, 1, graft.StatusFailed, nil, fmt.Sprint(w, n)); err != nil {
					t.Error(err)
				}
				if _, err := s.Installations(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	equal(t, must(s.Installation(t.Context(), i.ID))(t).Revision, int64(1+writers*each))
}

func endedContextIsExplained(t *testing.T, s *store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Installations(ctx)
	wantCode(t, err, graft.CodeUnavailable)
	err = s.CreateAddon(ctx, newAddon("a"), nil)
	wantCode(t, err, graft.CodeUnavailable)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the cause is lost: %v", err)
	}
	equal(t, names(t, s, store.AddonFilter{}), []string{})
}

func quotesAndControlCharsSurvive(t *testing.T, s *store.Store) {
	i := createInstallation(t, s, "o'neil; drop table \"addons\" -- ☃")
	logs := "web | \x1b[31mred\x1b[0m 'quoted' \\ $1 ☃\r\n"
	must(s.SetStatus(t.Context(), i.ID, 1, graft.StatusFailed, nil, logs))(t)
	got := must(s.Installation(t.Context(), i.ID))(t)
	equal(t, got.Logs, logs)
	equal(t, got.Name, i.Name)
}

// Containers write what they like.
func anyBytesAreKept(t *testing.T, s *store.Store) {
	i := createInstallation(t, s, "a")
	must(s.SetStatus(t.Context(), i.ID, 1, graft.StatusFailed, nil, "web | \x00 and \xff\n"))(t)
	equal(t, must(s.Installation(t.Context(), i.ID))(t).Logs, "web | \uFFFD and \uFFFD\n")
	equal(t, must(s.SetStatus(t.Context(), i.ID, 1, graft.StatusFailed, nil, "web | \x00 and \xff\n"))(t), false)
	noError(t, s.SaveSwap(t.Context(), store.Swap{Component: "c", InstallationID: i.ID, Record: json.RawMessage(`{}`)}))
	noError(t, s.SetSwapWay(t.Context(), "c", i.ID, false, graft.SwapCold, "\x00\xff"))
	equal(t, must(s.Swaps(t.Context()))(t)[0].Reason, "\uFFFD\uFFFD")
	for _, name := range []string{"\x00", "\xff"} {
		equal(t, names(t, s, store.AddonFilter{Name: name}), []string{})
		_, err := s.Name(t.Context(), name)
		wantCode(t, err, graft.CodeNotFound)
		equal(t, len(must(s.Versions(t.Context(), name))(t)), 0)
	}
}

func setVersionChangesWhatRuns(t *testing.T, s *store.Store) {
	i := createInstallation(t, s, "a")
	before := i.Pinned()
	next := *before
	next.MarketplaceID, next.Version, next.Images = graft.NewID(time.Now()), "2.0.0", map[string]string{"web": "w@sha256:2"}
	next.Consent = &graft.Consent{Grants: []string{"docker_socket"}, By: "ann"}
	details := &graft.StatusDetails{FailedServices: []string{}, Upgrade: &graft.UpgradeStatus{From: "1.0.0", To: "2.0.0"}}
	got := must(s.SetVersion(t.Context(), i.ID, 1, &next, before, details))(t)
	equal(t, got.Pinned(), &next)
	equal(t, got.Previous, before)
	equal(t, must(s.Installation(t.Context(), i.ID))(t), got)
	if got.Generation != 2 || got.Revision != 2 || got.Status != graft.StatusInstalling || got.Details.Generation != 2 || *got.Details.Upgrade != *details.Upgrade {
		t.Errorf("the installation is %+v, %+v", got, got.Details)
	}
	_, err := s.SetVersion(t.Context(), i.ID, 1, before, nil, details)
	wantCode(t, err, graft.CodeConflict) // somebody was faster

	must(s.SetStatus(t.Context(), i.ID, 2, graft.StatusFailed, details, ""))(t)
	must(s.SetStatus(t.Context(), i.ID, 2, graft.StatusActive, details, ""))(t)
	equal(t, must(s.Installation(t.Context(), i.ID))(t).Previous, before) // it waits for its turn
	up := &graft.StatusDetails{FailedServices: []string{}, Upgrade: &graft.UpgradeStatus{From: "1.0.0", To: "2.0.0", Outcome: graft.OutcomeDone}}
	must(s.SetStatus(t.Context(), i.ID, 2, graft.StatusActive, up, ""))(t)
	equal(t, must(s.Installation(t.Context(), i.ID))(t).Previous, (*graft.Pinned)(nil))
}

func setVersionOfWhatMayNotChange(t *testing.T, s *store.Store) {
	i, other := createInstallation(t, s, "a"), createInstallation(t, s, "b")
	details := &graft.StatusDetails{FailedServices: []string{}}
	_, err := s.SetVersion(t.Context(), i.ID, 1, other.Pinned(), nil, details)
	wantCode(t, err, graft.CodeExists) // that version is another installation
	_, err = s.SetVersion(t.Context(), graft.NewID(time.Now()), 1, i.Pinned(), nil, details)
	wantCode(t, err, graft.CodeNotFound)
	must(s.SetDesired(t.Context(), i.ID, graft.DesiredDisabled, graft.StatusDisabled))(t)
	equal(t, must(s.SetVersion(t.Context(), i.ID, 2, i.Pinned(), nil, details))(t).Status, graft.StatusDisabled)
	must(s.Remove(t.Context(), i.ID, false))(t)
	_, err = s.SetVersion(t.Context(), i.ID, 4, i.Pinned(), nil, details)
	wantCode(t, err, graft.CodeConflict)
}

// A version that may have to come back is kept for the installation that it was.
func versionBeforeIsKept(t *testing.T, s *store.Store) {
	i, other := createInstallation(t, s, "a"), createInstallation(t, s, "a")
	before, details := i.Pinned(), &graft.StatusDetails{FailedServices: []string{}}
	next := *before
	next.MarketplaceID = graft.NewID(time.Now())
	must(s.SetVersion(t.Context(), i.ID, 1, &next, before, details))(t)
	again := &graft.Installation{MarketplaceID: before.MarketplaceID, Descriptor: before.Descriptor}
	wantCode(t, s.CreateInstallation(t.Context(), again), graft.CodeConflict)
	wantCode(t, s.MayRun(t.Context(), "", before.MarketplaceID), graft.CodeConflict)
	wantCode(t, s.MayRun(t.Context(), "", next.MarketplaceID), graft.CodeExists)
	_, err := s.SetVersion(t.Context(), other.ID, 1, before, nil, details)
	wantCode(t, err, graft.CodeConflict)
	equal(t, must(s.Installation(t.Context(), other.ID))(t), other)

	noError(t, s.MayRun(t.Context(), i.ID, before.MarketplaceID)) // to itself
	must(s.SetVersion(t.Context(), i.ID, 2, before, before, details))(t)
	must(s.SetDesired(t.Context(), i.ID, graft.DesiredDisabled, graft.StatusDisabled))(t)
	must(s.Remove(t.Context(), i.ID, false))(t)
	noError(t, s.CreateInstallation(t.Context(), again)) // while the first is on its way out
}

// One that is uninstalled on its way to another version does not come back.
func versionBeforeWhoLeaves(t *testing.T, s *store.Store) {
	i := createInstallation(t, s, "a")
	before, next := i.Pinned(), *i.Pinned()
	next.MarketplaceID = graft.NewID(time.Now())
	must(s.SetVersion(t.Context(), i.ID, 1, &next, before, &graft.StatusDetails{}))(t)
	equal(t, must(s.Remove(t.Context(), i.ID, false))(t).Status, graft.StatusDisabling)
	wantCode(t, s.MayRun(t.Context(), "", next.MarketplaceID), graft.CodeExists)
	noError(t, s.MayRun(t.Context(), "", before.MarketplaceID))
}
