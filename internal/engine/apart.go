package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// Once an addon has been up, its services are looked after one by one: what one
// of them waits for, be it an image or the end of a pause after a failure, keeps
// nothing of the others from being repaired. And a plugin that can't stay in its
// component's place makes room without taking the rest of the addon down.

// due returns the part of a repair that can be carried out now, begins to bring
// the images that it lacks, and returns when to look again for what has to wait;
// zero: when something happens.
func (e *Engine) due(ctx context.Context, inst *graft.Installation, p *plan) (*plan, time.Time) {
	var at time.Time
	now := time.Now()
	e.mu.Lock()
	paused := e.paused[inst.ID]
	rest := p.without(func(o *operation) bool {
		pause := paused[o.group]
		if !now.Before(pause.next) {
			return false
		}
		at = sooner(at, pause.next)
		return true
	})
	e.mu.Unlock()
	missing := e.pull(ctx, inst, rest)
	return rest.without(func(o *operation) bool { return o.kind == opPull && missing[o.target] }), at
}

// pull begins to bring the images that a plan needs, each by itself, and returns
// those that are not there yet.
func (e *Engine) pull(ctx context.Context, inst *graft.Installation, p *plan) map[string]bool {
	missing := map[string]bool{}
	needed := map[string]bool{}
	for i := range p.operations {
		o := p.operations[i]
		if o.kind != opPull {
			continue
		}
		needed[o.target] = true
		key := inst.ID + " " + o.target
		e.mu.Lock()
		_, running := e.running[key]
		pulled := e.pulled[inst.ID][o.target]
		e.mu.Unlock()
		if pulled {
			continue
		}
		missing[o.target] = true
		if !running {
			o.after = nil
			e.launch(ctx, key, inst, &plan{installation: inst, apart: true, pulls: true, operations: []operation{o}})
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for image := range e.pulled[inst.ID] {
		if !needed[image] {
			delete(e.pulled[inst.ID], image) // it was needed once, and may be again
		}
	}
	return missing
}

// takesOver is whether a plan is to take a component's place from another
// installation's plugin.
func (w *world) takesOver(p *plan) bool {
	return slices.ContainsFunc(w.swaps, func(swap store.Swap) bool {
		return swap.InstallationID != p.installation.ID && slices.Contains(p.components, swap.Component)
	})
}

// pullFirst brings the images of a plan without holding the components that it
// is about. It is true if there are any that are not there yet.
func (e *Engine) pullFirst(ctx context.Context, inst *graft.Installation, p *plan) bool {
	first := &plan{installation: inst, pulls: true}
	e.mu.Lock()
	for _, o := range p.operations {
		if o.kind == opPull && !e.pulled[inst.ID][o.target] {
			o.after = nil
			first.add(o)
		}
	}
	e.mu.Unlock()
	if len(first.operations) > 0 {
		e.launch(ctx, inst.ID, inst, first)
	}
	return len(first.operations) > 0
}

// notePulled notes that images are there.
func (e *Engine) notePulled(inst *graft.Installation, p *plan) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pulled[inst.ID] == nil {
		e.pulled[inst.ID] = map[string]bool{}
	}
	for i := range p.operations {
		e.pulled[inst.ID][p.operations[i].target] = true
	}
}

// noteGroups notes which groups of a plan's operations failed, and so are to
// pause, and forgets the failures of the others.
func (e *Engine) noteGroups(inst *graft.Installation, p *plan, failures []*operationError) {
	e.mu.Lock()
	defer e.mu.Unlock()
	failed := map[string]*operationError{}
	for _, f := range failures {
		failed[f.operation.group] = f
		if f.operation.kind == opPull || f.operation.kind == opCreate {
			delete(e.pulled, inst.ID) // an image may be gone again
		}
	}
	paused := e.paused[inst.ID]
	if paused == nil {
		paused = map[string]attempts{}
		e.paused[inst.ID] = paused
	}
	for i := range p.operations {
		group := p.operations[i].group
		pause := paused[group]
		switch {
		case failed[group] == nil:
			delete(paused, group)
		case !time.Now().Before(pause.next): // once for each execution
			pause.failed()
			pause.reason = failed[group].reason()
			paused[group] = pause
		}
	}
}

// trouble returns why the last repair of an installation failed that is to be
// tried again, and when; "" if there is none.
func (e *Engine) trouble(id string) (reason string, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, group := range sortedKeys(e.paused[id]) {
		if pause := e.paused[id][group]; at.IsZero() || pause.next.Before(at) {
			reason, at = pause.reason, pause.next
		}
	}
	return reason, at
}

// repairFailed judges repairs that failed: they are tried again, but a plugin
// makes room after some attempts if somebody waits for it, or can't get to its
// place.
func (e *Engine) repairFailed(ctx context.Context, inst *graft.Installation, failures []*operationError) {
	var failed *operationError // the first one that no other way is left for
	often := false
	for _, f := range failures {
		if e.fellBack(ctx, inst, f) {
			continue
		}
		if failed == nil {
			failed = f
		}
		often = often || e.failedOften(inst, f)
	}
	now, err := e.store.Installation(ctx, inst.ID)
	if failed == nil || err != nil || now.Generation != inst.Generation {
		return
	}
	inst = now
	if w, err := e.world(ctx); err == nil && often {
		if services := append(w.awaited(inst), w.placeless(inst)...); len(services) > 0 {
			x := graft.Withdrawal{Reason: failed.reason()}
			if failed.causeMayGo() {
				at := e.nextRetry(inst.ID)
				x.RetryAt = &at
			}
			_ = e.withdraw(ctx, w, inst, services, x) // if that can't be written, the next attempt fails too
			return
		}
	}
	details := e.detailsOf(inst)
	details.Step, details.Pulls, details.Reason = "", nil, failed.reason()
	_ = e.write(ctx, inst, inst.Status, details, e.keptLogs(ctx, inst)) // in the log; the next attempt says it again
}

func (e *Engine) failedOften(inst *graft.Installation, f *operationError) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.paused[inst.ID][f.operation.group].count >= attemptsToInstall && !f.ours()
}

