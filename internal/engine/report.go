package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/graftplatform/graft"
)

// progressEvery bounds how often the progress of a pull is written down.
const progressEvery = 500 * time.Millisecond

// report tells everybody how an operation goes: users in the installation's
// details, listeners by events, operators by metrics.
type report struct {
	engine    *Engine
	ctx       context.Context //nolint:containedctx // of the operation, for what is written
	inst      *graft.Installation
	operation string // its id
	purpose   purpose
	// quiet is true of repairs: users see the status of what is repaired.
	quiet bool

	mu      sync.Mutex
	pulling map[string]graft.PullStatus
	told    time.Time
	back    map[string]bool // components of which it was told that they are
	// forgotten is whether the installation is no more.
	forgotten bool
}

var _ reporter = (*report)(nil)

func (e *Engine) newReport(ctx context.Context, inst *graft.Installation) *report {
	return &report{
		engine: e, ctx: ctx, inst: inst, operation: graft.NewID(time.Now()), purpose: purposeOf(inst),
		quiet: wantsUp(inst) && settled(inst), pulling: map[string]graft.PullStatus{}, back: map[string]bool{},
	}
}

// event returns an event of the operation.
func (r *report) event(t graft.EventType, message string) graft.Event {
	return graft.Event{
		Type: t, Message: message, InstallationID: r.inst.ID, Addon: r.inst.Name, Operation: r.operation,
	}
}

func (r *report) started(p *plan) {
	r.engine.metrics.operationStarted()
	r.engine.note(r.event(graft.EventOperation, fmt.Sprintf("%s of %s: %d steps", r.purpose, r.inst.Name, len(p.operations))))
	for _, drift := range p.drift {
		event := r.event(drift.Type, drift.Message)
		event.Service, event.Component = drift.Service, drift.Component
		r.engine.note(event)
	}
}

// begins implements reporter. Between the steps of an exchange nobody answers, so
// nothing is written there.
func (r *report) begins(o *operation) {
	if !o.follows {
		r.write(o.text())
	}
}

// pulls implements reporter.
func (r *report) pulls(status graft.PullStatus) {
	event := r.event(graft.EventProgress, fmt.Sprintf("pull %s: %d of %d layers, %d of %d bytes",
		status.Image, status.LayersDone, status.Layers, status.BytesDone, status.Bytes))
	event.Pull, event.Time = &status, time.Now()
	r.mu.Lock()
	same := r.pulling[status.Image] == status
	r.pulling[status.Image] = status
	soon := time.Since(r.told) < progressEvery
	r.mu.Unlock()
	over := status.Layers > 0 && status.LayersDone == status.Layers
	if !same && (!soon || over) {
		r.engine.journal.live(event)
	}
	if !soon {
		r.write(event.Message)
	}
}

// ended implements reporter.
func (r *report) ended(o *operation, took time.Duration, err error) {
	r.engine.metrics.stepEnded(o.kind, err)
	if o.kind == opPull {
		r.mu.Lock()
		r.engine.metrics.pulled(r.pulling[o.target].BytesDone)
		delete(r.pulling, o.target)
		r.mu.Unlock()
	}
	event := r.event(graft.EventStep, o.text())
	event.Step, event.Took, event.Reason = o.text(), took.Milliseconds(), o.cause
	if err != nil {
		event.Outcome = endOf(err)
		event.Message += " failed: " + failureText(err)
	} else {
		event.Outcome = graft.OutcomeDone
	}
	r.engine.note(event)
	if o.restores && err == nil {
		r.isBack(o.target)
	}
	if o.kind == opForget && err == nil {
		r.mu.Lock()
		r.forgotten = true
		r.mu.Unlock()
	}
}

// swapped implements reporter.
func (r *report) swapped(g *gap, took time.Duration) {
	t, direction, what := graft.EventSwapped, swapIn, "is replaced by addon "+r.inst.Name
	if g.back {
		t, direction, what = graft.EventRestored, swapBack, "is back"
		r.mu.Lock()
		r.back[g.component] = true
		r.mu.Unlock()
	}
	r.engine.metrics.swapped(direction, g.way, took)
	milliseconds := took.Milliseconds()
	event := r.event(t, fmt.Sprintf("component %s %s; %d ms without an answer", g.component, what, milliseconds))
	event.Component, event.Way, event.Gap = g.component, g.way, &milliseconds
	r.engine.note(event)
}

// isBack tells that a component is back, unless that was told with the time that
// it took: nobody answered for longer than this operation lasted.
func (r *report) isBack(component string) {
	r.mu.Lock()
	told := r.back[component]
	r.back[component] = true
	r.mu.Unlock()
	if told {
		return
	}
	event := r.event(graft.EventRestored, fmt.Sprintf("component %s is back", component))
	event.Component = component
	r.engine.note(event)
}

// over tells how the operation ended.
func (r *report) over(outcome graft.Outcome, took time.Duration, err error) {
	r.engine.metrics.operationEnded(r.purpose, outcome, took)
	event := r.event(graft.EventOutcome, fmt.Sprintf("%s of %s: %s", r.purpose, r.inst.Name, outcome))
	event.Outcome, event.Took = outcome, took.Milliseconds()
	if err != nil {
		event.Reason = failureText(err)
	}
	r.engine.note(event)
	r.mu.Lock()
	forgotten := r.forgotten
	r.mu.Unlock()
	if forgotten { // nothing comes after that
		r.engine.note(r.event(graft.EventRemoved, "addon "+r.inst.Name+" is uninstalled"+andKept(r.inst)))
	}
}

// write notes in the installation's details what is being done.
func (r *report) write(step string) {
	if r.quiet {
		return
	}
	r.mu.Lock()
	r.told = time.Now()
	details := r.engine.detailsOf(r.inst)
	details.Pulls = nil
	for _, image := range slices.Sorted(maps.Keys(r.pulling)) {
		details.Pulls = append(details.Pulls, r.pulling[image])
	}
	r.mu.Unlock()
	details.Step, details.Reason = step, keptReason(r.inst)
	inst := *r.inst                                                        // others read that one
	_ = r.engine.writeAt(r.ctx, &inst, 0, inst.Status, details, inst.Logs) // in the log; progress alone is lost
}

// keptReason is why an installation is being taken back, while it is.
func keptReason(inst *graft.Installation) string {
	if gaveUp(inst) {
		return inst.Details.Reason
	}
	return ""
}
