package engine

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// Limits of the executor.
const (
	defaultStable = 3 * time.Second // a plugin without a health check must run that long
	callTimeout   = 2 * time.Minute // one call to the runtime, a pull apart
	lookTimeout   = 30 * time.Second
	// exchangeTimeout is for one step of an exchange, as nobody answers meanwhile.
	exchangeTimeout = 30 * time.Second
	pullTimeout     = 30 * time.Minute // one image
	waitTimeout     = 10 * time.Minute // for a health check or an end
)

// Bounds of what is done at a time, for all installations together. Waits are
// not bounded, and pulls only among themselves: a slow one blocks nobody.
const (
	parallelCalls = 4
	parallelPulls = 16
)

// limits bound what all executors of an engine do at a time.
type limits struct {
	calls, pulls *semaphore.Weighted
	metrics      *metrics
}

func newLimits(m *metrics) *limits {
	return &limits{calls: semaphore.NewWeighted(parallelCalls), pulls: semaphore.NewWeighted(parallelPulls), metrics: m}
}

// executor carries out one plan and decides nothing.
type executor struct {
	driver   driver.Driver
	observer *observer
	store    *store.Store
	changed  *pulse // beats when the runtime reported something
	limits   *limits
	hush     *hush
	log      *slog.Logger
	report   reporter
	away     int64 // the observer's, when the plan was begun

	mu   sync.Mutex
	gaps map[string]time.Time // by component: since when nobody answers
	// hushed are the components for whose sake others are kept from looking.
	hushed map[string]bool
	// failures are the operations that failed, in that order.
	failures []*operationError
}

// reporter is told what an executor does.
type reporter interface {
	begins(o *operation)
	pulls(status graft.PullStatus)
	ended(o *operation, took time.Duration, err error)
	swapped(g *gap, took time.Duration)
}

// run carries out a plan: each operation once all that it comes after have
// succeeded. After the first failure no further operation is started, unless the
// services are looked after one by one; the error is that failure's. When ctx
// ends, what is under way is given up, but for an exchange that has begun.
func (x *executor) run(ctx context.Context, p *plan) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make([]chan struct{}, len(p.operations))
	for i := range done {
		done[i] = make(chan struct{})
	}
	succeeded := make([]bool, len(p.operations)) // of those that are done
	for i := range p.operations {
		go func() {
			defer close(done[i])
			o := &p.operations[i]
			for _, before := range o.after {
				<-done[before]
				if !succeeded[before] {
					return
				}
			}
			ending := ctx
			if o.follows {
				ending = context.WithoutCancel(ctx)
			}
			release, err := x.limits.enter(ending, o)
			if err != nil {
				return
			}
			defer release()
			if ending.Err() != nil {
				return
			}
			if !o.interruptible() {
				ending = context.WithoutCancel(ctx)
			}
			if err := x.execute(ending, p, o); err != nil {
				x.failed(err)
				if !p.apart {
					cancel(err)
				}
				return
			}
			succeeded[i] = true
		}()
	}
	for i := range done {
		<-done[i]
	}
	x.allOver()
	if err := context.Cause(ctx); err != nil || len(x.failures) == 0 {
		return err
	}
	return x.failures[0]
}