// awaited returns the services whose plugin is in a component's place, or is to
// take it from one that goes, and does not run: somebody waits for each of them
// to make room.
func (w *world) awaited(inst *graft.Installation) []string {
	var services []string
	for i := range w.swaps {
		swap := &w.swaps[i]
		if swap.InstallationID != inst.ID {
			owner := w.installation(swap.InstallationID)
			if owner == nil || !wantsUp(owner) || withdrawn(owner, swap.Service) {
				if service := w.claimant(inst, w.record(swap)); service != "" {
					services = append(services, service)
				}
			}
			continue
		}
		if withdrawn(inst, swap.Service) {
			continue
		}
		c := currentOf(w.containersOf(inst.ID), inst.Service(swap.Service), inst.Images[swap.Service])
		if c == nil || c.State != driver.StateRunning || c.Health == "unhealthy" {
			services = append(services, swap.Service)
		}
	}
	return services
}

// placeless returns the services whose component is still, or again, in its own
// place.
func (w *world) placeless(inst *graft.Installation) []string {
	var services []string
	for _, v := range w.wants(inst) {
		if v.component != nil && v.swap == nil && v.former == nil {
			services = append(services, v.service.Name)
		}
	}
	return services
}

// outOfPlace returns the withdrawals of the plugins that are not in their
// component's place for good, for the reason that how has.
func (w *world) outOfPlace(inst *graft.Installation, how graft.Withdrawal) []graft.Withdrawal {
	up := *inst
	up.Details = &graft.StatusDetails{Generation: inst.Generation, Outcome: graft.OutcomeDone}
	p := planUp(w, &up)
	var out []graft.Withdrawal
	for _, v := range w.wants(&up) {
		how.Service = v.service.Name
		touched := slices.ContainsFunc(p.operations, func(o operation) bool { return o.group == how.Service })
		if v.blocked != nil && w.isPlugin(inst, v) || v.component != nil && (v.swap == nil || touched) {
			out = append(out, how)
		}
	}
	return out
}

