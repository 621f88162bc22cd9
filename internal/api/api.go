// Package api serves the HTTP APIs of the marketplace and of the engine. All
// routes are in routes.go; errors.go has the one mapping from error codes to
// HTTP statuses.
package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/outage"
)

// Market is what the marketplace's API needs.
type Market interface {
	Catalogue
	Publishing
	Reviewing
}

// Catalogue shows what there is.
type Catalogue interface {
	Addon(ctx context.Context, id string) (*graft.Addon, error)
	// WaitAddon returns the addon as soon as its revision is beyond since, or
	// as it is when ctx ends.
	WaitAddon(ctx context.Context, id string, since int64) (*graft.Addon, error)
	// EachApproved calls fn with the JSON document of every approved addon, or
	// of those of that name. The document is valid during the call.
	EachApproved(ctx context.Context, name string, fn func(document []byte) error) error
	// Page returns a page of the addons that a query chooses, as JSON, and
	// the cursor of the next one.
	Page(ctx context.Context, q *graft.AddonQuery) (documents []string, next string, err error)
	Name(ctx context.Context, name string) (*graft.Name, error)
	// Versions returns those of a name, the highest first.
	Versions(ctx context.Context, name string) ([]graft.Version, error)
	// Choose returns the approved addon of a name that a range of versions
	// chooses.
	Choose(ctx context.Context, name, versionRange string) (*graft.Addon, error)
}

// Publishing is what publishers do with what is theirs.
type Publishing interface {
	Publish(ctx context.Context, by graft.Principal, d *graft.Descriptor, warnings graft.Problems) (*graft.Addon, error)
	Delete(ctx context.Context, by graft.Principal, id string) error
	Verify(ctx context.Context, by graft.Principal, id string) (*graft.Addon, error)
	Yank(ctx context.Context, by graft.Principal, id, message string) (*graft.Addon, error)
	Unyank(ctx context.Context, by graft.Principal, id string) (*graft.Addon, error)
	Deprecate(ctx context.Context, by graft.Principal, id, message string) (*graft.Addon, error)
	Undeprecate(ctx context.Context, by graft.Principal, id string) (*graft.Addon, error)
}

// Reviewing is what is decided about addons and names by those who are not their
// publishers.
type Reviewing interface {
	Approve(ctx context.Context, by graft.Principal, id string, request graft.ReviewRequest) (*graft.Addon, error)
	Reject(ctx context.Context, by graft.Principal, id string, request graft.ReviewRequest) (*graft.Addon, error)
	SetPublisher(ctx context.Context, name, publisher string) (*graft.Name, error)
}

// Engine is what the engine's API needs.
type Engine interface {
	Installations
	Operations
	Journal
	Policies
}

// Installations are what users of an engine change and watch.
type Installations interface {
	Install(ctx context.Context, request graft.InstallRequest) (*graft.Installation, error)
	Installation(ctx context.Context, id string) (*graft.Installation, error)
	// WaitInstallation returns the installation as soon as its revision is
	// beyond since, or as it is when ctx ends.
	WaitInstallation(ctx context.Context, id string, since int64) (*graft.Installation, error)
	// Installations returns those with that status, or all.
	Installations(ctx context.Context, status string) ([]graft.Installation, error)
	SetDesired(ctx context.Context, id string, desired graft.DesiredState) (*graft.Installation, error)
	// Upgrade makes another version of its addon the one that an installation is to
	// run.
	Upgrade(ctx context.Context, id string, request graft.InstallRequest) (*graft.Installation, error)
	// Delete returns nil without an error when the installation is gone, else
	// the installation, which is only being disabled.
	Delete(ctx context.Context, id string, keepData bool) (*graft.Installation, error)
	// Uninstall is Delete for one that goes on by itself once it is disabled.
	Uninstall(ctx context.Context, id string, keepData bool) (*graft.Installation, error)
}

// Operations show what an engine does and sees.
type Operations interface {
	PlanInstall(ctx context.Context, request graft.InstallRequest) (*graft.Plan, error)
	PlanUpgrade(ctx context.Context, id string, request graft.InstallRequest) (*graft.Plan, error)
	Plan(ctx context.Context, id string) (*graft.Plan, error)
	PlanRemoval(ctx context.Context, id string, keepData bool) (*graft.Plan, error)
	Components(ctx context.Context) ([]graft.Component, error)
	// Stats returns what the services' containers use just now; CodeNotFound where
	// the runtime can't tell.
	Stats(ctx context.Context) ([]graft.ServiceUsage, error)
	// Logs writes whole lines, each after its service's name.
	Logs(ctx context.Context, id, service string, options driver.LogOptions, w io.Writer) error
	// Ready returns why the engine can't do its work just now.
	Ready(ctx context.Context) error
}

// Policies are what an engine's operators let addons do to its host.
type Policies interface {
	Policy(ctx context.Context) (*graft.Policy, error)
	// SetPolicy replaces the policy as a whole; what it leaves out gets its default.
	SetPolicy(ctx context.Context, policy graft.Policy) (*graft.Policy, error)
}

// Journal is what happened, and what happens, to an installation, or to all with
// an empty id.
type Journal interface {
	// Events calls fn for what is kept after that id, then for what comes, until
	// the installation is removed or ctx ends (nil), or fn fails.
	Events(ctx context.Context, installationID string, after int64, fn func(graft.Event) error) error
	// PastEvents is Events for what is kept.
	PastEvents(ctx context.Context, installationID string, after int64, fn func(graft.Event) error) error
	// EventBefore returns the id after which the last n come that are kept.
	EventBefore(ctx context.Context, installationID string, n int) (int64, error)
	// EventRange returns the ids of the oldest and newest event that are kept,
	// of whatever installation, and of one that is no more that of its last
	// event; zero while others may come.
	EventRange(ctx context.Context, installationID string) (oldest, newest, end int64, err error)
}

// Options are the settings that both APIs share.
type Options struct {
	Version string
	Plane   graft.Plane // of the engine
	// Auth knows the callers; nil: everybody may do everything.
	Auth Authenticator
	// Tokens are those that are managed here; the routes of tokens need it.
	Tokens Tokens
	// Audit keeps what was changed; nil: nothing is kept, and its route fails.
	Audit AuditLog
	// Origins are those whose pages may call the API from a browser, "*" for
	// all of them; nil: the dashboards on this host.
	Origins []string
	// Stopping ends long polls and log streams when it is closed; it may be nil.
	Stopping <-chan struct{}
	Log      *slog.Logger // nil: none
	// Metrics is what /metrics answers; nil: nothing.
	Metrics *Metrics
	// Checks are what a server needs besides its own work to be ready.
	Checks []Check
}

// NewMarketplace returns the marketplace's API.
func NewMarketplace(market Market, options Options) http.Handler {
	s := newService("marketplace", options)
	s.routes = compile(marketplaceRoutes(s, &marketplace{service: s, market: market}))
	return s
}

// NewEngine returns the engine's API.
func NewEngine(e Engine, options Options) http.Handler {
	s := newService("engine", options)
	s.routes = compile(engineRoutes(s, &engine{service: s, engine: e}))
	return s
}

// service is what the two APIs have in common.
type service struct {
	Options
	role     string
	routes   []compiledRoute
	places   places
	document func() ([]byte, error) // OpenAPI
	away     *outage.Log            // what requests need
}

func newService(role string, options Options) *service {
	if options.Origins == nil {
		options.Origins = DefaultOrigins()
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Metrics == nil {
		options.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	return &service{
		Options:  options,
		role:     role,
		places:   newPlaces(),
		document: openAPI(role),
		away:     outage.New(options.Log),
	}
}
