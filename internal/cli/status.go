package cli

import (
	"io"

	"github.com/spf13/cobra"
)

func (p *program) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status NAME|ID",
		Short: "Show an installed addon and its services",
		Args:  oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.engineClient()
			if err != nil {
				return err
			}
			i, err := p.findInstallation(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			return p.print(i, func(w io.Writer) { printInstallation(w, i) })
		},
	}
}
