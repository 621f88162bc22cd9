package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
)

func (p *program) componentsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "components",
		Short: "List the components of the orchestrator that plugins can replace",
		Args:  noArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.engineClient()
			if err != nil {
				return err
			}
			components, err := c.Components(cmd.Context())
			if err != nil {
				return err
			}
			if components == nil {
				components = []graft.Component{}
			}
			return p.print(components, func(w io.Writer) { printComponents(w, components) })
		},
	}
}

func printComponents(w io.Writer, components []graft.Component) {
	row(w, "NAME", "CONTAINER", "STATE", "PORTS", "NETWORKS", "IMAGE", "REPLACED BY")
	for _, c := range components {
		var by string
		if c.ReplacedBy != nil {
			by = c.ReplacedBy.Service + " of " + c.ReplacedBy.Addon
		}
		row(w, c.Name, c.ContainerName, c.State, strings.Join(c.Ports, ", "), strings.Join(c.Networks, ", "), c.Image, by)
	}
}
