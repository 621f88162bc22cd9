package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// badPlainAddon is plainAddon in a version that does not stay up.
const badPlainAddon = `{"name":"plain","services":[{"service_name":"cluster_scheduler","image":"bad","volumes":["data:/data"]}]}`

// lifeOfKeptData is that of a plugin's data which outlives it.
func lifeOfKeptData(u *user) {
	first := u.install(plainAddon, false)
	u.up(first)
	u.uninstall(first, true)
	u.dataOf(first)
	second := u.install(plainAddon, false)
	u.up(second)
	u.dataOf(first)
	u.remove(second)
}

// lifeOfDataAndABadOne is that of data which one takes over that does not stay up.
func lifeOfDataAndABadOne(u *user) {
	first := u.install(plainAddon, false)
	u.up(first)
	u.removeKeeping(first)
	bad := u.install(badPlainAddon, false)
	u.owner(bad, graft.StatusFailed, "")
	u.dataOf(first)
	u.want(bad, graft.DesiredDisabled)
	u.owner(bad, graft.StatusDisabled, "")
	if u.ownerOfData() == bad { // a fault had it tried again, and it is disabled in the middle of that
		u.removeKeeping(bad)
	} else {
		u.remove(bad)
	}
	u.dataOf(first)
	third := u.install(plainAddon, false)
	u.up(third)
	u.dataOf(first)
	u.remove(third)
}

// removeKeeping is remove for an installation whose data is to stay.
func (u *user) removeKeeping(id string) {
	u.t.Helper()
	u.want(id, graft.DesiredDisabled)
	u.awaitStatus(id, graft.StatusDisabled)
	u.uninstall(id, true)
}

// dataOf checks that the plugin's volume is the one that was made for that
// installation, and not one that was made anew.
func (u *user) dataOf(id string) {
	u.t.Helper()
	u.look(func() { u.hasData("cluster_plain_data", id) })
}

// hasData checks that a volume is the one that was made for that installation; empty:
// that there is none.
func (h *harness) hasData(volume, madeFor string) {
	h.t.Helper()
	got := ""
	for _, v := range h.snapshot().Volumes {
		if v.Name == volume {
			got = v.Labels[driver.InstallationLabel]
		}
	}
	if got != madeFor {
		h.t.Errorf("the volume is that of %q, want %q", got, madeFor)
	}
}

// ownerOfData returns the installation that has taken the kept volume over, "" for
// none.
func (h *harness) ownerOfData() string {
	h.t.Helper()
	kept := h.kept()
	if len(kept) != 1 {
		h.t.Fatalf("kept: %+v", kept)
	}
	return kept[0].Owner
}

// kept returns what the store knows of kept volumes.
func (h *harness) kept() []store.KeptVolume {
	h.t.Helper()
	kept, err := h.store.KeptVolumes(context.Background())
	try(h.t, err)
	return kept
}

const (
	keptName   = "cluster_hello_data"
	keptAddon  = `{"name":"hello","services":[{"service_name":"web","image":"h","volumes":["data:/data","more:/more"]}]}`
	otherAddon = `{"name":"hello_data","services":[{"service_name":"other","image":"h","volumes":["x:/x"]}]}`
)

// deleteKeeping is delete for an installation whose data is to stay.
func (h *harness) deleteKeeping(id string) {
	h.t.Helper()
	for _, last := range []bool{false, true} {
		inst, err := h.engine.Delete(context.Background(), id, true)
		if err != nil || (inst == nil) != last {
			h.t.Fatalf("delete, the last time %v: %+v, %v", last, inst, err)
		}
		if !last {
			h.await(id, graft.StatusDisabled)
		}
	}
}