// isPlugin is whether a service has to do with a component, be it that it can't
// replace it.
func (w *world) isPlugin(inst *graft.Installation, v *want) bool {
	return v.component != nil || w.swapOf(inst.ID, v.service.Name) != nil || w.component(v.service.Name) != nil
}

// makeRoom withdraws plugins that do not stay up in their component's place. It
// is false if there is none.
func (e *Engine) makeRoom(ctx context.Context, w *world, inst *graft.Installation) (bool, error) {
	if !wantsUp(inst) || !settled(inst) {
		return false, nil
	}
	for _, swap := range w.swapsOf(inst.ID) {
		if withdrawn(inst, swap.Service) {
			continue
		}
		service := inst.Service(swap.Service)
		c := currentOf(w.containersOf(inst.ID), service, inst.Images[swap.Service])
		if c == nil {
			continue
		}
		var reason string
		switch never := restartPolicy(inst, service) == "no"; {
		case !w.resting[c.ID].IsZero():
			reason = fmt.Sprintf("was started again %d times within %v and did not stay up", e.observer.budget.retries, budgetWindow)
		case c.State == driver.StateExited && startCause(w, &want{service: service, current: c, policy: restartPolicy(inst, service)}) == "":
			reason = endReason(c) + " and is not to be started again"
		case never && c.Health == "unhealthy":
			reason = "is unhealthy and is not to be started again"
		default:
			continue
		}
		reason = fmt.Sprintf("service %q %s: component %s comes back", swap.Service, reason, swap.Component)
		return true, e.withdraw(ctx, w, inst, []string{swap.Service}, graft.Withdrawal{Reason: reason})
	}
	return false, nil
}

// withdraw lets plugins make room for their components, for the reason that how
// has, and the rest of the addon go on, if there is any.
func (e *Engine) withdraw(ctx context.Context, w *world, inst *graft.Installation, services []string, how graft.Withdrawal) error {
	details := e.detailsOf(inst)
	details.Step, details.Pulls, details.Reason = "", nil, how.Reason
	rest := slices.ContainsFunc(inst.Services, func(s graft.Service) bool {
		return !slices.Contains(services, s.Name) && !withdrawn(inst, s.Name)
	})
	if !rest {
		details.Withdrawn, details.RetryAt = nil, how.RetryAt
		if how.Blocked {
			details.Outcome = graft.OutcomeRefused
		}
		return e.giveUp(ctx, inst, details)
	}
	for _, how.Service = range services {
		details.Withdrawn = append(slices.Clip(details.Withdrawn), how)
	}
	logs := e.lastLines(ctx, w, inst, services)
	after := *inst
	after.Details = details
	a := assess(w, &after, time.Now())
	a.details.Reason = how.Reason
	err := e.write(ctx, inst, a.status, &a.details, logs)
	if err == nil {
		e.poke()
	}
	return err
}

// readmit lets a plugin try again that was withdrawn, when its time has come or
// what was in its way is gone. It is true if there is one; else it returns when
// there will be, zero: unknown.
func (e *Engine) readmit(ctx context.Context, w *world, inst *graft.Installation) (bool, time.Time) {
	if !wantsUp(inst) || !settled(inst) {
		return false, time.Time{}
	}
	var next time.Time
	for i, x := range inst.Details.Withdrawn {
		if w.swapOf(inst.ID, x.Service) != nil || x.RetryAt == nil && !x.Blocked {
			continue
		}
		if x.RetryAt != nil && time.Now().Before(*x.RetryAt) {
			next = sooner(next, *x.RetryAt)
			continue
		}
		anew, details := *inst, *inst.Details
		anew.Details = &details
		details.Withdrawn = slices.Delete(slices.Clone(details.Withdrawn), i, i+1)
		details.Outcome = graft.OutcomeDone
		free := func(v *want) bool { return v.service.Name == x.Service && v.blocked == nil }
		if slices.ContainsFunc(w.wants(&anew), free) {
			err := e.write(ctx, inst, inst.Status, &details, inst.Logs)
			if err == nil {
				e.poke()
			}
			return true, again(err)
		}
	}
	return false, next
}
