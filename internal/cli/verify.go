package cli

import (
	"io"

	"github.com/spf13/cobra"
)

func (p *program) verifyCommand() *cobra.Command {
	var w waiting
	cmd := &cobra.Command{
		Use:   "verify NAME[@VERSION]|ID",
		Short: "Have an addon of the marketplace verified again",
		Long: `Have an addon of the marketplace verified again: by its publisher, a reviewer or
an administrator. One that is approved stays so meanwhile, and what is installed
stays what was verified first.`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.marketClient()
			if err != nil {
				return err
			}
			addon, err := p.findAddon(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if addon, err = c.VerifyAgain(cmd.Context(), addon.ID); err != nil {
				return err
			}
			if w.wait {
				addon, err = p.followAddon(cmd.Context(), c, addon, &w)
			}
			if printed := p.print(addon, func(w io.Writer) { printPublished(w, addon) }); printed != nil {
				return printed
			}
			if err == nil {
				err = notApproved(addon)
			}
			return err
		},
	}
	w.register(cmd)
	return cmd
}
