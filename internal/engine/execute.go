package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// Limits of the executor.
const (
	parallelOperations = 4                // of one plan
	stableFor          = 3 * time.Second  // a plugin without a health check must run that long
	callTimeout        = 2 * time.Minute  // one call to the runtime, a pull apart
	pullTimeout        = 30 * time.Minute // one image
	waitTimeout        = 10 * time.Minute // for a health check or an end
)

// executor carries out plans and decides nothing.
type executor struct {
	driver   driver.Driver
	observer *observer
	store    *store.Store
	changed  *pulse // beats when the runtime reported something
	log      *slog.Logger
	// step is told what is being done.
	step func(text string)
}

// run carries out a plan: each operation once all that it comes after have
// succeeded. After the first failure no further operation is started; the error
// is that failure's. When ctx ends, what is under way is given up, but for an
// exchange that has begun.
func (x *executor) run(ctx context.Context, p *plan) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := semaphore.NewWeighted(parallelOperations)
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
			if slots.Acquire(ending, 1) != nil {
				return
			}
			defer slots.Release(1)
			if ending.Err() != nil {
				return
			}
			if !o.interruptible() {
				ending = context.WithoutCancel(ctx)
			}
			if err := x.execute(ending, p, o); err != nil {
				cancel(err)
				return
			}
			succeeded[i] = true
		}()
	}
	for i := range done {
		<-done[i]
	}
	return context.Cause(ctx)
}

// execute carries out one operation.
func (x *executor) execute(ctx context.Context, p *plan, o *operation) error {
	text := string(o.kind) + " " + o.target
	x.step(text)
	start := time.Now()
	err := x.call(ctx, p, o)
	log := x.log.With("operation", text, "cause", o.cause, "took", time.Since(start).Round(time.Millisecond))
	if err != nil {
		log.Warn("operation failed", "error", err)
		return &operationError{kind: o.kind, text: text, err: err}
	}
	log.Debug("operation done")
	return nil
}

// operationError says which operation failed.
type operationError struct {
	kind kind
	text string
	err  error
}

func (e *operationError) Error() string { return e.text + ": " + e.err.Error() }
func (e *operationError) Unwrap() error { return e.err }

// temporary is whether another attempt may succeed: something was away, or what
// the plan relied on for a new container changed meanwhile, and the next plan
// will see that.
func (e *operationError) temporary() bool {
	if e == nil {
		return false
	}
	switch graft.ErrorCode(e.err) {
	case graft.CodeUnavailable:
		return true
	case graft.CodeNotFound:
		return e.kind == opCreate || e.kind == opStart || e.kind == opStepAside
	case graft.CodeConflict:
		return e.kind == opCreate || e.kind == opRecord
	}
	return e.kind == opStepAside // a component that is just being restarted
}

// reason is the failure for people: what was done, and what was wrong.
func (e *operationError) reason() string {
	if message := graft.ErrorMessage(e.err); message != "" {
		return e.text + ": " + message
	}
	if errors.Is(e.err, context.DeadlineExceeded) {
		return e.text + ": it took too long"
	}
	return e.text + ": an internal error; the log has it"
}

// limit is how long an operation may take.
func (o *operation) limit() time.Duration {
	switch o.kind {
	case opPull:
		return pullTimeout
	case opWait:
		return waitTimeout
	}
	return callTimeout + o.grace
}

func (x *executor) call(ctx context.Context, p *plan, o *operation) error {
	ctx, cancel := context.WithTimeout(ctx, o.limit())
	defer cancel()
	switch o.kind {
	case opPull:
		return x.driver.Pull(ctx, o.target, func(progress driver.PullProgress) {
			x.step(fmt.Sprintf("pull %s: %d of %d layers, %d of %d bytes", o.target,
				progress.LayersDone, progress.Layers, progress.BytesDone, progress.Bytes))
		})
	case opWait:
		return x.wait(ctx, o.id, o.until)
	case opRecord:
		return x.record(ctx, o.swap)
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
	case opRename:
		return x.driver.Rename(ctx, o.id, o.name)
	case opStepAside, opComeBack:
		if err := x.driver.SetRestartPolicy(ctx, o.id, o.policy); err != nil {
			return err
		}
		return x.driver.Rename(ctx, o.id, o.name)
	case opStop:
		return x.driver.Stop(ctx, o.id)
	case opStart:
		return x.driver.Start(ctx, o.id)
	case opRemove:
		return x.driver.Remove(ctx, o.id)
	}
	return graft.Errorf(graft.CodeInternal, "no such operation: %s", o.kind)
}

// record writes a component down as it is now. It may have changed, or another
// may have come in its place, while the images were pulled; then the plan is
// for one that is no more.
func (x *executor) record(ctx context.Context, swap *store.Swap) error {
	planned, err := recorded(swap)
	if err != nil {
		return err
	}
	snapshot, err := x.observer.observe(ctx)
	if err != nil {
		return err
	}
	now := (&world{snapshot: snapshot}).container(swap.ContainerID)
	if now == nil || now.Name != planned.Name || !reflect.DeepEqual(now.Endpoints, planned.Endpoints) ||
		!reflect.DeepEqual(now.Ports, planned.Ports) {
		return graft.Errorf(graft.CodeConflict, "component %q changed meanwhile", swap.Component)
	}
	current := *swap
	if current.Record, err = json.Marshal(now); err != nil {
		return graft.WrapError(graft.CodeInternal, err, "component %q can't be written down", swap.Component)
	}
	return x.store.SaveSwap(ctx, current)
}
