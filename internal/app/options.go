// Package app wires the roles of Graft together. It is the only place that
// does.
package app

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// Roles of a process.
const (
	RoleMarketplace = "marketplace"
	RoleEngine      = "engine"
	RoleDashboard   = "dashboard"
)

// Ways to review addons that passed their checks.
const (
	ReviewAuto   = "auto"   // they are approved
	ReviewManual = "manual" // a reviewer decides
)

// Options are the settings of a process, named after the flags of "graft up".
// Ports of 0 let the system choose; App tells which it was.
type Options struct {
	Roles             []string // empty: all
	Plane             graft.Plane
	DataDir           string
	Database          string // postgres://…; empty: SQLite in the data directory
	MarketplaceListen string // host:port
	EngineListen      string
	DashboardListen   string
	RegistryListen    string   // empty: no built-in registry
	Marketplace       string   // URL; empty: the one in this process
	DockerHost        string   // empty: DOCKER_HOST, else the local socket
	Review            string   // auto or manual; empty: auto
	CORSOrigins       []string // origins whose pages may call the APIs

	AccessOptions

	// AllowRegistries are registries, as HOST[:PORT], that images may be verified
	// in wherever they are; AllowedHosts are names by which clients may call this
	// process.
	AllowRegistries []string
	AllowedHosts    []string

	Project      string // compose project of this plane's components
	Network      string // the orchestrator's network
	IDLabel      string // label key for the installation id
	ServiceLabel string // label key for the service name
	Resync       time.Duration
	// Retries is how often a container may be started again within ten minutes
	// before it rests; 0: 5, negative: not once.
	Retries int
	Log     *slog.Logger // nil: none

	// Traces is the URL that spans are sent to, by OTLP over HTTP; empty: none
	// are made.
	Traces string

	// Driver runs containers; nil: the Docker Engine at DockerHost.
	Driver driver.Driver
}

// complete fills in what is not set and says what is wrong.
func (o *Options) complete() error {
	if len(o.Roles) == 0 {
		o.Roles = []string{RoleMarketplace, RoleEngine, RoleDashboard}
	}
	setDefault(&o.Plane, graft.PlaneRoot)
	setDefault(&o.Review, ReviewAuto)
	setDefault(&o.Project, string(o.Plane)+"_orchestrator")
	setDefault(&o.Network, graft.DefaultNetwork)
	setDefault(&o.IDLabel, driver.AddonIDLabel)
	setDefault(&o.ServiceLabel, driver.ServiceNameLabel)
	setDefault(&o.Resync, 30*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := o.AccessOptions.complete(); err != nil {
		return err
	}
	for i, origin := range o.CORSOrigins {
		o.CORSOrigins[i] = strings.TrimSuffix(origin, "/")
	}
	return o.check()
}

func (o *Options) check() error {
	for _, role := range o.Roles {
		if !slices.Contains([]string{RoleMarketplace, RoleEngine, RoleDashboard}, role) {
			return graft.Errorf(graft.CodeInvalid, "there is no role %q: choose from %s, %s and %s with --roles",
				role, RoleMarketplace, RoleEngine, RoleDashboard)
		}
	}
	switch {
	case o.Plane != graft.PlaneRoot && o.Plane != graft.PlaneCluster:
		return graft.Errorf(graft.CodeInvalid, "there is no plane %q: choose %s or %s with --plane", o.Plane, graft.PlaneRoot, graft.PlaneCluster)
	case o.Review != ReviewAuto && o.Review != ReviewManual:
		return graft.Errorf(graft.CodeInvalid, "there is no way to review called %q: choose %s or %s with --review", o.Review, ReviewAuto, ReviewManual)
	case o.needsData() && o.DataDir == "":
		return graft.Errorf(graft.CodeInvalid, "there is no data directory: name one with --data-dir")
	case o.Marketplace == "" && !o.has(RoleMarketplace):
		return graft.Errorf(graft.CodeInvalid, "this process has no marketplace of its own: give the URL of one with --marketplace")
	}
	return nil
}

func (o *Options) has(role string) bool { return slices.Contains(o.Roles, role) }

// keeps is whether anything here has to be remembered in a database.
func (o *Options) keeps() bool { return o.has(RoleMarketplace) || o.has(RoleEngine) }

func (o *Options) needsData() bool { return o.keeps() || o.RegistryListen != "" }

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
