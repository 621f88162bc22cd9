package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/app"
	"github.com/graftplatform/graft/internal/driver"
)

// upFlags are the flags of the up command that are no plain field of
// app.Options.
type upFlags struct {
	options   app.Options
	retries   int
	logLevel  string
	logFormat string
}

func (p *program) upCommand() *cobra.Command {
	var up upFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the marketplace, the engine and the dashboard, until told to stop",
		Long: `Run the marketplace, the engine and the dashboard in this process, or those of
them that --roles names, until SIGINT or SIGTERM.

The environment variables of the old addons manager and marketplace still work:
ADDON_MARKETPLACE_PORT, ADDONS_MANAGER_PORT, MARKETPLACE_ADDR,
ORCHESTRATION_PLANE, DEFAULT_PROJECT_NAME, MAX_CONTAINER_RETRIES,
ADDONS_ID_LABEL and ADDONS_SERVICE_NAME_LABEL. GRAFT_* variables beat them.`,
		Example: `  graft up
  graft up --roles engine,dashboard --plane cluster --marketplace http://root.example:11102`,
		Args: noArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.completeUp(&up); err != nil {
				return err
			}
			return p.serve(cmd.Context(), up.options)
		},
	}
	up.register(cmd.Flags())
	return cmd
}

func (u *upFlags) register(flags *pflag.FlagSet) {
	o := &u.options
	roles := []string{app.RoleMarketplace, app.RoleEngine, app.RoleDashboard}
	flags.StringSliceVar(&o.Roles, "roles", roles, "`roles` that this process runs")
	databaseFlag(flags, &o.Database)
	flags.StringVar(&o.MarketplaceListen, "marketplace-listen", loopback+marketplacePort, "`address` of the marketplace")
	flags.StringVar(&o.EngineListen, "engine-listen", "", "`address` of the engine (default 127.0.0.1:11101, for --plane cluster :11201)")
	flags.StringVar(&o.DashboardListen, "dashboard-listen", "", "`address` of the dashboard (default 127.0.0.1:11103, for --plane cluster :11203)")
	flags.StringVar(&o.RegistryListen, "registry-listen", "", "`address` of the built-in registry for images (default: there is none)")
	flags.StringVar(&o.DockerHost, "docker-host", "", "`URL` of the Docker Engine (default DOCKER_HOST, else the local socket)")
	u.registerAccess(flags)
	flags.StringVar(&o.Review, "review", app.ReviewAuto, "what becomes of addons that passed their checks: auto (they are approved) or manual\n(a reviewer decides)")
	flags.StringSliceVar(&o.CORSOrigins, "cors-origin", nil, "`origin` whose pages may call the APIs; may be given often")
	flags.StringSliceVar(&o.AllowRegistries, "allow-registry", nil, "`registry`, as HOST[:PORT], whose images are verified even if its address is not\npublic; may be given often")
	flags.StringSliceVar(&o.AllowedHosts, "allowed-host", nil, "host `name` by which clients may call this process; may be given often")
	flags.StringVar(&o.Project, "project", "", "compose `project` of the orchestrator's components (default <plane>_orchestrator)")
	flags.StringVar(&o.Network, "network", graft.DefaultNetwork, "`network` of the orchestrator")
	flags.StringVar(&o.IDLabel, "id-label", driver.AddonIDLabel, "`label` of containers for the installation's id")
	flags.StringVar(&o.ServiceLabel, "service-label", driver.ServiceNameLabel, "`label` of containers for the service's name")
	flags.DurationVar(&o.Resync, "resync", 30*time.Second, "look at everything this often even if nothing seems to have changed")
	flags.IntVar(&u.retries, "max-container-retries", 5, "start a container again this often within ten minutes; then it rests, or makes\nroom for the component that it replaced")
	flags.StringVar(&u.logLevel, "log-level", "info", "least `level` of what is logged: debug, info, warn or error")
	flags.StringVar(&u.logFormat, "log-format", "text", "`format` of the log: text or json")
	flags.VisitAll(func(f *pflag.Flag) { setting(flags, f.Name) })
}

