package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// Back-off of what is tried again.
const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	// attemptsToInstall bounds how often a first start is tried while its
	// failure looks temporary.
	attemptsToInstall = 5
)

var (
	errSpecChanged = errors.New("the spec changed")
	errStopping    = errors.New("the engine stops")
)

// attempts is what the engine remembers of failures at one generation.
type attempts struct {
	generation int64
	count      int
	next       time.Time
}

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
	return &world{settings: e.settings, snapshot: snapshot, swaps: swaps, installs: installs}, nil
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
	for i := range w.installs {
		inst := &w.installs[i]
		if busy[inst.ID] {
			continue
		}
		if at := e.advance(ctx, w, inst); !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	return next
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
	e.write(ctx, inst, graft.StatusFailed, &graft.StatusDetails{
		Generation: inst.Generation, Outcome: graft.OutcomeRefused, Reason: p.refusal, GaveUp: true,
		FailedServices: []string{},
	}, "")
	e.poke()
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
// meanwhile wins: then nothing is written.
func (e *Engine) write(ctx context.Context, inst *graft.Installation, status graft.InstallationStatus, details *graft.StatusDetails, logs string) {
	changed, err := e.store.SetStatus(ctx, inst.ID, inst.Generation, status, details, logs)
	if err != nil {
		if ctx.Err() == nil && graft.ErrorCode(err) != graft.CodeNotFound { // just forgotten
			e.log.Error("a status was not written", "installation", inst.ID, "error", err)
		}
		return
	}
	if changed {
		e.updated.beat()
	}
}

// detailsOf returns a copy of the details at the current generation.
func (e *Engine) detailsOf(inst *graft.Installation) *graft.StatusDetails {
	if inst.Details == nil || inst.Details.Generation != inst.Generation {
		return &graft.StatusDetails{Generation: inst.Generation, FailedServices: []string{}}
	}
	details := *inst.Details
	return &details
}

// busy returns the installations with an operation under way.
func (e *Engine) busy() map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	busy := make(map[string]bool, len(e.running))
	for id := range e.running {
		busy[id] = true
	}
	return busy
}

// launch executes a plan in the background.
func (e *Engine) launch(ctx context.Context, inst *graft.Installation, p *plan) {
	ctx, cancel := context.WithCancelCause(ctx)
	e.mu.Lock()
	e.running[inst.ID] = cancel
	e.mu.Unlock()
	log := e.log.With("addon", inst.Name, "installation", inst.ID)
	log.Info("executing plan", "plan", p.String())
	x := &executor{driver: e.driver, observer: e.observer, store: e.store, changed: e.changed, log: log, step: e.stepper(ctx, inst)}
	e.operations.Go(func() {
		err := x.run(ctx, p)
		e.finish(ctx, inst, err)
		cancel(nil)
		e.mu.Lock()
		delete(e.running, inst.ID)
		e.mu.Unlock()
		e.updated.beat()
		e.poke()
	})
}

// stopOperations ends what is under way and waits for it. Everything stays as
// it is; the next engine goes on from there.
func (e *Engine) stopOperations() {
	e.mu.Lock()
	for _, cancel := range e.running {
		cancel(errStopping)
	}
	e.mu.Unlock()
	e.operations.Wait()
}

// interrupt ends an installation's operation because its spec changed.
func (e *Engine) interrupt(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if cancel, ok := e.running[id]; ok {
		cancel(errSpecChanged)
	}
	delete(e.failures, id)
}

// finish judges how a plan's execution ended.
func (e *Engine) finish(ctx context.Context, inst *graft.Installation, err error) {
	switch {
	case err == nil:
		e.mu.Lock()
		delete(e.failures, inst.ID)
		e.mu.Unlock()
		return
	case ctx.Err() != nil: // interrupted: whatever is next is planned anew
		return
	}
	reason := err.Error()
	var failed *operationError
	if errors.As(err, &failed) {
		reason = failed.reason()
	}
	count := e.noteFailure(inst)
	temporary := failed.temporary() && count < attemptsToInstall
	details := e.detailsOf(inst)
	details.Step = ""
	if wantsUp(inst) {
		details.Reason = reason
	}
	switch {
	case !wantsUp(inst):
		stuck(details, reason)
		e.write(ctx, inst, inst.Status, details, inst.Logs)
	case settled(inst), temporary:
		e.write(ctx, inst, inst.Status, details, inst.Logs)
	default:
		e.giveUp(ctx, inst, details)
	}
}

// stuck notes that something can't be taken back for now. Why the installation
// failed in the first place, if it did, stays the reason.
func stuck(details *graft.StatusDetails, reason string) {
	details.Outcome = graft.OutcomeNotRestored
	if details.GaveUp {
		details.Step = "to be tried again: " + reason
		return
	}
	details.Step, details.Reason = "", reason
}

// giveUp marks an installation as failed, with the last lines of its containers
// while they are still there. The next plan takes everything back.
func (e *Engine) giveUp(ctx context.Context, inst *graft.Installation, details *graft.StatusDetails) {
	details.GaveUp = true
	logs := ""
	if w, err := e.world(ctx); err == nil {
		a := assess(w, inst, time.Now())
		details.FailedServices, details.Services = a.details.FailedServices, a.details.Services
		logs = e.lastLines(ctx, w, inst, a.details.FailedServices)
	}
	e.mu.Lock()
	delete(e.failures, inst.ID)
	e.mu.Unlock()
	e.write(ctx, inst, graft.StatusFailed, details, logs)
}

// noteFailure counts a failure and sets when to try again.
func (e *Engine) noteFailure(inst *graft.Installation) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := e.failures[inst.ID]
	if f.generation != inst.Generation {
		f = attempts{generation: inst.Generation}
	}
	f.count++
	delay := min(firstRetry<<min(f.count-1, 20), lastRetry)
	delay = delay/2 + rand.N(delay/2+1)
	f.next = time.Now().Add(delay)
	e.failures[inst.ID] = f
	return f.count
}

// retryAt is when the next attempt may be made; zero: now.
func (e *Engine) retryAt(inst *graft.Installation) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := e.failures[inst.ID]
	if f.generation != inst.Generation {
		return time.Time{}
	}
	return f.next
}
