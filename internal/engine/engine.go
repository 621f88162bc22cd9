package engine

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
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

	journal *journal
	metrics *metrics
	tracer  trace.Tracer
	limits  *limits
	hush    *hush
	// portTaken may be nil.
	portTaken func(driver.Port) bool

	wake    chan struct{} // the loop is to look again
	changed *pulse        // the runtime reported something
	updated *pulse        // an installation's document changed

	operations sync.WaitGroup
	mu         sync.Mutex
	running    map[string]underway // by installation id
	failures   map[string]attempts
	retries    map[string]int // by installation id: how often it was revived
	away       bool           // the runtime did not answer the last time
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
		wake:      make(chan struct{}, 1), changed: newPulse(), updated: newPulse(),
		running: map[string]underway{}, failures: map[string]attempts{}, retries: map[string]int{},
	}
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

// Install makes an approved addon an installation of this orchestrator and
// returns it at once; the engine does the rest. Errors: CodeExists when it is
// installed, CodeNotFound, CodeRefused when another addon is in the place of a
// component, CodeConflict when it can't be installed here or the plan is not
// the one that was agreed to, and those of the catalogue.
func (e *Engine) Install(ctx context.Context, request graft.InstallRequest) (*graft.Installation, error) {
	if err := e.notInstalled(ctx, request.MarketplaceID); err != nil {
		return nil, err
	}
	inst, err := e.prepare(ctx, request)
	if err != nil {
		return nil, err
	}
	if err := e.mayBegin(ctx, inst, request); err != nil {
		return nil, err
	}
	if err := e.store.CreateInstallation(ctx, inst); err != nil {
		return nil, err
	}
	e.log.Info("installation created", "addon", inst.Name, "installation", inst.ID)
	e.note(graft.Event{Type: graft.EventInstalled, Message: "addon " + inst.Name + " is to be installed",
		InstallationID: inst.ID, Addon: inst.Name, Status: inst.Status})
	e.poke()
	return inst, nil
}

// mayBegin returns why an installation must not even begin: it would take from
// another addon what that has, or its plan is not the one that was agreed to.
// While the runtime is away nothing can be said, and nothing needs to be.
func (e *Engine) mayBegin(ctx context.Context, inst *graft.Installation, request graft.InstallRequest) error {
	w, err := e.world(ctx)
	if err != nil && request.Plan == "" {
		return nil // it waits for the runtime, and is planned then
	}
	if err != nil {
		return err
	}
	w.installs = append(w.installs, *inst)
	if p := planFor(w, inst); p.code == graft.CodeRefused {
		return graft.Errorf(graft.CodeRefused, "%s", p.refusal)
	}
	if request.Plan == "" {
		return nil
	}
	now, err := e.preview(ctx, w, inst, e.portTaken)
	if err != nil {
		return err
	}
	return agreed(request.Plan, now)
}

// PlanInstall returns what Install would lead to, and changes nothing.
func (e *Engine) PlanInstall(ctx context.Context, request graft.InstallRequest) (*graft.Plan, error) {
	if err := e.notInstalled(ctx, request.MarketplaceID); err != nil {
		return nil, err
	}
	inst, err := e.prepare(ctx, request)
	if err != nil {
		return nil, err
	}
	w, err := e.world(ctx)
	if err != nil {
		return nil, err
	}
	w.installs = append(w.installs, *inst)
	answer, err := e.preview(ctx, w, inst, e.portTaken)
	if err != nil {
		return nil, err
	}
	answer.InstallationID = ""
	return answer, nil
}

func (e *Engine) notInstalled(ctx context.Context, marketplaceID string) error {
	installs, err := e.store.Installations(ctx)
	if err != nil {
		return err
	}
	for i := range installs {
		if installs[i].MarketplaceID == marketplaceID && installs[i].Desired != graft.DesiredRemoved {
			return graft.Errorf(graft.CodeExists, "Addon with marketplace-id - %s already exists.", marketplaceID)
		}
	}
	return nil
}

// prepare turns an addon of the catalogue into an installation that is not
// stored yet.
func (e *Engine) prepare(ctx context.Context, request graft.InstallRequest) (*graft.Installation, error) {
	addon, err := e.catalog.Addon(ctx, request.MarketplaceID)
	if err != nil {
		return nil, err
	}
	if err := e.installable(ctx, addon); err != nil {
		return nil, err
	}
	now := time.Now()
	inst := &graft.Installation{
		ID: graft.NewID(now), MarketplaceID: request.MarketplaceID, Descriptor: addon.Descriptor,
		Images: map[string]string{}, Supersede: request.Supersede, Desired: graft.DesiredEnabled, Generation: 1,
		Status: graft.StatusInstalling, CreatedAt: now, UpdatedAt: now, Revision: 1,
	}
	inst.SetDefaults()
	inst.ImageSizes = e.imageSizes(ctx, addon)
	for _, service := range addon.Services {
		pinned, err := pin(service.Image, addon.Verification.Image(service.Name).Digest)
		if err != nil {
			return nil, err
		}
		inst.Images[service.Name] = pinned
	}
	return inst, nil
}

