package storetest

import (
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

func keptTests() map[string]func(*testing.T, *store.Store) {
	return map[string]func(*testing.T, *store.Store){
		"KeptVolumeRoundTrip":       keptVolumeRoundTrip,
		"KeptVolumeHasOneOwner":     keptVolumeHasOneOwner,
		"KeptVolumesOfWhoIsRemoved": keptVolumesOfWhoIsRemoved,
		"RemovalIsWhatItWas":        removalIsWhatItWas,
	}
}

func keptVolumeRoundTrip(t *testing.T, s *store.Store) {
	i := createInstallation(t, s, "a")
	equal(t, len(must(s.KeptVolumes(t.Context()))(t)), 0)
	at := time.Now().Round(time.Microsecond)
	noError(t, s.KeepVolume(t.Context(), store.KeptVolume{Name: "v2", Addon: "a", MadeFor: i.ID, KeptAt: at}, i.ID))
	noError(t, s.KeepVolume(t.Context(), store.KeptVolume{Name: "v1", Addon: "it's ☃", MadeFor: i.ID}, i.ID))
	noError(t, s.KeepVolume(t.Context(), store.KeptVolume{Name: "v2", Addon: "a", MadeFor: i.ID, KeptAt: at}, i.ID)) // again
	all := must(s.KeptVolumes(t.Context()))(t)
	if len(all) != 2 || all[0].KeptAt.Before(at) || !all[1].KeptAt.Equal(at) {
		t.Fatalf("kept: %+v", all)
	}
	all[0].KeptAt, all[1].KeptAt = time.Time{}, time.Time{}
	equal(t, all, []store.KeptVolume{{Name: "v1", Addon: "it's ☃", MadeFor: i.ID}, {Name: "v2", Addon: "a", MadeFor: i.ID}})
}

// owners returns the owners of kept volumes, by the volumes' names.
func owners(t *testing.T, s *store.Store) map[string]string {
	t.Helper()
	owners := map[string]string{}
	for _, v := range must(s.KeptVolumes(t.Context()))(t) {
		owners[v.Name] = v.Owner
	}
	return owners
}

func keptVolumeHasOneOwner(t *testing.T, s *store.Store) {
	first, second, third := createInstallation(t, s, "1"), createInstallation(t, s, "2"), createInstallation(t, s, "3")
	v := store.KeptVolume{Name: "v", Addon: "a", MadeFor: first.ID}
	wantCode(t, s.TakeVolume(t.Context(), "v", first.ID, second.ID), graft.CodeConflict) // it is not kept
	noError(t, s.KeepVolume(t.Context(), v, first.ID))
	noError(t, s.DeleteInstallation(t.Context(), first.ID))
	wantCode(t, s.TakeVolume(t.Context(), "v", second.ID, second.ID), graft.CodeConflict) // another one of that name
	wantCode(t, s.TakeVolume(t.Context(), "v", first.ID, first.ID), graft.CodeConflict)   // who is not there
	noError(t, s.TakeVolume(t.Context(), "v", first.ID, second.ID))
	noError(t, s.TakeVolume(t.Context(), "v", first.ID, second.ID)) // again
	wantCode(t, s.TakeVolume(t.Context(), "v", first.ID, third.ID), graft.CodeConflict)
	wantCode(t, s.KeepVolume(t.Context(), v, third.ID), graft.CodeConflict)
	equal(t, owners(t, s), map[string]string{"v": second.ID})
	noError(t, s.KeepVolume(t.Context(), v, second.ID))
	noError(t, s.KeepVolume(t.Context(), v, second.ID)) // again
	noError(t, s.TakeVolume(t.Context(), "v", first.ID, third.ID))
	wantCode(t, s.KeepVolume(t.Context(), v, second.ID), graft.CodeConflict)

	// The volume was removed by hand, and another one of its name made and kept.
	v.MadeFor = second.ID
	noError(t, s.KeepVolume(t.Context(), v, second.ID))
	equal(t, owners(t, s), map[string]string{"v": ""})
	wantCode(t, s.TakeVolume(t.Context(), "v", first.ID, third.ID), graft.CodeConflict)
}

func keptVolumesOfWhoIsRemoved(t *testing.T, s *store.Store) {
	gone := graft.NewID(time.Now())
	removed, keeps := createInstallation(t, s, "1"), createInstallation(t, s, "2")
	for name, owner := range map[string]*graft.Installation{"lost": removed, "kept": keeps, "nobody's": nil} {
		noError(t, s.KeepVolume(t.Context(), store.KeptVolume{Name: name, Addon: "a", MadeFor: gone}, gone))
		if owner != nil {
			noError(t, s.TakeVolume(t.Context(), name, gone, owner.ID))
		}
	}
	must(s.Remove(t.Context(), removed.ID, false))(t)
	must(s.Remove(t.Context(), keeps.ID, true))(t)
	noError(t, s.DeleteInstallation(t.Context(), removed.ID))
	noError(t, s.DeleteInstallation(t.Context(), keeps.ID))
	equal(t, owners(t, s), map[string]string{"kept": "", "nobody's": ""})
	wantCode(t, s.DeleteInstallation(t.Context(), gone), graft.CodeNotFound)
}

func removalIsWhatItWas(t *testing.T, s *store.Store) {
	removed, keeps := createInstallation(t, s, "1"), createInstallation(t, s, "2")
	must(s.Remove(t.Context(), removed.ID, false))(t)
	_, err := s.Remove(t.Context(), removed.ID, true)
	wantCode(t, err, graft.CodeConflict)
	for range 2 {
		must(s.Remove(t.Context(), keeps.ID, true))(t)
	}
	_, err = s.Remove(t.Context(), keeps.ID, false)
	wantCode(t, err, graft.CodeConflict)
	for _, desired := range []graft.DesiredState{graft.DesiredDisabled, graft.DesiredEnabled} {
		_, err = s.SetDesired(t.Context(), keeps.ID, desired, graft.StatusDisabled)
		wantCode(t, err, graft.CodeConflict)
	}
	for id, want := range map[string]bool{removed.ID: false, keeps.ID: true} {
		equal(t, must(s.Installation(t.Context(), id))(t).KeepData, want)
	}
	_, err = s.Remove(t.Context(), graft.NewID(time.Now()), true)
	wantCode(t, err, graft.CodeNotFound)
}
