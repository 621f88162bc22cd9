//go:build soak

package e2e_test

import (
	"fmt"
	"slices"

	"github.com/graftplatform/graft"
)

// soakVersion is a version of an addon.
type soakVersion struct {
	number string
	id     string // in the marketplace
	bad    bool   // it never passes its gate
}

// atVersion returns the one with that number.
func (a *soakAddon) atVersion(number string) soakVersion {
	i := slices.IndexFunc(a.versions, func(v soakVersion) bool { return v.number == number })
	return a.versions[i]
}

// possibleUpgrades are the ways of an addon to other versions, if what becomes of
// them can be foretold: a version comes back only if it was up before.
func (s *soak) possibleUpgrades(a *soakAddon) (operations []soakOperation) {
	for _, v := range a.versions {
		if v != a.version && (!v.bad || a.enabled && a.up) {
			operations = append(operations, soakOperation{3, fmt.Sprintf("upgrade %s from %s to %s, bad %v", a.name, a.version.number, v.number, v.bad), func() { s.upgrade(a, v) }})
		}
	}
	return operations
}

// upgrade asks for another version. A bad one goes back by itself.
func (s *soak) upgrade(a *soakAddon, to soakVersion) {
	_, err := s.graft.Upgrade(s.t.Context(), a.id, graft.InstallRequest{MarketplaceID: to.id})
	switch code := graft.ErrorCode(err); {
	case err == nil:
		a.version, a.hurt = to, 0
		if to.bad {
			s.back++
		} else {
			s.there++
		}
		s.disturb(a)
	case a.contested && (code == graft.CodeConflict || code == graft.CodeRefused): // another plugin is there
		s.tell("  refused: %v", err)
	default:
		s.t.Fatalf("upgrade %s: %v", a.name, err)
	}
}

// versionWrong says what is wrong with the version that an addon has and answers
// with. One that is contested may have gone back, or wait for its turn.
func (s *soak) versionWrong(a *soakAddon, inst *graft.Installation) (wrong []string) {
	want := a.version.number
	if a.version.bad && !a.bad {
		want = a.proved
	}
	if a.enabled && !a.contested && inst.Version != want {
		wrong = append(wrong, fmt.Sprintf("%s has version %s, and should have %s", a.name, inst.Version, want))
	}
	if u := inst.Details.Upgrade; a.enabled && !a.bad && !a.contested && u != nil {
		// What went back may have been disabled on its way.
		if u.Outcome != graft.OutcomeDone && u.Outcome != graft.OutcomeRestored || u.Outcome == graft.OutcomeDone && u.To != inst.Version {
			wrong = append(wrong, fmt.Sprintf("%s has version %s after the upgrade %+v", a.name, inst.Version, *u))
		}
	}
	if a.port != "" && a.enabled && inst.Status == graft.StatusActive {
		if got, want := get(s.t.Context(), a.port), a.name+" "+inst.Version; got != want {
			wrong = append(wrong, fmt.Sprintf("the port of %s answers %q, and should %q", a.name, got, want))
		}
	}
	return wrong
}

// learn notes which versions the addons have come to, now that all is settled.
func (s *soak) learn() {
	s.t.Helper()
	installations, err := s.graft.Installations(s.t.Context(), graft.InstallationStatus(""))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, a := range s.addons {
		i := slices.IndexFunc(installations, func(i graft.Installation) bool { return i.ID == a.id })
		if i < 0 {
			continue
		}
		inst := &installations[i]
		a.version = a.atVersion(inst.Version)
		if inst.Status == graft.StatusActive && !superseded(inst) {
			a.proved = inst.Version
		}
		a.up = inst.Status == graft.StatusActive && inst.Version == a.proved
	}
}
