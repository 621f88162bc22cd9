package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/graftplatform/graft"
)

// Back-off of what is tried again.
const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	// firstRevival is how soon at the earliest an installation that failed is
	// tried again, twice that is the latest.
	firstRevival = 10 * time.Second
	// storeRetry is when to look again after the store failed.
	storeRetry = 5 * time.Second
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
	reason     string
	stoodIn    time.Time
	plan       string // the last that was carried out
	at         time.Time
}

// launch executes a plan in the background. Under the key no other one is
// executed meanwhile.
func (e *Engine) launch(ctx context.Context, key string, of *graft.Installation, p *plan) {
	copied := *of // the loop goes on with its own
	inst := &copied
	ctx, cancel := context.WithCancelCause(ctx)
	e.mu.Lock()
	e.running[key] = underway{inst.ID, time.Now(), p.pulls, cancel, p.components, p.groups()}
	e.mu.Unlock()
	// Whoever changed the spec since it was read found nothing to interrupt.
	if now, err := e.store.Installation(ctx, inst.ID); err != nil || now.Generation != inst.Generation {
		cancel(errSpecChanged)
		e.released(key)
		return
	}
	e.operations.Go(func() {
		e.operate(ctx, inst, p)
		cancel(nil)
		e.released(key)
	})
}

// released notes that an operation is over.
func (e *Engine) released(key string) {
	e.mu.Lock()
	delete(e.running, key)
	e.mu.Unlock()
	e.updated.beat()
	e.poke()
}

// operate executes a plan and judges how that went.
func (e *Engine) operate(ctx context.Context, inst *graft.Installation, p *plan) {
	begin := time.Now()
	r := e.newReport(ctx, inst)
	r.quiet = r.quiet || p.standIn
	r.purpose = p.purpose()
	ctx, span := startOperation(ctx, e.tracer, inst, r.operation, r.purpose)
	log := e.log.With("addon", inst.Name, "installation", inst.ID, "operation", r.operation)
	log.Info("executing plan", "plan", p.String())
	r.started(p)
	x := &executor{
		driver: e.driver, observer: e.observer, store: e.store, changed: e.changed,
		limits: e.limits, hush: e.hush, log: log, report: r,
		away: e.observer.away.Load(),
	}
	err := x.run(ctx, p)
	e.judge(ctx, inst, p, x.failures, err)
	outcome := endOf(err)
	if err != nil && ctx.Err() != nil && outcome != endFailed {
		outcome = endInterrupted
	}
	took := time.Since(begin)
	log.Info("plan executed", "outcome", outcome, "took", took.Round(time.Millisecond))
	r.over(outcome, took, err)
	endOperation(span, outcome, err)
}

// stopOperations ends what is under way and waits for it. Everything stays as
// it is; the next engine goes on from there.
func (e *Engine) stopOperations() {
	e.mu.Lock()
	for _, r := range e.running {
		r.cancel(errStopping)
	}
	e.mu.Unlock()
	e.operations.Wait()
}

// interrupt ends an installation's operation because its spec changed.
func (e *Engine) interrupt(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.running {
		if r.installation == id {
			r.cancel(errSpecChanged)
		}
	}
	delete(e.pulled, id)
	delete(e.paused, id)
	delete(e.failures, id)
	delete(e.retries, id)
	e.observer.budget.forgive(id)
}

// judge says what follows from how a plan's execution ended.
func (e *Engine) judge(ctx context.Context, inst *graft.Installation, p *plan, failures []*operationError, err error) {
	switch {
	case p.standIn: // what failed before is tried again in its time
	case p.pulls && err == nil:
		e.noteGroups(inst, p, nil)
		e.notePulled(inst, p)
	case err == nil && p.apart:
		e.noteGroups(inst, p, nil)
	case err == nil:
		e.noteSuccess(inst, p)
	case ctx.Err() != nil: // interrupted: whatever is next is planned anew
	case p.apart:
		e.noteGroups(inst, p, failures)
		e.repairFailed(ctx, inst, failures)
	default:
		e.finish(ctx, inst, err)
	}
}

// finish judges how a plan's execution failed that is carried out as a whole.
func (e *Engine) finish(ctx context.Context, inst *graft.Installation, err error) {
	reason := err.Error()
	var failed *operationError
	if errors.As(err, &failed) {
		reason = failed.reason()
		if e.fellBack(ctx, inst, failed) {
			return
		}
	}
	// Its status may have been written while the operation was under way.
	now, readErr := e.store.Installation(ctx, inst.ID)
	if readErr != nil || now.Generation != inst.Generation {
		return
	}
	inst = now
	count := e.noteFailure(inst)
	temporary := failed.temporary() && (count < attemptsToInstall || failed.ours())
	details := e.detailsOf(inst)
	details.Step, details.Pulls = "", nil
	if wantsUp(inst) {
		details.Reason = reason
	}
	switch {
	case !wantsUp(inst) && temporary:
		details.Step = "to be tried again: " + reason
		_ = e.write(ctx, inst, inst.Status, details, inst.Logs) // in the log; the next attempt says it again
	case !wantsUp(inst):
		stuck(details, reason)
		if w, err := e.world(ctx); err == nil {
			details.Services = w.there(inst)
		}
		_ = e.write(ctx, inst, inst.Status, details, inst.Logs) // in the log; the next attempt says it again
	case temporary:
		_ = e.write(ctx, inst, inst.Status, details, e.keptLogs(ctx, inst))
	default:
		if failed.causeMayGo() {
			at := e.nextRetry(inst.ID)
			details.RetryAt = &at
		}
		_ = e.giveUp(ctx, inst, details) // if that can't be written, the next attempt fails too
	}
}

