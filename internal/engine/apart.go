package engine

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

// Once an addon has been up, its services are looked after one by one: what one
// of them waits for, be it an image or the end of a pause after a failure, keeps
// nothing of the others from being repaired. And a plugin that can't stay in its
// component's place makes room without taking the rest of the addon down.

// advanceApart is advance for an installation that has been up.
func (e *Engine) advanceApart(ctx context.Context, w *world, inst *graft.Installation, p *plan, busy, held map[string]bool) time.Time {
	readmitted, next := e.readmit(ctx, w, inst)
	if readmitted {
		return next
	}
	due, later := e.due(ctx, inst, p, busy, held)
	later = sooner(later, next)
	if p.soon {
		later = sooner(later, time.Now().Add(creationTime))
	}
	if len(due.operations) == 0 {
		e.standIn(ctx, w, inst, later, held)
		return sooner(later, e.rest(ctx, w, inst, p, busy))
	}
	later = sooner(later, e.settle(ctx, w, inst)) // what is about to be repaired did fail
	for _, part := range due.parts() {
		for _, component := range part.components {
			held[component] = true
		}
		e.launch(ctx, inst.ID+" "+part.operations[0].text(), inst, part)
	}
	return later
}

// due returns the part of a repair that can be carried out now, begins to bring
// the images that it lacks, and returns when to look again for what has to wait;
// zero: when something happens.
func (e *Engine) due(ctx context.Context, inst *graft.Installation, p *plan, busy, held map[string]bool) (*plan, time.Time) {
	var at time.Time
	now := time.Now()
	e.mu.Lock()
	paused := e.paused[inst.ID]
	for group, pause := range paused {
		failed := pause.plan == "" // as opposed to what is needed again and again
		if !busy[group] && !slices.Contains(p.groups(), group) && (failed || now.Sub(later(pause.at, pause.next)) >= sameAgain) {
			delete(paused, group) // it is not needed any more
		}
	}
	rest := p.without(func(o *operation) bool {
		if busy[o.group] || held[p.places[o.group]] {
			return true // it wakes the loop when it is over
		}
		pause := paused[o.group]
		if !now.Before(pause.next) {
			return false
		}
		at = sooner(at, pause.next)
		return true
	})
	rest.drift = slices.DeleteFunc(slices.Clone(rest.drift), func(d graft.Event) bool {
		return paused[d.Service].count > 0 || paused["component "+d.Component].count > 0 // it was told at the first attempt
	})
	e.mu.Unlock()
	e.forgetPulled(p)
	rest = rest.without(rest.isIdlePull)
	missing := e.pull(ctx, inst, rest)
	return rest.without(func(o *operation) bool { return o.kind == opPull && missing[o.target] }), at
}

// isIdlePull is whether an operation brings an image that nothing in the plan
// waits for.
func (p *plan) isIdlePull(o *operation) bool {
	return o.kind == opPull && !slices.ContainsFunc(p.operations, func(later operation) bool {
		return slices.ContainsFunc(later.after, func(i int) bool { return &p.operations[i] == o })
	})
}

// parts splits a plan into those that have nothing to do with each other.
func (p *plan) parts() []*plan {
	part := make([]int, len(p.operations)) // of each operation, a number
	for i := range part {
		part[i] = i
	}
	join := func(a, b int) {
		from, to := part[a], part[b]
		for i := range part {
			if part[i] == from {
				part[i] = to
			}
		}
	}
	first := map[string]int{}
	for i := range p.operations {
		o := &p.operations[i]
		if k, there := first[o.group]; there && o.group != "" {
			join(i, k)
		} else {
			first[o.group] = i
		}
		for _, before := range o.after {
			join(i, before)
		}
	}
	var parts []*plan
	done := map[int]bool{}
	for _, number := range part {
		if done[number] {
			continue
		}
		done[number] = true
		parts = append(parts, p.only(func(i int) bool { return part[i] == number }))
	}
	return parts
}

