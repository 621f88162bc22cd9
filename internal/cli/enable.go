package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
)

func (p *program) enableCommand() *cobra.Command {
	var w waiting
	cmd := &cobra.Command{
		Use:   "enable NAME|ID",
		Short: "Put a disabled addon into service again",
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
			if i, err = c.Enable(cmd.Context(), i.ID); err != nil {
				return err
			}
			if !w.wait {
				return p.print(i, func(w io.Writer) { printInstallation(w, i) })
			}
			i, err = p.followInstallation(cmd.Context(), c, i, &w)
			return p.finishInstallation(i, graft.StatusActive, err)
		},
	}
	w.register(cmd)
	return cmd
}
