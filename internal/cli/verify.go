package cli

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
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
			addon, err := p.findVersion(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if addon, err = c.VerifyAgain(cmd.Context(), addon.ID); err != nil {
				return err
			}
			if before := checkedAt(addon); w.wait {
				addon, err = p.followAddonUntil(cmd.Context(), c, addon, &w, func(a *graft.Addon) bool {
					return settledAddon(a) && checkedAt(a).After(before)
				})
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

// checkedAt is when an addon was verified last; zero if it never was.
func checkedAt(a *graft.Addon) time.Time {
	if a.Verification == nil {
		return time.Time{}
	}
	return a.Verification.CheckedAt
}
