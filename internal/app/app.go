package app

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/api"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/docker"
	"github.com/graftplatform/graft/internal/engine"
	"github.com/graftplatform/graft/internal/market"
	"github.com/graftplatform/graft/internal/registry"
	"github.com/graftplatform/graft/internal/store"
	"github.com/graftplatform/graft/internal/verify"
	"github.com/graftplatform/graft/internal/version"
	"github.com/graftplatform/graft/internal/web"
)

// App is a process: its roles, ready to run.
type App struct {
	options  Options
	database string      // where it is
	token    string      // of the data directory; empty: none is needed
	access   api.Options // who may call the APIs, and what keeps what they did
	servers  []*server
	work     []func(context.Context) error // what goes on in the background
	stopping chan struct{}

	certificate *certificate // nil: no TLS

	registry *prometheus.Registry
	metrics  *api.Metrics
	traces   *tracing
	checks   []api.Check

	closeOnce sync.Once
	closers   []func() error // run in reverse order
}

// New opens everything that a process needs: ports, data directory, database.
// What it opened is closed again if it fails. A Docker Engine that does not
// answer is no error: the engine waits for it, and says so.
func New(ctx context.Context, o Options) (_ *App, err error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	a := &App{options: o, stopping: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if err := a.listen(ctx); err != nil {
		return nil, err
	}
	if err := a.checkOpen(); err != nil {
		return nil, err
	}
	if err := a.measure(ctx); err != nil {
		return nil, err
	}
	if err := a.build(ctx); err != nil {
		return nil, err
	}
	a.warn()
	return a, nil
}

// listen opens the ports of all roles.
func (a *App) listen(ctx context.Context) (err error) {
	if a.options.TLSCert != "" {
		if a.certificate, err = loadCertificate(a.options.TLSCert, a.options.TLSKey, a.options.Log); err != nil {
			return err
		}
	}
	for _, l := range []struct {
		role, address string
		wanted        bool
	}{
		{RoleMarketplace, a.options.MarketplaceListen, a.options.has(RoleMarketplace)},
		{RoleEngine, a.options.EngineListen, a.options.has(RoleEngine)},
		{RoleDashboard, a.options.DashboardListen, a.options.has(RoleDashboard)},
		{roleRegistry, a.options.RegistryListen, a.options.RegistryListen != ""},
	} {
		if !l.wanted {
			continue
		}
		listener, err := listen(ctx, l.role, l.address)
		if err != nil {
			return err
		}
		s := &server{role: l.role, listener: listener}
		// References to images of a registry on loopback are read as plain HTTP.
		if s.role != roleRegistry || s.open() {
			s.certificate = a.certificate
		}
		a.servers = append(a.servers, s)
		a.onClose(func() error {
			// A server that ran has closed it already.
			_ = listener.Close()
			return nil
		})
	}
	return nil
}

// checkEvery is how often, at most, the database is tried out.
const checkEvery = 5 * time.Second

// measure makes what all roles tell about themselves with.
func (a *App) measure(ctx context.Context) (err error) {
	a.registry = prometheus.NewRegistry()
	a.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	a.metrics = api.NewMetrics(a.registry)
	a.traces, err = newTracing(ctx, &a.options)
	a.onClose(a.traces.close)
	return err
}

// build makes the roles and gives each listener its handler.
func (a *App) build(ctx context.Context) error {
	var db *store.Store
	if a.options.needsData() {
		if err := makeDataDir(a.options.DataDir); err != nil {
			return err
		}
	}
	switch {
	case a.options.keeps():
		var err error
		if db, err = store.Connect(ctx, a.options.DataDir, a.options.Database); err != nil {
			return err
		}
		a.onClose(db.Close)
		a.database = db.Location()
		a.checks = []api.Check{
			api.Remember(api.Check{Name: "database", Run: db.Check}, checkEvery),
			{Name: "disk", Run: db.CheckDisk},
		}
		if err := a.buildAccess(db); err != nil {
			return err
		}
	case a.options.needsData(): // the built-in registry alone
		lock, err := store.LockDir(a.options.DataDir)
		if err != nil {
			return err
		}
		a.onClose(lock.Close)
	}
	catalog, err := a.buildMarketplace(db)
	if err != nil {
		return err
	}
	return errors.Join(a.buildEngine(ctx, db, catalog), a.buildDashboard(), a.buildRegistry())
}

// buildMarketplace returns where the engine finds addons: the marketplace of
// this process unless another was named.
func (a *App) buildMarketplace(db *store.Store) (graft.Catalog, error) {
	var catalog graft.Catalog
	if a.options.has(RoleMarketplace) {
		reach, err := a.reach()
		if err != nil {
			return nil, err
		}
		roots, err := a.options.roots()
		if err != nil {
			return nil, err
		}
		options := market.Options{
			Store:    db,
			Resolver: verify.New(verify.Options{Reach: reach, Roots: roots}),
			Manual:   a.options.Review == ReviewManual,
			Log:      a.options.Log.With("role", RoleMarketplace),
			Metrics:  a.registry,
		}
		asReplica(&options)
		m := market.New(options)
		a.work = append(a.work, m.Run)
		if err := a.serve(RoleMarketplace, api.NewMarketplace(m, a.apiOptions())); err != nil {
			return nil, err
		}
		catalog = m
	}
	if a.options.Marketplace == "" {
		return catalog, nil
	}
	return a.client()
}

func (a *App) buildEngine(ctx context.Context, db *store.Store, catalog graft.Catalog) error {
	if !a.options.has(RoleEngine) {
		return nil
	}
	if err := db.LockEngine(ctx); err != nil {
		return err
	}
	a.work = append(a.work, db.KeepEngine)
	log := a.options.Log.With("role", RoleEngine)
	runtime := a.options.Driver
	var portTaken func(driver.Port) bool
	if runtime == nil {
		d, err := docker.New(docker.Options{Host: a.options.DockerHost, Log: log})
		if err != nil {
			return err
		}
		a.onClose(d.Close)
		if runtime = d; d.PublishesHere() {
			portTaken = engine.NewPortProbe()
		}
	}
	e, err := engine.New(engine.Options{
		Store: db, Driver: runtime, Catalog: catalog,
		Plane: a.options.Plane, Project: a.options.Project, Network: a.options.Network,
		IDLabel: a.options.IDLabel, ServiceLabel: a.options.ServiceLabel,
		Resync: a.options.Resync, Retries: a.options.Retries, Log: log, PortTaken: portTaken,
		Metrics: a.registry, Tracer: a.traces.tracer("github.com/graftplatform/graft/internal/engine"),
	})
	if err != nil {
		return err
	}
	a.work = append(a.work, e.Run)
	options := a.apiOptions()
	options.Plane = a.options.Plane
	return a.serve(RoleEngine, api.NewEngine(e, options))
}

func (a *App) buildDashboard() error {
	if !a.options.has(RoleDashboard) {
		return nil
	}
	marketplace, err := a.marketplaceHTTP()
	if err != nil {
		return err
	}
	engine := http.DefaultClient
	if a.certificate != nil {
		engine = a.certificate.client()
	}
	handler, err := web.New(web.Options{
		Marketplace: web.Server{URL: a.marketplaceURL(), HTTPClient: marketplace},
		Engine:      web.Server{URL: a.URLs()[RoleEngine], HTTPClient: engine},
		Plane:       a.options.Plane, Version: version.String(),
		Log: a.options.Log.With("role", RoleDashboard), Stopping: a.stopping,
	})
	if err != nil {
		return err
	}
	return a.serve(RoleDashboard, handler)
}

func (a *App) buildRegistry() error {
	if a.options.RegistryListen == "" {
		return nil
	}
	handler, err := registry.New(filepath.Join(a.options.DataDir, "registry"), a.options.Log.With("role", roleRegistry))
	if err != nil {
		return err
	}
	return a.serve(roleRegistry, handler)
}

// client reads the marketplace as anybody may: without a token.
func (a *App) client() (*client.Client, error) {
	caller, err := a.marketplaceHTTP()
	if err != nil {
		return nil, err
	}
	return client.New(client.Options{Marketplace: a.marketplaceURL(), HTTPClient: caller, UserAgent: "graft/" + version.String()})
}

// marketplaceHTTP is how the marketplace is called: its certificate has to be this
// process's own, or signed by one that is trusted.
func (a *App) marketplaceHTTP() (*http.Client, error) {
	if a.options.Marketplace == "" && a.certificate != nil {
		return a.certificate.client(), nil
	}
	roots, err := a.options.roots()
	if err != nil || roots == nil {
		return http.DefaultClient, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return &http.Client{Transport: transport}, nil
}

func (a *App) marketplaceURL() string {
	if a.options.Marketplace != "" {
		return a.options.Marketplace
	}
	return a.URLs()[RoleMarketplace]
}

func (a *App) apiOptions() api.Options {
	o := a.access
	o.Version, o.Origins, o.Stopping = version.String(), a.options.CORSOrigins, a.stopping
	o.Log, o.Metrics, o.Checks = a.options.Log, a.metrics, a.checks
	return o
}

// serve gives the role's listener its handler.
func (a *App) serve(role string, handler http.Handler) error {
	for _, s := range a.servers {
		if s.role == role {
			handler, err := a.shielded(s, handler)
			if err != nil {
				return err
			}
			s.http = newHTTPServer(role, a.traces.handler(role, a.metrics.Count(role, handler)), a.options.Log)
			if s.certificate != nil {
				s.http.TLSConfig = s.certificate.config()
			}
		}
	}
	return nil
}

// URLs returns where each role (and the built-in registry, as "registry") is
// reached from this host.
func (a *App) URLs() map[string]string {
	urls := make(map[string]string, len(a.servers))
	for _, s := range a.servers {
		urls[s.role] = s.url()
	}
	return urls
}

// Database returns where the database is, for people; empty: there is none.
func (a *App) Database() string { return a.database }

// Token returns the token that callers of the APIs need; empty: none.
func (a *App) Token() string { return a.token }

func (a *App) onClose(f func() error) { a.closers = append(a.closers, f) }