// completeUp fills in what depends on other flags.
func (p *program) completeUp(u *upFlags) error {
	o := &u.options
	o.Plane = graft.Plane(p.flags.plane)
	o.DataDir = p.flags.dataDir
	o.TLSCA = p.flags.tlsCA
	o.Marketplace = p.flags.marketplace
	if len(o.Roles) == 0 {
		return usagef("--roles names none: choose from %s, %s and %s", app.RoleMarketplace, app.RoleEngine, app.RoleDashboard)
	}
	engine, dashboard := enginePort, dashboardPort
	if p.flags.cluster() {
		engine, dashboard = clusterEnginePort, clusterDashboardPort
	}
	if o.EngineListen == "" {
		o.EngineListen = loopback + engine
	}
	if o.DashboardListen == "" {
		o.DashboardListen = loopback + dashboard
	}
	if o.Marketplace == "" && !slices.Contains(o.Roles, app.RoleMarketplace) {
		o.Marketplace = p.flags.marketplaceURL()
	}
	if o.Resync <= 0 {
		return usagef("--resync %v: use a time above zero", o.Resync)
	}
	o.Traces = p.tracesURL()
	if o.Retries = u.retries; u.retries < 0 {
		return usagef("--max-container-retries %d: use 0 or more", u.retries)
	} else if u.retries == 0 {
		o.Retries = -1
	}
	var err error
	o.Log, err = newLog(p.stderr, u.logLevel, u.logFormat)
	return err
}

// tracesURL is where OpenTelemetry's own variables say that spans are to go.
func (p *program) tracesURL() string {
	if strings.EqualFold(p.getenv("OTEL_SDK_DISABLED"), "true") || p.getenv("OTEL_TRACES_EXPORTER") == "none" {
		return ""
	}
	if url := p.getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"); url != "" {
		return url
	}
	if base := p.getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); base != "" {
		return strings.TrimSuffix(base, "/") + "/v1/traces"
	}
	return ""
}

func newLog(w io.Writer, level, format string) (*slog.Logger, error) {
	options := &slog.HandlerOptions{}
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, usagef("there is no log level %q: use debug, info, warn or error", level)
	}
	options.Level = least
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, usagef("there is no log format %q: use text or json", format)
}

// up runs until ctx ends.
func (p *program) up(ctx context.Context, o app.Options) error {
	a, err := app.New(ctx, o)
	if err != nil {
		if graft.ErrorCode(err) == graft.CodeInvalid {
			return &usageError{err}
		}
		return &failedError{err} // a port or the data may be somebody else's
	}
	p.announce(o, a)
	return a.Run(ctx)
}

// announce prints where everything is.
func (p *program) announce(o app.Options, a *app.App) {
	var lines strings.Builder
	urls := a.URLs()
	for _, role := range slices.Sorted(maps.Keys(urls)) {
		fmt.Fprintf(&lines, "%-12s %s\n", role, urls[role])
	}
	fmt.Fprintf(&lines, "%-12s %s\n", "data", o.DataDir)
	if o.Database != "" && a.Database() != "" {
		fmt.Fprintf(&lines, "%-12s %s\n", "database", a.Database())
	}
	if o.Auth != app.AuthNone {
		if at := urls[app.RoleDashboard]; at != "" {
			fmt.Fprintf(&lines, "%-12s %s\n", "sign in", p.dashboardCall(at))
		}
		fmt.Fprintf(&lines, "%-12s %s\n", "token", filepath.Join(o.DataDir, app.TokenFile))
	}
	fmt.Fprint(p.stdout, lines.String())
}

// dashboardCall is the command that opens the dashboard at that URL, signed in by the
// token of this process.
func (p *program) dashboardCall(at string) string {
	call := "graft dashboard"
	if at != (&globalFlags{}).dashboardURL() {
		call += " --dashboard " + at
	}
	if p.flags.dataDir != p.defaultDataDir() {
		call += " --data-dir " + p.flags.dataDir
	}
	return call
}
