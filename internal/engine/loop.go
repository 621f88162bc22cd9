package engine

import (
	"context"
	"reflect"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// Run observes, plans and executes until ctx ends. Containers go on running
// after that. It returns nil.
func (e *Engine) Run(ctx context.Context) error {
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		e.watch(ctx)
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-timer.C:
		case <-e.wake:
		case <-ctx.Done():
			continue
		}
		timer.Reset(max(time.Until(e.reconcile(ctx)), 0))
	}
	e.stopOperations()
	<-watching
	return nil
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
			e.poke()
		}, func(event driver.Event) {
			e.observer.note(event)
			e.changed.beat()
			e.poke()
		})
		if ctx.Err() != nil {
			return
		}
		e.log.Warn("the runtime's event stream ended", "error", err, "again_in", delay)
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		delay = min(2*delay, 30*time.Second)
	}
}

// world looks at everything. It fails rather than show a part.
func (e *Engine) world(ctx context.Context) (*world, error) {
	installs, err := e.store.Installations(ctx)
	if err != nil {
		return nil, err
	}
	swaps, err := e.store.Swaps(ctx)
	if err != nil {
		return nil, err
	}
	snapshot, err := e.observer.observe(ctx)
	if err != nil {
		return nil, err
	}
	return &world{settings: e.settings, snapshot: snapshot, swaps: swaps, installs: installs, gated: e.observer.gates()}, nil
}

// reconcile compares every installation with what there is, and returns when to
// look again if nothing happens before.
func (e *Engine) reconcile(ctx context.Context) time.Time {
	next := time.Now().Add(e.resync)
	// An operation that ends while we look makes what we saw stale for its
	// installation; it wakes the loop again when it ends.
	busy := e.busy()
	observing, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	w, err := e.world(observing)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Warn("nothing is planned while not everything can be observed", "error", err)
		}
		return time.Now().Add(min(e.resync, 5*time.Second))
	}
	e.sweep(observing, w)
	for i := range w.installs {
		inst := &w.installs[i]
		if busy[inst.ID] {
			if settled(inst) && wantsUp(inst) {
				e.settle(ctx, w, inst) // a long repair must not hide what else happens
			}
			continue
		}
		if at := e.advance(ctx, w, inst); !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	return next
}

// sweep removes the orchestrator's network, if this engine made it, once no
// addon is left and nobody is on it: while the last addon went, one of another
// engine may have been there still.
func (e *Engine) sweep(ctx context.Context, w *world) {
	if len(w.installs) > 0 {
		return
	}
	for _, n := range w.snapshot.Networks {
		if !w.lastOnNetwork(&graft.Installation{}, n) {
			continue
		}
		if err := e.driver.RemoveNetwork(ctx, n.ID); err != nil {
			e.log.Warn("the orchestrator's network is left behind", "network", n.Name, "error", err)
		}
	}
}

// advance does what is next for one installation, and returns when to look
// again; zero: when something happens.
func (e *Engine) advance(ctx context.Context, w *world, inst *graft.Installation) time.Time {
	p := planFor(w, inst)
	switch {
	case p.refusal != "":
		return e.refused(ctx, w, inst, p)
	case len(p.operations) == 0:
		return e.settle(ctx, w, inst)
	}
	if settled(inst) && wantsUp(inst) {
		e.settle(ctx, w, inst) // what is about to be repaired did fail
	}
	if at := e.retryAt(inst); time.Now().Before(at) {
		return at
	}
	e.launch(ctx, inst, p)
	return time.Time{}
}

// refused writes down why nothing can be done.
func (e *Engine) refused(ctx context.Context, w *world, inst *graft.Installation, p *plan) time.Time {
	if !wantsUp(inst) {
		details := e.detailsOf(inst)
		stuck(details, p.refusal)
		e.write(ctx, inst, inst.Status, details, inst.Logs)
		return time.Time{}
	}
	if settled(inst) {
		a := assess(w, inst, time.Now())
		a.details.Reason = p.refusal
		e.write(ctx, inst, a.status, &a.details, e.logsFor(ctx, w, inst, &a))
		return a.wake
	}
	e.log.Warn("installation refused", "addon", inst.Name, "installation", inst.ID, "reason", p.refusal)
	written := e.write(ctx, inst, graft.StatusFailed, &graft.StatusDetails{
		Generation: inst.Generation, Outcome: graft.OutcomeRefused, Reason: p.refusal, GaveUp: true,
		FailedServices: []string{},
	}, "")
	if written {
		e.poke()
	}
	return time.Time{}
}

// settle writes down how an installation is that needs nothing done.
func (e *Engine) settle(ctx context.Context, w *world, inst *graft.Installation) time.Time {
	a := assess(w, inst, time.Now())
	logs := inst.Logs
	if !gaveUp(inst) {
		logs = e.logsFor(ctx, w, inst, &a)
	}
	e.write(ctx, inst, a.status, &a.details, logs)
	return a.wake
}

// logsFor returns the last lines of the services that failed. They are read
// anew only when something changed.
func (e *Engine) logsFor(ctx context.Context, w *world, inst *graft.Installation, a *assessment) string {
	if len(a.details.FailedServices) == 0 {
		return ""
	}
	if inst.Logs != "" && inst.Details != nil && reflect.DeepEqual(inst.Details.Services, a.details.Services) {
		return inst.Logs
	}
	return e.lastLines(ctx, w, inst, a.details.FailedServices)
}

// write stores a status and tells those who wait for it. A spec that changed
// meanwhile wins: then nothing is written. It is false if the store failed.
func (e *Engine) write(ctx context.Context, inst *graft.Installation, status graft.InstallationStatus, details *graft.StatusDetails, logs string) bool {
	changed, err := e.store.SetStatus(ctx, inst.ID, inst.Generation, status, details, logs)
	if err != nil && graft.ErrorCode(err) != graft.CodeNotFound { // not found: just forgotten
		if ctx.Err() == nil {
			e.log.Error("a status was not written", "installation", inst.ID, "error", err)
		}
		return false
	}
	if changed {
		e.updated.beat()
	}
	return true
}

// detailsOf returns a copy of the details at the current generation.
func (e *Engine) detailsOf(inst *graft.Installation) *graft.StatusDetails {
	if inst.Details == nil || inst.Details.Generation != inst.Generation {
		return &graft.StatusDetails{Generation: inst.Generation, FailedServices: []string{}}
	}
	details := *inst.Details
	return &details
}
