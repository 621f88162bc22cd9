package engine

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/outage"
	"github.com/graftplatform/graft/internal/probe"
	"github.com/graftplatform/graft/internal/store"
)

// Options are what an engine is made of. All up to ServiceLabel are required.
type Options struct {
	Store   *store.Store
	Driver  driver.Driver
	Catalog graft.Catalog

	Plane        graft.Plane
	Project      string
	Network      string
	IDLabel      string
	ServiceLabel string

	// Resync is how often everything is compared even if no event says so;
	// default 30 s.
	Resync time.Duration
	// Retries is how often a container may be started again within ten minutes
	// before it rests, or makes room for the component that it replaced; 0: the
	// default, 5; negative: not once.
	Retries int
	// Probe asks a container's addresses whether it works; default: probe.Check.
	Probe func(ctx context.Context, addresses []string, p *graft.Probe) error
	// PortTaken asks this host whether something has a port; nil where that
	// can't be asked, as with a runtime on another host.
	PortTaken func(driver.Port) bool
	// Metrics is where the engine registers what it measures; Tracer makes the
	// spans of its operations. Either may be nil.
	Metrics prometheus.Registerer
	Tracer  trace.Tracer
	Log     *slog.Logger
}

// Engine keeps the addons of one plane of one orchestrator.
type Engine struct {
	settings Settings
	store    *store.Store
	driver   driver.Driver
	observer *observer
	catalog  graft.Catalog
	resync   time.Duration
	log      *slog.Logger
	looks    *outage.Log // whether everything can be observed
	watches  *outage.Log // whether the runtime tells what happens
	writes   *outage.Log // whether statuses can be written

	journal *journal
	metrics *metrics
	tracer  trace.Tracer
	limits  *limits
	hush    *hush
	// portTaken may be nil.
	portTaken func(driver.Port) bool

	wake    chan struct{} // the loop is to look again
	answers chan struct{} // the runtime answers again
	changed *pulse        // the runtime reported something
	updated *pulse        // an installation's document changed
	usage   usage

	// specs is shared by those who change one until they have told so: nobody sees
	// the change before, and what is done about it is told after it.
	specs sync.RWMutex

	operations sync.WaitGroup
	mu         sync.Mutex
	running    map[string]underway // by installation id; pulls of repairs by that and the image
	failures   map[string]attempts
	paused     map[string]map[string]attempts // by installation id and group: repairs that failed
	pulled     map[string]map[string]bool     // by installation id: images that were brought for it
	retries    map[string]int                 // by installation id: how often it was revived
	away       bool                           // the runtime did not answer the last time
	unread     map[string]bool                // installations whose logs have not been read since they failed
	names      map[string]string              // of addons, by installation id
}

// New makes an engine; Run makes it work.
func New(options Options) (*Engine, error) {
	id, err := options.Store.EngineID(context.Background())
	if err != nil {
		return nil, err
	}
	options.complete()
	e := &Engine{
		settings: Settings{
			EngineID: id, Plane: options.Plane, Project: options.Project, Network: options.Network,
			IDLabel: options.IDLabel, ServiceLabel: options.ServiceLabel,
		},
		store: options.Store, driver: options.Driver, catalog: options.Catalog,
		resync: options.Resync, log: options.Log.With("plane", options.Plane),
		metrics: newMetrics(options.Metrics), tracer: options.Tracer,
		portTaken: options.PortTaken,
		wake:      make(chan struct{}, 1), answers: make(chan struct{}), changed: newPulse(), updated: newPulse(),
		running: map[string]underway{}, failures: map[string]attempts{},
		paused: map[string]map[string]attempts{}, pulled: map[string]map[string]bool{}, retries: map[string]int{},
		unread: map[string]bool{}, names: map[string]string{},
	}
	e.looks, e.watches, e.writes = outage.New(e.log), outage.New(e.log), outage.New(e.log)
	e.journal, e.limits = newJournal(options.Store, e.log), newLimits(e.metrics)
	e.hush = newHush()
	look := func() {
		e.changed.beat()
		e.poke()
	}
	e.observer = newObserver(options.Driver, id, newProber(options.Probe, look), newBudget(max(options.Retries, 0), e.noteRestart))
	return e, nil
}