// standIn lets plugins that are to go answer again while nobody else does, once
// until the next attempt.
func (e *Engine) standIn(ctx context.Context, w *world, inst *graft.Installation, until time.Time, held map[string]bool) {
	p := planStandIn(w, inst)
	if len(p.operations) == 0 || slices.ContainsFunc(p.components, func(c string) bool { return held[c] }) {
		return
	}
	e.mu.Lock()
	f := e.failures[inst.ID]
	once := f.stoodIn.Equal(until)
	f.stoodIn = until
	e.failures[inst.ID] = f
	e.mu.Unlock()
	if once || until.IsZero() {
		return
	}
	for _, component := range p.components {
		held[component] = true
	}
	e.launch(ctx, inst.ID, inst, p)
}

// fellBack takes the next best way of a swap when a step of the best one has
// failed. It is false if there is none, or if the failure may pass.
func (e *Engine) fellBack(ctx context.Context, inst *graft.Installation, failed *operationError) bool {
	f := failed.operation.fallback
	if f == nil || failed.temporary() {
		return false
	}
	reason := f.reason + ": " + failed.reason()
	if err := e.store.SetSwapWay(ctx, f.component, inst.ID, f.back, f.way, reason); err != nil {
		e.log.Error("a swap's way was not written", "component", f.component, "error", err)
		return false
	}
	e.log.Info("a swap takes another way", "component", f.component, "way", f.way, "reason", reason)
	return true
}

// keptLogs returns the last lines of the services that failed, while their
// containers are still there: the next attempt may remove them.
func (e *Engine) keptLogs(ctx context.Context, inst *graft.Installation) string {
	w, err := e.world(ctx)
	if err != nil {
		return inst.Logs
	}
	a := assess(w, inst, time.Now())
	return e.lastLines(ctx, w, inst, a.details.FailedServices)
}

// nextRetry is when the engine tries again by itself what it gave up.
func (e *Engine) nextRetry(id string) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.retries[id]++
	delay := min(firstRevival<<min(e.retries[id]-1, 10), lastRetry)
	return time.Now().Add(delay/2 + rand.N(delay/2+1)).Round(time.Millisecond).UTC()
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
// while they are still there. The next plan takes everything back. One that was
// up before, and of which something is, keeps that: what is not in its place is
// withdrawn, and the rest is repaired. One that is on its way to another version
// goes back, and what comes back stays.
func (e *Engine) giveUp(ctx context.Context, inst *graft.Installation, details *graft.StatusDetails) error {
	status, logs := graft.StatusFailed, inst.Logs
	if w, err := e.world(ctx); err == nil {
		a := assess(w, inst, time.Now())
		logs = e.lastLines(ctx, w, inst, a.details.FailedServices)
		if mayGoBack(inst) {
			return e.goBack(ctx, inst, details.Reason, logs)
		}
		if comesBack(inst) {
			return e.keep(ctx, w, inst, details.Reason)
		}
		if inst.Activated && a.status == graft.StatusPartiallyActive {
			status, a.details.Reason = a.status, details.Reason
			a.details.Withdrawn = w.outOfPlace(inst, graft.Withdrawal{Reason: details.Reason, RetryAt: details.RetryAt})
			details = &a.details
		} else {
			details.GaveUp, details.Upgrade = true, failedUpgrade(inst, details.Reason, logs)
			details.FailedServices, details.Services = a.details.FailedServices, a.details.Services
		}
	} else if mayGoBack(inst) {
		return e.goBack(ctx, inst, details.Reason, "")
	} else {
		details.GaveUp = true
	}
	if err := e.write(ctx, inst, status, details, logs); err != nil {
		return err
	}
	e.over(inst.ID)
	return nil
}

// over forgets the failures of what has come to its end, whichever that is, and looks
// at what is next.
func (e *Engine) over(id string) {
	e.mu.Lock()
	delete(e.failures, id)
	delete(e.paused, id) // that was of its repairs
	e.mu.Unlock()
	e.poke()
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
	if p.forgets() {
		delete(e.failures, inst.ID)
		delete(e.pulled, inst.ID)
		return
	}
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