// What is kept is taken over by the next of its name, and goes with that; whatever
// else happens meanwhile.
func TestDataIsKept(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		before := h.snapshot()
		first := h.install(keptAddon).ID
		h.await(first, graft.StatusActive)
		plan, err := h.engine.PlanRemoval(context.Background(), first, true)
		want := []graft.PlannedVolume{{Name: keptName, Fate: graft.VolumeKept}, {Name: "cluster_hello_more", Fate: graft.VolumeKept}}
		if err != nil || !slices.Equal(plan.Volumes, want) {
			t.Errorf("to be uninstalled: %+v, %v", plan, err)
		}
		if now, err := h.engine.Plan(context.Background(), first); err != nil || len(now.Operations) > 0 {
			t.Errorf("the plan of a removal did something: %+v, %v", now, err)
		}
		h.deleteKeeping(first)
		h.hasData(keptName, first)

		// Neither time nor others of another name touch it, nor one of its name
		// that has no such volume.
		other, namesake := h.install(otherAddon).ID, h.install(`{"name":"hello","services":[{"service_name":"bare","image":"h"}]}`).ID
		h.await(other, graft.StatusActive)
		h.await(namesake, graft.StatusActive)
		h.pass(time.Hour)
		h.delete(other)
		h.delete(namesake)
		h.stop()
		h.start()
		h.pass(time.Hour)
		h.hasData(keptName, first)

		request := h.request(`{"name":"hello","services":[{"service_name":"web","image":"h2","volumes":["data:/data"]}],"volumes":[{"name":"data","driver":"nfs"}]}`)
		plan, err = h.engine.PlanInstall(context.Background(), request)
		if err != nil || !slices.Equal(plan.Volumes, []graft.PlannedVolume{{Name: keptName, Fate: graft.VolumeTakenOver}}) || len(plan.Conflicts) > 0 || len(plan.Warnings) != 1 {
			t.Errorf("to be installed again: %+v, %v", plan, err)
		}
		request.Plan = plan.Hash
		second, err := h.engine.Install(context.Background(), request)
		try(t, err)
		if got := h.await(second.ID, graft.StatusActive).Details.Warnings; len(got) != 1 || !strings.Contains(got[0], "driver local instead of nfs") {
			t.Errorf("warnings: %q", got)
		}
		h.hasData(keptName, first)
		h.delete(second.ID)
		h.hasData(keptName, "")
		h.hasData("cluster_hello_more", first) // it took only the other one over

		third := h.install(keptAddon).ID
		h.await(third, graft.StatusActive)
		h.hasData(keptName, third)
		h.hasData("cluster_hello_more", first)
		h.delete(third)
		h.nothingLeft(before)
	})
}

// An engine that tells what it will do with data is held to it: the two ways to
// remove something exclude each other.
func TestRemovalIsNotChanged(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		id := h.install(keptAddon).ID
		h.await(id, graft.StatusActive)
		h.disable(id)
		h.await(id, graft.StatusDisabled)
		h.driver.SetAway(true)
		if inst, err := h.engine.Delete(context.Background(), id, true); err != nil || inst != nil {
			t.Fatalf("%+v, %v", inst, err)
		}
		if _, err := h.store.Remove(context.Background(), id, false); graft.ErrorCode(err) != graft.CodeConflict {
			t.Errorf("to remove the data all the same: %v", err)
		}
		if _, err := h.engine.Delete(context.Background(), id, false); graft.ErrorCode(err) != graft.CodeNotFound {
			t.Errorf("to delete it again: %v", err)
		}
		h.driver.SetAway(false)
		h.pass(time.Hour)
		h.hasData(keptName, id)
		var told []string
		for _, e := range h.events(id) {
			if strings.Contains(e.Message, "data kept") || strings.Contains(e.Message, "keep volume") {
				told = append(told, e.Message)
			}
		}
		if len(told) != 4 { // it is to be removed, two volumes, it is removed
			t.Errorf("events: %q", told)
		}
	})
}

// One that was refused because the one before was still on its way out goes on when
// that is gone, with its data.
func TestNextOneWaitsForTheOneBefore(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		first := h.install(keptAddon).ID
		h.await(first, graft.StatusActive)
		h.disable(first)
		h.await(first, graft.StatusDisabled)
		_, err := h.store.Remove(context.Background(), first, true) // the engine has not heard of it
		try(t, err)
		second := h.install(keptAddon).ID
		h.await(second, graft.StatusActive)
		h.hasData(keptName, first)
	})
}

// Data that somebody has taken over is not taken from him by another addon of its
// name, be it that he is disabled.
func TestDataOfALivingOneIsItsOwn(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		first := h.install(keptAddon).ID
		h.await(first, graft.StatusActive)
		h.deleteKeeping(first)
		second := h.install(keptAddon).ID
		h.await(second, graft.StatusActive)
		h.disable(second)
		h.await(second, graft.StatusDisabled)
		rival := h.install(`{"name":"hello","services":[{"service_name":"rival","image":"h","volumes":["data:/data"]}]}`).ID
		inst := h.await(rival, graft.StatusFailed)
		if inst.Details.Outcome != graft.OutcomeRefused || !strings.Contains(inst.Details.Reason, keptName) {
			t.Errorf("details: %+v", inst.Details)
		}
		h.delete(rival)
		h.hasData(keptName, first)
		h.delete(second)
		h.hasData(keptName, "")
	})
}
