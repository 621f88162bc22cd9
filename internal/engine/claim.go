package engine

import (
	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// A component's name has one owner at a time: the component itself, or the
// plugin that its swap names. Addons that may supersede others queue on top of
// each other, the newest uppermost; whoever is on top when the owner goes takes
// the place over from it, and the component comes back when nobody is left.

// standing is what an installation may do about a component.
type standing int

const (
	mayTake standing = iota // it is next, or the owner already
	queued                  // a newer one that supersedes it is before it
	refused                 // another one has it
)

// standingOf says what an installation may do about a component, which is given
// as it was or is, and who is before it, if anybody.
func (w *world) standingOf(inst *graft.Installation, component *driver.Container) (standing, *graft.Installation) {
	swap := w.swapFor(component)
	if swap != nil && swap.InstallationID == inst.ID {
		return mayTake, nil
	}
	rival := w.nextOwner(component, inst.ID)
	switch {
	case rival == nil:
		return mayTake, nil
	case newer(inst, rival) && inst.Supersede:
		return mayTake, nil
	case newer(rival, inst) && rival.Supersede:
		return queued, rival
	case newer(rival, inst) && swap == nil:
		return mayTake, nil // it came first
	}
	return refused, rival
}

// nextOwner returns the newest installation that wants to be in a component's
// place, apart from one; nil if there is none.
func (w *world) nextOwner(component *driver.Container, except string) *graft.Installation {
	var next *graft.Installation
	for i := range w.installs {
		inst := &w.installs[i]
		if inst.ID == except || !wantsUp(inst) || !w.claims(inst, component) {
			continue
		}
		if next == nil || newer(inst, next) {
			next = inst
		}
	}
	return next
}

// claims is whether an installation wants to replace a component.
func (w *world) claims(inst *graft.Installation, component *driver.Container) bool {
	return w.claimant(inst, component) != ""
}

// claimant returns the service of an installation that bears a component's name
// and has not made room for it; "" if there is none.
func (w *world) claimant(inst *graft.Installation, component *driver.Container) string {
	for i := range inst.Services {
		if name := inst.Services[i].Name; w.settings.bears(component, name) && !withdrawn(inst, name) {
			return name
		}
	}
	return ""
}

func newer(a, b *graft.Installation) bool {
	if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
		return c > 0
	}
	return a.ID > b.ID
}

// swapFor returns the swap of a component, nil if it is in place.
func (w *world) swapFor(component *driver.Container) *store.Swap {
	for i := range w.swaps {
		if w.swaps[i].Component == component.Name {
			return &w.swaps[i]
		}
	}
	return nil
}

// aside returns the component of that name as it was, if it stepped aside, nil
// if none did.
func (w *world) aside(service string) *driver.Container {
	for i := range w.swaps {
		if c := w.record(&w.swaps[i]); c != nil && w.settings.bears(c, service) {
			return c
		}
	}
	return nil
}

// pluginsFor returns the containers of this engine that were made to stand in
// for a component.
func (w *world) pluginsFor(component string) []*driver.Container {
	var found []*driver.Container
	for i := range w.snapshot.Containers {
		c := &w.snapshot.Containers[i]
		if c.Labels[driver.EngineLabel] == w.settings.EngineID && c.Labels[driver.ComponentLabel] == component {
			found = append(found, c)
		}
	}
	return found
}