// only returns the plan of some operations, which come after none of the others.
func (p *plan) only(is func(i int) bool) *plan {
	rest := *p
	rest.operations, rest.components, rest.drift = nil, nil, nil
	at := make([]int, len(p.operations))
	for i, o := range p.operations {
		if !is(i) {
			continue
		}
		o.after = slices.Clone(o.after)
		for j, before := range o.after {
			o.after[j] = at[before]
		}
		at[i] = rest.add(o)
	}
	groups := rest.groups()
	for _, group := range groups {
		if place := p.places[group]; place != "" && !slices.Contains(rest.components, place) {
			rest.components = append(rest.components, place)
		}
	}
	rest.drift = slices.DeleteFunc(slices.Clone(p.drift), func(d graft.Event) bool {
		return !slices.Contains(groups, d.Service) && !slices.Contains(groups, "component "+d.Component)
	})
	return &rest
}

// groups returns what the operations are for; nil if the plan is carried out as a
// whole.
func (p *plan) groups() []string {
	if !p.apart {
		return nil
	}
	groups := []string{}
	for i := range p.operations {
		if group := p.operations[i].group; !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
	}
	return groups
}

// pull begins to bring the images that a plan needs, each by itself, and returns
// those that are not there yet.
func (e *Engine) pull(ctx context.Context, inst *graft.Installation, p *plan) map[string]bool {
	missing := map[string]bool{}
	for i := range p.operations {
		o := p.operations[i]
		if o.kind != opPull {
			continue
		}
		key := inst.ID + " " + o.group
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
	return missing
}

// forgetPulled forgets images that a plan does not need any more: when it does
// again, they may be gone.
func (e *Engine) forgetPulled(p *plan) {
	e.mu.Lock()
	defer e.mu.Unlock()
	maps.DeleteFunc(e.pulled[p.installation.ID], func(image string, _ bool) bool {
		return !slices.ContainsFunc(p.operations, func(o operation) bool { return o.kind == opPull && o.target == image })
	})
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
// pause, and forgets the failures of the others; but what is done again and again
// and needed again at once pauses too.
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
	text, now := p.String(), time.Now()
	for _, group := range p.groups() {
		pause := paused[group]
		switch f := failed[group]; {
		case f != nil:
			pause.failed()
			pause.reason, pause.plan = f.reason(), ""
			paused[group] = pause
			continue
		case len(failures) == 0 && pause.plan == text && now.Sub(later(pause.at, pause.next)) < sameAgain:
			pause.failed()
			pause.reason = "what was repaired was not for long"
		default:
			pause = attempts{}
		}
		pause.plan, pause.at = text, now
		paused[group] = pause
	}
}

// trouble returns why the last repair of an installation failed that is to be
// tried again, and when; "" if there is none.
func (e *Engine) trouble(id string) (reason string, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, group := range sortedKeys(e.paused[id]) {
		if pause := e.paused[id][group]; pause.count > 0 && (at.IsZero() || pause.next.Before(at)) {
			reason, at = pause.reason, pause.next
		}
	}
	return reason, at
}

// repairFailed judges repairs that failed: they are tried again, but a plugin
// makes room after some attempts if somebody waits for it, or can't get to its
// place; after one if the version before may come back instead.
func (e *Engine) repairFailed(ctx context.Context, inst *graft.Installation, failures []*operationError) {
	var failed *operationError // the first one that no other way is left for
	about := map[string]bool{} // what failed often
	for _, f := range failures {
		if e.fellBack(ctx, inst, f) {
			continue
		}
		if failed == nil {
			failed = f
		}
		if e.failedOften(inst, f) || mayGoBack(inst) && !f.temporary() {
			about[f.operation.group] = true
		}
	}
	now, err := e.store.Installation(ctx, inst.ID)
	if failed == nil || err != nil || now.Generation != inst.Generation {
		return
	}
	inst = now
	if w, err := e.world(ctx); err == nil && len(about) > 0 {
		services := slices.DeleteFunc(append(w.awaited(inst), w.notInPlace(inst)...), func(service string) bool {
			return !about[""] && !about[service] && !about["image "+inst.Images[service]]
		})
		if len(services) > 0 {
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
	if strings.HasPrefix(failed.operation.group, "component ") && len(details.Withdrawn) > 0 {
		details.Outcome = graft.OutcomeNotRestored
	}
	_ = e.write(ctx, inst, inst.Status, details, e.keptLogs(ctx, inst)) // in the log; the next attempt says it again
}

func (e *Engine) failedOften(inst *graft.Installation, f *operationError) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.paused[inst.ID][f.operation.group].count >= attemptsToInstall && !f.ours()
}