func (x *executor) failed(err error) {
	var failure *operationError
	if !errors.As(err, &failure) {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.failures = append(x.failures, failure)
}

// enter waits until an operation may be carried out. The steps of an exchange
// wait for nobody, as nobody answers meanwhile; and nobody waits for a container
// that takes its time to stop.
func (l *limits) enter(ctx context.Context, o *operation) (release func(), err error) {
	slots := l.calls
	switch {
	case o.kind == opWait, o.kind == opDrain, o.kind == opStop, o.follows:
		return func() {}, ctx.Err()
	case o.kind == opPull:
		slots = l.pulls
	}
	if !slots.TryAcquire(1) {
		l.metrics.operationWaits()
		defer l.metrics.operationWaited()
		if err := slots.Acquire(ctx, 1); err != nil {
			return nil, err
		}
	}
	return func() { slots.Release(1) }, nil
}

// execute carries out one operation.
func (x *executor) execute(ctx context.Context, p *plan, o *operation) error {
	x.report.begins(o)
	ctx, span := startStep(ctx, o)
	start := time.Now()
	x.gapBegins(o, start)
	err := x.call(ctx, p, o)
	if o.gap != nil && o.gap.ends {
		x.gapOver(o.gap.component)
	}
	took := time.Since(start)
	endSpan(span, err)
	x.report.ended(o, took, err)
	log := x.log.With("step", o.text(), "cause", o.cause, "took", took.Round(time.Millisecond))
	if err != nil && ctx.Err() != nil {
		log.Debug("step interrupted", "error", err)
		return &operationError{operation: o, err: err}
	}
	if err != nil {
		log.Warn("step failed", "error", err)
		return &operationError{operation: o, err: err}
	}
	x.gapEnds(o, start.Add(took))
	log.Debug("step done")
	return nil
}

// gapBegins notes when nobody answers any more.
func (x *executor) gapBegins(o *operation, now time.Time) {
	if o.gap == nil || !o.gap.begins {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.gaps == nil {
		x.gaps, x.hushed = map[string]time.Time{}, map[string]bool{}
	}
	x.gaps[o.gap.component] = now
	if !x.hushed[o.gap.component] {
		x.hushed[o.gap.component] = true
		x.hush.begin()
	}
}

// gapOver lets others look again, as far as a component is concerned.
func (x *executor) gapOver(component string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.hushed[component] {
		delete(x.hushed, component)
		x.hush.end()
	}
}

// allOver lets others look again: no exchange goes on.
func (x *executor) allOver() {
	for _, component := range sortedKeys(x.gaps) {
		x.gapOver(component)
	}
}

func (x *executor) gapEnds(o *operation, now time.Time) {
	if o.gap == nil || !o.gap.ends {
		return
	}
	if o.gap.none {
		x.report.swapped(o.gap, 0)
		return
	}
	x.mu.Lock()
	begin, known := x.gaps[o.gap.component]
	x.mu.Unlock()
	if known {
		x.report.swapped(o.gap, now.Sub(begin))
	}
}

// text is the operation for people.
func (o *operation) text() string { return string(o.kind) + " " + o.target }

// limit is how long an operation may take.
func (o *operation) limit() time.Duration {
	switch o.kind {
	case opPull:
		return pullTimeout
	case opWait:
		return waitTimeout
	}
	if o.follows || o.gap != nil {
		return exchangeTimeout + o.grace
	}
	return callTimeout + o.grace
}

func (x *executor) call(ctx context.Context, p *plan, o *operation) error {
	ctx, cancel := context.WithTimeout(ctx, o.limit())
	defer cancel()
	switch o.kind {
	case opPull:
		return x.driver.Pull(ctx, o.target, func(progress driver.PullProgress) {
			x.report.pulls(graft.PullStatus{
				Image: o.target, LayersDone: progress.LayersDone, Layers: progress.Layers,
				BytesDone: progress.BytesDone, Bytes: progress.Bytes,
			})
		})
	case opWait:
		return x.wait(ctx, o)
	case opRecord:
		return x.record(ctx, o)
	case opDrain:
		return drain(ctx)
	case opAdopt:
		return x.store.SetSwapContainer(ctx, o.swap.Component, o.swap.ContainerID, o.id)
	case opClaim:
		return x.store.ClaimSwap(ctx, o.target, o.from, p.installation.ID, o.name)
	case opForgetComponent:
		return x.store.DeleteSwap(ctx, o.swap.Component)
	case opForget:
		return x.store.DeleteInstallation(ctx, p.installation.ID)
	case opCreateNetwork:
		return x.createNetwork(ctx, o)
	case opRemoveNetwork:
		return x.driver.RemoveNetwork(ctx, o.id)
	case opCreateVolume:
		return x.driver.CreateVolume(ctx, *o.volume)
	case opRemoveVolume:
		return x.driver.RemoveVolume(ctx, o.target)
	case opTakeVolume:
		return x.store.TakeVolume(ctx, o.target, o.kept.MadeFor, p.installation.ID)
	case opKeepVolume:
		return x.store.KeepVolume(ctx, *o.kept, p.installation.ID)
	}
	return x.callContainer(ctx, o)
}

func (x *executor) createNetwork(ctx context.Context, o *operation) error {
	err := x.driver.CreateNetwork(ctx, *o.network)
	if o.shared && graft.ErrorCode(err) == graft.CodeConflict {
		return nil // somebody else made it meanwhile
	}
	return err
}

func (x *executor) callContainer(ctx context.Context, o *operation) error {
	switch o.kind {
	case opCreate:
		_, err := x.driver.Create(ctx, *o.container)
		return err
	case opRecreate:
		return x.driver.Recreate(ctx, o.record, o.name)
	case opConnect:
		return x.driver.Connect(ctx, o.id, o.endpoint)
	case opReconnect:
		return x.driver.Reconnect(ctx, o.id, o.record, o.endpoint.Network)
	case opMove:
		return x.driver.Move(ctx, o.from, o.id, o.endpoint, o.record)
	case opDisconnect:
		return x.driver.Disconnect(ctx, o.id, o.endpoint.Network)
	case opRename:
		return x.driver.Rename(ctx, o.id, o.name)
	case opPolicy:
		return x.driver.SetRestartPolicy(ctx, o.id, o.policy)
	case opStop:
		x.observer.expectEnd(o.id)
		return x.driver.Stop(ctx, o.id)
	case opStart:
		return x.driver.Start(ctx, o.id)
	case opRemove:
		x.observer.expectEnd(o.id)
		return x.driver.Remove(ctx, o.id)
	}
	return graft.Errorf(graft.CodeInternal, "no such operation: %s", o.kind)
}

// record writes a component down as it is now. It may have changed, or another
// may have come in its place, while the images were pulled; then the plan is
// for one that is no more.
func (x *executor) record(ctx context.Context, o *operation) error {
	swap := o.swap
	planned, err := recorded(swap)
	if err != nil {
		return err
	}
	snapshot, err := x.observer.observe(ctx)
	if err != nil {
		return err
	}
	now := (&world{snapshot: snapshot}).container(swap.ContainerID)
	if now == nil || now.Name != o.from || now.Running() != planned.Running() && !o.runs || !reflect.DeepEqual(now.Endpoints, planned.Endpoints) ||
		!reflect.DeepEqual(now.Ports, planned.Ports) {
		return graft.Errorf(graft.CodeConflict, "component %q changed meanwhile", swap.Component)
	}
	now = called(now, swap.Component)
	if o.runs {
		now.State = driver.StateRunning
	}
	current := *swap
	if current.Record, err = json.Marshal(now); err != nil {
		return graft.WrapError(graft.CodeInternal, err, "component %q can't be written down", swap.Component)
	}
	return x.store.SaveSwap(ctx, current)
}
