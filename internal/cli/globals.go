package cli

import (
	"crypto/x509"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/version"
)

const (
	loopback = "127.0.0.1:" // what ports listen on, and where servers are looked for

	marketplacePort      = "11102"
	enginePort           = "11101"
	clusterEnginePort    = "11201"
	dashboardPort        = "11103"
	clusterDashboardPort = "11203"
)

// globalFlags are the flags of every command.
type globalFlags struct {
	config      string
	dashboard   string
	dataDir     string
	engine      string
	marketplace string
	output      string
	plane       string
	tlsCA       string
}

func (g *globalFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&g.config, "config", "", "configuration `file` (default ./graft.yaml if there is one)")
	flags.StringVar(&g.dashboard, "dashboard", "", "`URL` of the dashboard (default http://127.0.0.1:11103, for --plane cluster :11203)")
	flags.StringVar(&g.dataDir, "data-dir", "", "`directory` of the data and the token (default /var/lib/graft for root,\nelse ~/.local/share/graft)")
	flags.StringVar(&g.engine, "engine", "", "`URL` of the engine (default http://127.0.0.1:11101, for --plane cluster :11201)")
	flags.StringVar(&g.marketplace, "marketplace", "", "`URL` of the marketplace (default http://127.0.0.1:11102)")
	flags.StringVarP(&g.output, "output", "o", outputTable, "`format` of the output: table, json or yaml")
	flags.StringVar(&g.plane, "plane", string(graft.PlaneRoot), "`plane` of the orchestrator: root or cluster")
	flags.StringVar(&g.tlsCA, "tls-ca", "", "`file` with certificates, in PEM, that those of servers may be signed by, besides\nthe authorities that the system trusts; \"up\" trusts them for its marketplace,\nregistries and issuers of tokens")
	setting(flags, "dashboard", "data-dir", "engine", "marketplace", "output", "plane", "tls-ca")
}

// complete checks the flags.
func (g *globalFlags) complete(p *program) error {
	switch g.output {
	case outputTable, outputJSON, outputYAML:
	default:
		return usagef("there is no output format %q: use table, json or yaml", g.output)
	}
	switch graft.Plane(g.plane) {
	case graft.PlaneRoot, graft.PlaneCluster:
	default:
		return usagef("there is no plane %q: use root or cluster", g.plane)
	}
	if g.dataDir == "" {
		g.dataDir = p.defaultDataDir()
	}
	return nil
}

// defaultDataDir is empty for a user without a home.
func (p *program) defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/graft"
	}
	if data := p.getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "graft")
	}
	if home := p.getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "share", "graft")
	}
	return ""
}

func (g *globalFlags) cluster() bool { return graft.Plane(g.plane) == graft.PlaneCluster }

func (g *globalFlags) engineURL() string {
	switch {
	case g.engine != "":
		return g.engine
	case g.cluster():
		return "http://" + loopback + clusterEnginePort
	}
	return "http://" + loopback + enginePort
}

func (g *globalFlags) dashboardURL() string {
	switch {
	case g.dashboard != "":
		return g.dashboard
	case g.cluster():
		return "http://" + loopback + clusterDashboardPort
	}
	return "http://" + loopback + dashboardPort
}

func (g *globalFlags) marketplaceURL() string {
	if g.marketplace != "" {
		return g.marketplace
	}
	return "http://" + loopback + marketplacePort
}

// engineClient returns a client for the engine only, so that it can have a
// token of its own.
func (p *program) engineClient() (*client.Client, error) {
	return p.client(client.Options{Engine: p.flags.engineURL()}, p.flags.engineURL())
}

// marketClient returns a client for the marketplace only.
func (p *program) marketClient() (*client.Client, error) {
	return p.client(client.Options{Marketplace: p.flags.marketplaceURL()}, p.flags.marketplaceURL())
}

func (p *program) client(o client.Options, url string) (*client.Client, error) {
	o.UserAgent = userAgent()
	o.Token = p.token.forServer(url, p.flags.dataDir)
	var err error
	if o.CA, err = p.ca(); err != nil {
		return nil, err
	}
	c, err := client.New(o)
	if err != nil {
		return nil, &usageError{err}
	}
	return c, nil
}

func userAgent() string { return "graft/" + version.String() }

// ca returns the certificates that --tls-ca names, in PEM; none without it.
func (p *program) ca() ([]byte, error) {
	if p.flags.tlsCA == "" {
		return nil, nil
	}
	ca, err := os.ReadFile(p.flags.tlsCA)
	if err != nil {
		return nil, usagef("--tls-ca: %v", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(ca) {
		return nil, usagef("--tls-ca %s has no certificate in it: it must be PEM, beginning with -----BEGIN CERTIFICATE-----", p.flags.tlsCA)
	}
	return ca, nil
}
