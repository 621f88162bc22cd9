package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/graftplatform/graft"
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

// attempts is what the engine remembers of failures at one generation. That a
// plan is carried out and then found to be needed again is a failure too.
type attempts struct {
	generation int64
	count      int
	next       time.Time
	plan       string // the last that was carried out
	at         time.Time
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
	// Whoever changed the spec since it was read found nothing to interrupt.
	if now, err := e.store.Installation(ctx, inst.ID); err != nil || now.Generation != inst.Generation {
		cancel(errSpecChanged)
		e.mu.Lock()
		delete(e.running, inst.ID)
		e.mu.Unlock()
		e.poke()
		return
	}
	log.Info("executing plan", "plan", p.String())
	x := &executor{driver: e.driver, observer: e.observer, store: e.store, changed: e.changed, log: log, step: e.stepper(ctx, inst)}
	e.operations.Go(func() {
		err := x.run(ctx, p)
		if err == nil {
			e.noteSuccess(inst, p)
		} else {
			e.finish(ctx, inst, err)
		}
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

// finish judges how a plan's execution failed.
func (e *Engine) finish(ctx context.Context, inst *graft.Installation, err error) {
	if ctx.Err() != nil { // interrupted: whatever is next is planned anew
		return
	}
	reason := err.Error()
	var failed *operationError
	if errors.As(err, &failed) {
		reason = failed.reason()
	}
	// Its status may have been written while the operation was under way.
	now, readErr := e.store.Installation(ctx, inst.ID)
	if readErr != nil || now.Generation != inst.Generation {
		return
	}
	inst = now
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
	if e.write(ctx, inst, graft.StatusFailed, details, logs) {
		e.mu.Lock()
		delete(e.failures, inst.ID)
		e.mu.Unlock()
	}
}

// noteFailure counts a failure and sets when to try again.
func (e *Engine) noteFailure(inst *graft.Installation) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := e.failures[inst.ID]
	if f.generation != inst.Generation {
		f = attempts{generation: inst.Generation}
	}
	f.failed()
	e.failures[inst.ID] = f
	return f.count
}

// failed counts and sets when to try again: later each time, with jitter.
func (f *attempts) failed() {
	f.count++
	delay := min(firstRetry<<min(f.count-1, 20), lastRetry)
	f.next = time.Now().Add(delay/2 + rand.N(delay/2+1))
}

// sameAgain is how soon a plan must come back to have had no effect.
const sameAgain = 10 * time.Second

// noteSuccess forgets failures, unless the same plan was carried out a moment
// ago: then its operations succeed and change nothing, and must not be repeated
// without a pause.
func (e *Engine) noteSuccess(inst *graft.Installation, p *plan) {
	e.mu.Lock()
	defer e.mu.Unlock()
	text, now := p.String(), time.Now()
	f := e.failures[inst.ID]
	if f.generation == inst.Generation && f.plan == text && now.Sub(later(f.at, f.next)) < sameAgain {
		f.failed()
	} else {
		f = attempts{generation: inst.Generation}
	}
	f.plan, f.at = text, now
	e.failures[inst.ID] = f
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

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
