package cli

import (
	"context"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/version"
)

// versions is the outcome of the version command.
type versions struct {
	Version  string          `json:"version"`
	Go       string          `json:"go"`
	Platform string          `json:"platform"`
	Servers  []serverVersion `json:"servers,omitempty"`
}

type serverVersion struct {
	Server  client.Server `json:"server"`
	URL     string        `json:"url"`
	Version string        `json:"version,omitempty"`
	Plane   graft.Plane   `json:"plane,omitempty"`
	Error   string        `json:"error,omitempty"`
}

func (p *program) versionCommand() *cobra.Command {
	var servers bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  noArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versions{Version: version.String(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			var failed error
			if servers {
				v.Servers, failed = p.serverVersions(cmd.Context())
			}
			if err := p.print(v, v.printTable); err != nil {
				return err
			}
			return failed
		},
	}
	cmd.Flags().BoolVar(&servers, "servers", false, "ask the marketplace and the engine for theirs, too")
	return cmd
}

// serverVersions asks both servers. The error is the last of those that are in
// the list, too.
func (p *program) serverVersions(ctx context.Context) ([]serverVersion, error) {
	market, err := p.marketClient()
	if err != nil {
		return nil, err
	}
	engine, err := p.engineClient()
	if err != nil {
		return nil, err
	}
	var failed error
	ask := func(c *client.Client, server client.Server, url string) serverVersion {
		s := serverVersion{Server: server, URL: url}
		v, err := c.Version(ctx, server)
		if err != nil {
			s.Error, failed = err.Error(), err
			return s
		}
		s.Version, s.Plane = v.Version, v.Plane
		return s
	}
	list := []serverVersion{
		ask(market, client.Marketplace, p.flags.marketplaceURL()),
		ask(engine, client.Engine, p.flags.engineURL()),
	}
	return list, failed
}

func (v versions) printTable(w io.Writer) {
	row(w, "graft", v.Version, v.Go, v.Platform)
	for _, s := range v.Servers {
		if s.Error == "" {
			row(w, string(s.Server), s.Version, s.URL, string(s.Plane))
		} else {
			row(w, string(s.Server), "", s.URL, s.Error)
		}
	}
}
