package engine

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// Run observes, plans and executes until ctx ends. Containers go on running
// after that. It returns nil.
func (e *Engine) Run(ctx context.Context) error {
	var background sync.WaitGroup
	background.Go(func() { e.watch(ctx) })
	writing, written := context.WithCancel(context.WithoutCancel(ctx))
	var journal sync.WaitGroup
	journal.Go(func() { e.journal.run(writing) })
	e.loop(ctx)
	e.stopOperations()
	e.observer.prober.stop()
	background.Wait()
	written()
	journal.Wait()
	return nil
}

// loop compares again and again, when something happened and from time to time.
func (e *Engine) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-timer.C:
		case <-e.wake:
		case <-ctx.Done():
			return
		}
		e.hush.wait(ctx)
		begin := time.Now()
		next := e.reconcile(ctx)
		took := time.Since(begin)
		e.metrics.reconciled(took)
		timer.Reset(max(time.Until(next), 0))
		e.breathe(ctx, took)
	}
}

// breathe pauses after a comparison that took long: where hundreds of addons
// come up at once, looking must not take the time from doing. When nothing is
// being done any more, the pause is over.
func (e *Engine) breathe(ctx context.Context, took time.Duration) {
	if took < 5*time.Millisecond {
		return
	}
	timer := time.NewTimer(min(2*took, 200*time.Millisecond))
	defer timer.Stop()
	for {
		updated := e.updated.C()
		if e.idle() {
			return
		}
		select {
		case <-updated:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// poke makes the loop look again soon.
func (e *Engine) poke() {
	select {
	case e.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// watch turns the runtime's events into wake-ups. After the stream broke,
// everything is looked at again, for events may be lost.
func (e *Engine) watch(ctx context.Context) {
	delay := firstRetry
	for ctx.Err() == nil {
		err := e.driver.Watch(ctx, time.Time{}, func() {
			delay = firstRetry
			e.watches.Works(ctx, "the runtime's events are heard again")
			e.poke()
		}, func(event driver.Event) {
			if e.observer.note(event) {
				e.noteEnd(event)
			}
			e.changed.beat()
			e.poke()
		})
		if ctx.Err() != nil {
			return
		}
		e.observer.away.Add(1)
		e.watches.Failed(ctx, "the runtime's event stream ended", err)
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-e.answers: // somebody looked, and the runtime is back
		case <-ctx.Done():
		}
		timer.Stop()
		delay = min(2*delay, 30*time.Second)
	}
}

// world looks at everything. It fails rather than show a part.
func (e *Engine) world(ctx context.Context) (*world, error) {
	installs, err := e.installs(ctx)
	if err != nil {
		return nil, err
	}
	swaps, err := e.store.Swaps(ctx)
	if err != nil {
		return nil, err
	}
	// After the installations: one that is gone has written down by then what it kept.
	kept, err := e.store.KeptVolumes(ctx)
	if err != nil {
		return nil, err
	}
	e.noted(installs)
	snapshot, err := e.observer.observe(ctx)
	e.seen(ctx, err)
	if err != nil {
		return nil, err
	}
	w := &world{
		settings: e.settings, snapshot: snapshot, swaps: swaps, kept: kept, installs: installs,
		gated: e.observer.gates(), resting: e.observer.budget.resting(time.Now()), rested: e.observer.budget.rested(time.Now()), making: e.observer.unfinished(), pulling: e.pulling(), probes: e.observer.prober.reasons(), records: map[string]*driver.Container{},
	}
	for i := range swaps {
		if w.records[swaps[i].Component], err = recorded(&swaps[i]); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// installsTime bounds how long a database that hangs keeps everybody from changing
// anything.
const installsTime = 10 * time.Second

// installs returns the installations, and none of which it was not told yet that it
// is to be so.
func (e *Engine) installs(ctx context.Context) ([]graft.Installation, error) {
	ctx, cancel := context.WithTimeout(ctx, installsTime)
	defer cancel()
	e.specs.Lock()
	defer e.specs.Unlock()
	return e.store.Installations(ctx)
}

// reconcile compares every installation with what there is, and returns when to
// look again if nothing happens before.
func (e *Engine) reconcile(ctx context.Context) time.Time {
	next := time.Now().Add(e.resync)
	// An operation that ends while we look makes what we saw stale for its
	// installation; it wakes the loop again when it ends.
	busy, held := e.busy(), e.holding()
	w, err := e.world(ctx)
	if err != nil {
		if ctx.Err() == nil {
			e.looks.Failed(ctx, "nothing is planned while not everything can be observed", err)
			e.noteAway(ctx, err)
		}
		return time.Now().Add(min(e.resync, 5*time.Second))
	}
	e.looks.Works(ctx, "everything can be observed again")
	if e.sweep(ctx, w, busy, held) {
		e.poke() // what was seen is true no more
		return next
	}
	for i := range w.installs {
		inst := &w.installs[i]
		if busy.whole[inst.ID] {
			if settled(inst) && wantsUp(inst) {
				e.settle(ctx, w, inst) // a long repair must not hide what else happens
			}
			continue
		}
		if at := e.advance(ctx, w, inst, busy, held); !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	return next
}

// advance does what is next for one installation, and returns when to look
// again; zero: when something happens. What was in flight when the world was
// looked at, and which components were held, is given.
func (e *Engine) advance(ctx context.Context, w *world, inst *graft.Installation, busy inFlight, held map[string]bool) time.Time {
	if made, err := e.makeRoom(ctx, w, inst, busy.groups[inst.ID]); made {
		return again(err)
	}
	p := planFor(w, inst)
	if p.apart {
		return e.advanceApart(ctx, w, inst, p, busy.groups[inst.ID], held)
	}
	if busy.any(inst.ID) {
		return time.Time{} // what is left of repairs ends soon, and wakes the loop
	}
	if slices.ContainsFunc(p.components, func(c string) bool { return held[c] }) {
		return time.Time{} // whoever holds it wakes the loop when it is done
	}
	if len(p.operations) == 0 {
		return e.rest(ctx, w, inst, p, nil)
	}
	if at := e.retryAt(inst); time.Now().Before(at) {
		e.standIn(ctx, w, inst, at, held)
		return at
	}
	if w.takesOver(p) { // whoever is in place must not wait for images of another
		if missing := e.pullFirst(ctx, inst, p); missing {
			return time.Time{}
		}
	}
	for _, component := range p.components {
		held[component] = true
	}
	e.launch(ctx, inst.ID, inst, p)
	return time.Time{}
}

// rest is for an installation for which nothing can be done now, but for what is
// in flight.
func (e *Engine) rest(ctx context.Context, w *world, inst *graft.Installation, p *plan, busy map[string]bool) time.Time {
	switch {
	case p.refusal != "":
		return e.refused(ctx, w, inst, p, busy)
	case p.waiting != "":
		details := e.detailsOf(inst)
		details.Step = p.waiting
		return sooner(time.Now().Add(longPull), again(e.write(ctx, inst, inst.Status, details, inst.Logs)))
	}
	return sooner(e.settle(ctx, w, inst), e.revive(ctx, w, inst))
}

// refused writes down why nothing can be done.
func (e *Engine) refused(ctx context.Context, w *world, inst *graft.Installation, p *plan, busy map[string]bool) time.Time {
	if !wantsUp(inst) {
		details := e.detailsOf(inst)
		stuck(details, p.refusal)
		details.Services = w.there(inst)
		return again(e.write(ctx, inst, inst.Status, details, inst.Logs))
	}
	if settled(inst) {
		return e.refusedPart(ctx, w, inst, p, busy)
	}
	e.log.Warn("installation refused", "addon", inst.Name, "installation", inst.ID, "reason", p.refusal)
	e.metrics.operationRefused(purposeOf(inst))
	if mayGoBack(inst) {
		return again(e.goBack(ctx, inst, p.refusal, ""))
	}
	if comesBack(inst) {
		return again(e.keep(ctx, w, inst, p.refusal))
	}
	err := e.write(ctx, inst, graft.StatusFailed, &graft.StatusDetails{
		Generation: inst.Generation, Outcome: graft.OutcomeRefused, Reason: p.refusal, GaveUp: true,
		Waits: p.code != graft.CodeRefused, FailedServices: []string{}, // what another addon has is not taken later
		Upgrade: failedUpgrade(inst, p.refusal, ""),
	}, inst.Logs)
	if err == nil {
		e.poke()
	}
	return again(err)
}

// refusedPart is for an installation that has been up, and of which something
// can't be repaired. A plugin that somebody waits for makes room.
func (e *Engine) refusedPart(ctx context.Context, w *world, inst *graft.Installation, p *plan, busy map[string]bool) time.Time {
	awaited := w.awaited(inst)
	for _, v := range p.blocked {
		if service := v.service.Name; slices.Contains(awaited, service) && !busy[service] {
			return again(e.withdraw(ctx, w, inst, []string{service},
				graft.Withdrawal{Reason: graft.ErrorMessage(v.blocked), Blocked: true}))
		}
	}
	a := assess(w, inst, time.Now())
	a.details.Reason = p.refusal
	if p.stuck != "" { // a component can't come back
		a.details.Outcome, a.details.Reason = graft.OutcomeNotRestored, p.stuck
	}
	return sooner(a.wake, again(e.write(ctx, inst, a.status, &a.details, e.logsFor(ctx, w, inst, &a))))
}

// settle writes down how an installation is that needs nothing done.
func (e *Engine) settle(ctx context.Context, w *world, inst *graft.Installation) time.Time {
	a := assess(w, inst, time.Now())
	if reason, at := e.trouble(inst.ID); reason != "" && len(a.details.FailedServices) > 0 {
		a.details.Reason += "; " + reason
		if at = at.Round(time.Millisecond).UTC(); a.details.RetryAt == nil {
			a.details.RetryAt = &at
		}
	}
	if settled(inst) && a.status != inst.Status && len(a.details.FailedServices) > 0 {
		// That it failed is told at once. The runtime answers no question about
		// a container for as long as it clears up after its process; the logs
		// come with the next look.
		e.mu.Lock()
		e.unread[inst.ID] = true
		e.mu.Unlock()
		err := e.write(ctx, inst, a.status, &a.details, inst.Logs)
		if err == nil {
			e.poke()
		}
		return sooner(a.wake, again(err))
	}
	logs := inst.Logs
	if !gaveUp(inst) {
		logs = e.logsFor(ctx, w, inst, &a)
	}
	return sooner(a.wake, again(e.write(ctx, inst, a.status, &a.details, logs)))
}

// logsFor returns the last lines of the services that failed. They are read
// anew only when something changed.
func (e *Engine) logsFor(ctx context.Context, w *world, inst *graft.Installation, a *assessment) string {
	switch {
	case !wantsUp(inst):
		return inst.Logs // why it failed is asked for after it was taken back
	case len(a.details.FailedServices) == 0:
		return ""
	}
	e.mu.Lock()
	unread := e.unread[inst.ID]
	delete(e.unread, inst.ID)
	e.mu.Unlock()
	if !unread && inst.Logs != "" && inst.Details != nil && reflect.DeepEqual(inst.Details.Services, a.details.Services) {
		return inst.Logs
	}
	return e.lastLines(ctx, w, inst, a.details.FailedServices)
}

// write stores a status and tells those who wait for it, and makes inst what was
// written. Whoever changed the spec, or wrote a status, since inst was read wins:
// then nothing is written, and everything is looked at again. The error, the
// store's, is in the log.
func (e *Engine) write(ctx context.Context, inst *graft.Installation, status graft.InstallationStatus, details *graft.StatusDetails, logs string) error {
	return e.writeAt(ctx, inst, inst.Revision, status, details, logs)
}

// writeAt is write for what was read at another revision; 0: any.
func (e *Engine) writeAt(ctx context.Context, inst *graft.Installation, revision int64, status graft.InstallationStatus, details *graft.StatusDetails, logs string) error {
	if status == inst.Status && logs == inst.Logs && reflect.DeepEqual(details, inst.Details) {
		return nil
	}
	changed, err := e.store.SetStatusOf(ctx, inst.ID, inst.Generation, revision, status, details, logs)
	if err != nil && graft.ErrorCode(err) != graft.CodeNotFound { // not found: just forgotten
		if ctx.Err() == nil {
			e.writes.Failed(ctx, "a status was not written", err, "installation", inst.ID)
		}
		return err
	}
	e.writes.Works(ctx, "statuses are written again")
	if !changed {
		if now, err := e.store.Installation(ctx, inst.ID); err == nil && now.Revision != inst.Revision {
			e.poke()
		}
		return nil
	}
	before := *inst
	inst.Revision, inst.Status, inst.Details, inst.Logs = inst.Revision+1, status, details, logs
	e.updated.beat()
	e.noteUnhealthy(&before, details)
	taken := e.noteTakenBack(&before, details)
	if status != before.Status {
		e.metrics.statusChanged(before.Status, status)
	}
	if status != before.Status || taken {
		e.noteStatus(&before, status, details)
	}
	return nil
}

// detailsOf returns a copy of the details at the current generation.
func (e *Engine) detailsOf(inst *graft.Installation) *graft.StatusDetails {
	if inst.Details == nil || inst.Details.Generation != inst.Generation {
		return &graft.StatusDetails{Generation: inst.Generation, FailedServices: []string{}}
	}
	details := *inst.Details
	return &details
}