func (o *Options) complete() {
	if o.Resync <= 0 {
		o.Resync = 30 * time.Second
	}
	if o.Retries == 0 {
		o.Retries = defaultRetries
	}
	if o.Probe == nil {
		o.Probe = probe.Check
	}
	if o.Tracer == nil {
		o.Tracer = noop.NewTracerProvider().Tracer(tracerName)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// note writes an event down, and counts it.
func (e *Engine) note(event graft.Event) {
	e.metrics.eventHappened(event.Type)
	e.journal.add(event)
}

// Ready returns nil when the runtime answers, else why not.
func (e *Engine) Ready(ctx context.Context) error {
	_, err := e.info(ctx)
	return err
}

// infoTimeout bounds how long a runtime may take to say who it is.
const infoTimeout = 5 * time.Second

func (e *Engine) info(ctx context.Context) (driver.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	return e.driver.Info(ctx)
}

// Installation returns one. Errors: CodeNotFound.
func (e *Engine) Installation(ctx context.Context, id string) (*graft.Installation, error) {
	inst, err := e.store.Installation(ctx, id)
	if err != nil {
		return nil, err
	}
	if unseen(inst) {
		return nil, graft.Errorf(graft.CodeNotFound, "Addon not found")
	}
	return inst, nil
}

// WaitInstallation returns an installation as soon as its revision is beyond
// since, or as it is when ctx ends.
func (e *Engine) WaitInstallation(ctx context.Context, id string, since int64) (*graft.Installation, error) {
	for {
		updated := e.updated.C()
		inst, err := e.Installation(context.WithoutCancel(ctx), id)
		if err != nil || inst.Revision > since {
			return inst, err
		}
		select {
		case <-updated:
		case <-ctx.Done():
			return inst, nil
		}
	}
}

// Installations returns those with that status, all with an empty one.
func (e *Engine) Installations(ctx context.Context, status string) ([]graft.Installation, error) {
	installs, err := e.store.InstallationsIn(ctx, graft.InstallationStatus(status))
	return slices.DeleteFunc(installs, func(inst graft.Installation) bool { return unseen(&inst) }), err
}

// SetDesired enables or disables an installation. Enabling one that failed
// tries again; wanting what is wanted already changes nothing.
func (e *Engine) SetDesired(ctx context.Context, id string, desired graft.DesiredState) (*graft.Installation, error) {
	inst, err := e.Installation(ctx, id)
	if err != nil {
		return nil, err
	}
	retry := desired == graft.DesiredEnabled &&
		(inst.Status == graft.StatusFailed || inst.Status == graft.StatusPartiallyActive)
	leaves := desired == graft.DesiredDisabled && inst.Desired == graft.DesiredRemoved // it is being disabled
	if inst.Desired == desired && !retry || leaves {
		return inst, nil
	}
	if retry && inst.Desired == desired && settled(inst) {
		return e.tryAgain(ctx, inst)
	}
	if desired == graft.DesiredDisabled {
		return e.setDesired(ctx, id, desired, graft.StatusDisabling)
	}
	if err := e.mayStart(ctx, inst); err != nil {
		return nil, err
	}
	return e.setDesired(ctx, id, desired, graft.StatusInstalling)
}

// tryAgain lets everything of an installation be tried at once that has been up
// and of which something failed. What runs goes on running.
func (e *Engine) tryAgain(ctx context.Context, inst *graft.Installation) (*graft.Installation, error) {
	e.interrupt(inst.ID)
	details := e.detailsOf(inst)
	details.Withdrawn, details.Outcome, details.RetryAt = nil, graft.OutcomeDone, nil
	details.Reason, details.Step = "", "it is tried again"
	if err := e.write(ctx, inst, graft.StatusInstalling, details, inst.Logs); err != nil {
		return nil, err
	}
	e.log.Info("tried again", "addon", inst.Name, "installation", inst.ID)
	e.note(graft.Event{Type: graft.EventDesired, Message: fmt.Sprintf("addon %s is to be tried again", inst.Name),
		InstallationID: inst.ID, Addon: inst.Name, Status: inst.Status})
	e.poke()
	return e.Installation(ctx, inst.ID)
}

func (e *Engine) setDesired(ctx context.Context, id string, desired graft.DesiredState, status graft.InstallationStatus) (*graft.Installation, error) {
	e.specs.RLock()
	defer e.specs.RUnlock()
	inst, err := e.store.SetDesired(ctx, id, desired, status)
	if err != nil {
		return nil, err
	}
	e.respecified(inst)
	return inst, nil
}

// respecified tells that users want something else of an installation, and has the
// engine begin with it.
func (e *Engine) respecified(inst *graft.Installation) {
	e.log.Info("spec changed", "addon", inst.Name, "installation", inst.ID, "desired", inst.Desired, "keep_data", inst.KeepData)
	e.note(graft.Event{Type: graft.EventDesired, Message: fmt.Sprintf("addon %s is to be %s%s", inst.Name, inst.Desired, andKept(inst)),
		InstallationID: inst.ID, Addon: inst.Name, Status: inst.Status})
	e.interrupt(inst.ID)
	e.updated.beat()
	e.poke()
}

// andKept is what is added to the news that an installation is removed.
func andKept(inst *graft.Installation) string {
	if inst.KeepData && len(inst.AllVolumes()) > 0 {
		return ", and its data kept"
	}
	return ""
}

// Plan returns what the engine would do for an installation just now.
func (e *Engine) Plan(ctx context.Context, id string) (*graft.Plan, error) {
	return e.planOf(ctx, id, func(*graft.Installation) {})
}

// planOf is Plan for an installation that is changed first.
func (e *Engine) planOf(ctx context.Context, id string, change func(*graft.Installation)) (*graft.Plan, error) {
	if _, err := e.Installation(ctx, id); err != nil {
		return nil, err
	}
	w, err := e.world(ctx)
	if err != nil {
		return nil, err
	}
	inst := w.installation(id)
	if inst == nil {
		return nil, graft.Errorf(graft.CodeNotFound, "Addon not found")
	}
	change(inst) // the world is this plan's
	return e.preview(ctx, w, inst, nil)
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
