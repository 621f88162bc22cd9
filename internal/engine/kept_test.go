package engine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// Ids of installations that were there before the one that is planned.
const (
	goneID  = "00000000000000000000000a"
	otherID = "00000000000000000000000b"

	leavingID = "00000000000000000000000c" // it is being removed
)

// TestKeptVolumePlans compares plans for an addon of whose name data was kept, or is
// to be.
func TestKeptVolumePlans(t *testing.T) {
	t.Parallel()
	keeping := func(i *graft.Installation) { i.Desired, i.KeepData = graft.DesiredRemoved, true }
	removed := func(i *graft.Installation) { i.Desired = graft.DesiredRemoved }
	disabled := func(i *graft.Installation) { i.Desired = graft.DesiredDisabled }
	failed := func(i *graft.Installation) {
		i.Status, i.Details = graft.StatusFailed, &graft.StatusDetails{Generation: 1, GaveUp: true}
	}
	failedLater := func(i *graft.Installation) { failed(i); i.Activated = true }
	enabled := func(*graft.Installation) {}
	const own = "0123456789abcdef01234567" // that of installation
	const volume = "root_hello_data"
	const somebodys = `refused: volume "root_hello_data" exists and belongs to somebody else; remove or rename it`
	const leavings = `refused: volume "root_hello_data" is that of addon "hello", which is being uninstalled; wait until that is gone`
	const creation = `pull ` + testImage + ` (image of service web)
		create container root_web (service web has none)
		start container root_web (service web is enabled)`
	kept := func(madeFor, owner string) []store.KeptVolume {
		return []store.KeptVolume{{Name: volume, Addon: "hello", MadeFor: madeFor, Owner: owner}}
	}
	for name, x := range map[string]struct {
		change  func(*graft.Installation)
		madeFor string // what the volume's label says; empty: it is nobody's
		kept    []store.KeptVolume
		lives   string // another installation
		want    string
	}{
		"uninstall":             {removed, own, nil, "", "remove volume root_hello_data (the addon is uninstalled)\nforget installation hello (the addon is uninstalled)"},
		"uninstall and keep":    {keeping, own, nil, "", "keep volume root_hello_data (the addon is uninstalled, and its data kept)\nforget installation hello (the addon is uninstalled)"},
		"killed after it":       {keeping, own, kept(own, ""), "", "keep volume root_hello_data (the addon is uninstalled, and its data kept)\nforget installation hello (the addon is uninstalled)"},
		"what was taken over":   {removed, goneID, kept(goneID, own), "", "remove volume root_hello_data (the addon is uninstalled)\nforget installation hello (the addon is uninstalled)"},
		"keep that":             {keeping, goneID, kept(goneID, own), "", "keep volume root_hello_data (the addon is uninstalled, and its data kept)\nforget installation hello (the addon is uninstalled)"},
		"what nobody took over": {removed, goneID, kept(goneID, ""), "", "forget installation hello (the addon is uninstalled)"},
		"what others took over": {removed, goneID, kept(goneID, otherID), otherID, "forget installation hello (the addon is uninstalled)"},
		// As in a database that was put back.
		"what others took over of its own": {removed, own, kept(own, otherID), otherID, "forget installation hello (the addon is uninstalled)"},
		"disable":                          {disabled, goneID, kept(goneID, own), "", "nothing to do"},

		"its first start failed":              {failed, own, nil, "", "remove volume root_hello_data (its installation failed)"},
		"its first start failed on kept data": {failed, goneID, kept(goneID, own), "", "keep volume root_hello_data (its installation failed, and the data was there before)"},
		"killed after that":                   {failed, goneID, kept(goneID, ""), "", "nothing to do"},
		"a later start failed":                {failedLater, goneID, kept(goneID, own), "", "nothing to do"},

		"install": {enabled, goneID, kept(goneID, ""), "", `pull ` + testImage + ` (image of service web)
			take over volume root_hello_data (its data was kept when addon hello was uninstalled)
			create container root_web (service web has none)
			start container root_web (service web is enabled)`},
		"killed after it was taken over": {enabled, goneID, kept(goneID, own), "", creation},
		"made since by itself":           {enabled, own, kept(goneID, ""), "", creation},
		"made since by somebody":         {enabled, "", kept(goneID, ""), "", somebodys},
		"made since for another":         {enabled, otherID, kept(goneID, ""), otherID, somebodys},
		"taken over by another":          {enabled, goneID, kept(goneID, otherID), otherID, somebodys},
		"whose is still there":           {enabled, goneID, kept(goneID, ""), goneID, somebodys},
		"labels alone":                   {enabled, goneID, nil, "", somebodys},
		"that goes just now":             {enabled, leavingID, nil, leavingID, leavings},
		"kept by who goes just now":      {enabled, leavingID, kept(leavingID, ""), leavingID, leavings},
		"taken over by who goes":         {enabled, goneID, kept(goneID, leavingID), leavingID, leavings},
		"of another addon": {enabled, goneID, []store.KeptVolume{{Name: volume, Addon: "hello_data", MadeFor: goneID}}, "",
			`refused: volume "root_hello_data" has data that was kept of addon "hello_data"; save what is in it, then remove it`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := installation(t, hello)
			x.change(inst)
			v := driver.Volume{Name: volume}
			if x.madeFor != "" {
				v.Labels = testSettings.ownerLabels(x.madeFor)
			}
			w := worldOf(inst, driver.Snapshot{Networks: oakestra(), Volumes: []driver.Volume{v}})
			w.kept = x.kept
			if x.lives != "" {
				other := graft.Installation{ID: x.lives, Descriptor: inst.Descriptor, Desired: graft.DesiredDisabled}
				if x.lives == leavingID {
					other.Desired = graft.DesiredRemoved
				}
				w.installs = append(w.installs, other)
			}
			lines := strings.Split(x.want, "\n")
			for i := range lines {
				lines[i] = strings.TrimSpace(lines[i])
			}
			if diff := cmp.Diff(lines, strings.Split(strings.TrimSpace(planFor(w, inst).String()), "\n")); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// A plan tells what becomes of volumes, in its first line too.
func TestPlannedVolumes(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		change func(*graft.Installation)
		fate   graft.VolumeFate
		first  string
	}{
		"install":   {func(*graft.Installation) {}, graft.VolumeTakenOver, "installs 1 service; pulls 1 image; takes over the data in 1 volume"},
		"keep":      {func(i *graft.Installation) { i.Desired, i.KeepData = graft.DesiredRemoved, true }, graft.VolumeKept, "keeps the data in 1 volume"},
		"uninstall": {func(i *graft.Installation) { i.Desired = graft.DesiredRemoved }, graft.VolumeRemoved, "removes the data in 1 volume"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := installation(t, hello)
			x.change(inst)
			v := store.KeptVolume{Name: "root_hello_data", Addon: "hello", MadeFor: goneID}
			if x.fate != graft.VolumeTakenOver {
				v.Owner = inst.ID
			}
			w := worldOf(inst, driver.Snapshot{Networks: oakestra(), Volumes: []driver.Volume{{Name: v.Name, Labels: testSettings.ownerLabels(goneID)}}})
			w.kept = []store.KeptVolume{v}
			out := planFor(w, inst).public()
			if diff := cmp.Diff([]graft.PlannedVolume{{Name: v.Name, Fate: x.fate}}, out.Volumes); diff != "" {
				t.Error(diff)
			}
			if first, _, _ := strings.Cut(out.Text, "\n"); first != x.first {
				t.Errorf("the first line is %q, want %q", first, x.first)
			}
		})
	}
}