// installable returns why an addon can't be installed here, if so.
func (e *Engine) installable(ctx context.Context, addon *graft.Addon) error {
	if addon.Status != graft.AddonApproved {
		reason := ""
		if addon.Verification != nil {
			for _, image := range addon.Verification.Images {
				if image.Reason != "" {
					reason += fmt.Sprintf("; service %q: %s", image.Service, image.Reason)
				}
			}
		}
		return graft.Errorf(graft.CodeConflict, "Addon %q is not approved but %s%s", addon.Name, addon.Status, reason)
	}
	if len(addon.Planes) > 0 && !slices.Contains(addon.Planes, e.settings.Plane) {
		return graft.Errorf(graft.CodeConflict, "Addon %q is not made for the %s plane", addon.Name, e.settings.Plane)
	}
	info, err := e.info(ctx)
	for _, service := range addon.Services {
		image := addon.Verification.Image(service.Name)
		if image == nil || image.Digest == "" {
			return graft.Errorf(graft.CodeConflict, "Addon %q: the marketplace names no digest for the image of service %q; publish it again", addon.Name, service.Name)
		}
		if err == nil && !runsOn(image.Platforms, info.Platform) {
			return graft.Errorf(graft.CodeConflict, "Addon %q: the image of service %q is made for %s, and this host is %s",
				addon.Name, service.Name, strings.Join(image.Platforms, ", "), info.Platform)
		}
	}
	return nil
}

// runsOn is whether a host can run an image for those platforms. A host that
// names no variant runs any; so does an image that names none.
func runsOn(platforms []string, host string) bool {
	return len(platforms) == 0 || host == "" || slices.ContainsFunc(platforms, func(p string) bool {
		return p == host || strings.HasPrefix(p, host+"/") || strings.HasPrefix(host, p+"/")
	})
}

// pin returns an image as repository@digest.
func pin(image, digest string) (string, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", graft.WrapError(graft.CodeConflict, err, "image %q is no valid reference", image)
	}
	return reference.TrimNamed(named).Name() + "@" + digest, nil
}

// Installation returns one. Errors: CodeNotFound.
func (e *Engine) Installation(ctx context.Context, id string) (*graft.Installation, error) {
	inst, err := e.store.Installation(ctx, id)
	if err != nil {
		return nil, err
	}
	if inst.Desired == graft.DesiredRemoved {
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
	installs, err := e.store.Installations(ctx)
	return slices.DeleteFunc(installs, func(inst graft.Installation) bool {
		return inst.Desired == graft.DesiredRemoved || (status != "" && string(inst.Status) != status)
	}), err
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
	if inst.Desired == desired && !retry {
		return inst, nil
	}
	status := graft.StatusInstalling
	if desired == graft.DesiredDisabled {
		status = graft.StatusDisabling
	}
	return e.setDesired(ctx, id, desired, status)
}

func (e *Engine) setDesired(ctx context.Context, id string, desired graft.DesiredState, status graft.InstallationStatus) (*graft.Installation, error) {
	inst, err := e.store.SetDesired(ctx, id, desired, status)
	if err != nil {
		return nil, err
	}
	e.log.Info("spec changed", "addon", inst.Name, "installation", id, "desired", desired)
	e.note(graft.Event{Type: graft.EventDesired, Message: fmt.Sprintf("addon %s is to be %s", inst.Name, desired),
		InstallationID: id, Addon: inst.Name, Status: status})
	e.interrupt(id)
	e.updated.beat()
	e.poke()
	return inst, nil
}

// removalTimeout bounds how long Delete waits for what it removes; the removal
// goes on after that.
const removalTimeout = 10 * time.Second

// Delete disables an installation, or removes a disabled one: then it returns
// nil once everything of it is gone.
func (e *Engine) Delete(ctx context.Context, id string) (*graft.Installation, error) {
	inst, err := e.Installation(ctx, id)
	if err != nil {
		return nil, err
	}
	if inst.Status != graft.StatusDisabled {
		return e.SetDesired(ctx, id, graft.DesiredDisabled)
	}
	if _, err := e.setDesired(ctx, id, graft.DesiredRemoved, graft.StatusDisabled); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, removalTimeout)
	defer cancel()
	for {
		updated := e.updated.C()
		if _, err := e.store.Installation(ctx, id); err != nil {
			return nil, nil //nolint:nilnil // gone, or out of time: the removal is on record
		}
		select {
		case <-updated:
		case <-ctx.Done():
			return nil, nil //nolint:nilnil // the removal is on record and goes on
		}
	}
}

// Plan returns what the engine would do for an installation just now.
func (e *Engine) Plan(ctx context.Context, id string) (*graft.Plan, error) {
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
	return e.preview(ctx, w, inst, nil)
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
