package engine

import (
	"context"
	"time"

	"github.com/graftplatform/graft"
)

// removalTimeout bounds how long one waits for the end of what is disabled already;
// the removal goes on after that.
const removalTimeout = 10 * time.Second

// Delete disables an installation, or removes a disabled one: then it returns nil
// once everything of it is gone, its volumes, too, unless their data is to be kept.
// What is kept is taken over by the next installation of an addon of its name.
// Errors: CodeConflict when it is being removed in the other way. Who only disables it
// says nothing of its data, unless that is to be kept.
func (e *Engine) Delete(ctx context.Context, id string, keepData bool) (*graft.Installation, error) {
	inst, err := e.Installation(ctx, id)
	if err != nil {
		return nil, err
	}
	if inst.Status == graft.StatusDisabled || keepData && inst.Desired == graft.DesiredRemoved {
		return e.remove(ctx, inst, keepData)
	}
	return e.SetDesired(ctx, id, graft.DesiredDisabled) // of one that leaves, too: it is being disabled
}

// Uninstall disables an installation and removes it, as one wish that can't be taken
// back. It returns nil when that is done, else the installation, which is there
// until it is. Errors: those of Delete.
func (e *Engine) Uninstall(ctx context.Context, id string, keepData bool) (*graft.Installation, error) {
	inst, err := e.Installation(ctx, id)
	if err != nil {
		return nil, err
	}
	return e.remove(ctx, inst, keepData)
}

// remove has an installation removed. One that is disabled is nobody's to see from
// now on, and its end is waited for.
func (e *Engine) remove(ctx context.Context, inst *graft.Installation, keepData bool) (*graft.Installation, error) {
	if inst.Desired == graft.DesiredRemoved && inst.KeepData == keepData {
		return inst, nil
	}
	inst, err := e.setRemoved(ctx, inst.ID, keepData)
	if err != nil {
		return nil, err
	}
	if !unseen(inst) {
		return inst, nil
	}
	ctx, cancel := context.WithTimeout(ctx, removalTimeout)
	defer cancel()
	for {
		updated := e.updated.C()
		if _, err := e.store.Installation(ctx, inst.ID); err != nil {
			return nil, nil //nolint:nilnil // gone, or out of time: the removal is on record
		}
		select {
		case <-updated:
		case <-ctx.Done():
			return nil, nil //nolint:nilnil // the removal is on record and goes on
		}
	}
}

func (e *Engine) setRemoved(ctx context.Context, id string, keepData bool) (*graft.Installation, error) {
	e.specs.RLock()
	defer e.specs.RUnlock()
	inst, err := e.store.Remove(ctx, id, keepData)
	if err != nil {
		return nil, err
	}
	e.respecified(inst)
	return inst, nil
}

// unseen is whether users see an installation no more: nothing of it runs, and what
// is left of it is being removed.
func unseen(inst *graft.Installation) bool {
	return inst.Desired == graft.DesiredRemoved && inst.Status == graft.StatusDisabled
}

// PlanRemoval returns what it would lead to just now to disable an installation and
// then remove it, with its data or without, and changes nothing.
func (e *Engine) PlanRemoval(ctx context.Context, id string, keepData bool) (*graft.Plan, error) {
	return e.planOf(ctx, id, func(inst *graft.Installation) {
		inst.Desired, inst.KeepData = graft.DesiredRemoved, keepData
	})
}
