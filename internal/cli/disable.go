package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
)

func (p *program) disableCommand() *cobra.Command {
	var w waiting
	cmd := &cobra.Command{
		Use:   "disable NAME|ID",
		Short: "Take an installed addon out of service, and put back what it replaced",
		Long: `Take an installed addon out of service: its containers are removed, and the
components that its plugins replaced come back. "graft enable" undoes it.`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.engineClient()
			if err != nil {
				return err
			}
			before, err := p.findInstallation(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			i, err := c.Disable(cmd.Context(), before.ID)
			if err != nil {
				return err
			}
			if !w.wait {
				return p.print(i, func(w io.Writer) { printInstallation(w, i) })
			}
			i, err = p.followInstallation(cmd.Context(), c, i, &w)
			if err := p.finishInstallation(i, graft.StatusDisabled, err); err != nil {
				return err
			}
			back, err := restored(cmd.Context(), c, before)
			if err == nil && p.flags.output == outputTable {
				printRestored(p.stdout, back)
			}
			return err
		},
	}
	w.register(cmd)
	return cmd
}
