package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
)

func (p *program) installCommand() *cobra.Command {
	var w waiting
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "install NAME|ID",
		Short: "Install an addon of the marketplace on this orchestrator",
		Long: `Install an addon of the marketplace on this orchestrator: by its id, or by its
name the newest approved one.

It fails unless every service runs; the reasons and the last log lines are
printed.`,
		Example: "  graft install hello\n  graft install --dry-run scheduler",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := p.marketplaceID(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if dryRun {
				return p.planInstall(cmd.Context(), id)
			}
			return p.install(cmd.Context(), id, &w)
		},
	}
	w.register(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only print what would be done")
	return cmd
}

// marketplaceID returns the id of the addon to be installed. An id needs no
// question: the engine asks its own marketplace for it.
func (p *program) marketplaceID(ctx context.Context, nameOrID string) (string, error) {
	if id, ok := graft.ParseID(nameOrID); ok {
		return id, nil
	}
	c, err := p.marketClient()
	if err != nil {
		return "", err
	}
	addon, err := p.findAddon(ctx, c, nameOrID)
	if err != nil {
		return "", err
	}
	return addon.ID, nil
}

func (p *program) install(ctx context.Context, marketplaceID string, w *waiting) error {
	c, err := p.engineClient()
	if err != nil {
		return err
	}
	i, err := c.Install(ctx, marketplaceID)
	if err != nil {
		return p.noSuchAddon(err, marketplaceID)
	}
	if !w.wait {
		return p.print(i, func(w io.Writer) { printInstallation(w, i) })
	}
	i, err = p.followInstallation(ctx, c, i, w)
	return p.finishInstallation(i, graft.StatusActive, err)
}

func (p *program) planInstall(ctx context.Context, marketplaceID string) error {
	c, err := p.engineClient()
	if err != nil {
		return err
	}
	plan, err := c.PlanInstall(ctx, marketplaceID)
	if err != nil {
		return p.noSuchAddon(err, marketplaceID)
	}
	return p.print(plan, func(w io.Writer) { printPlan(w, plan) })
}

// noSuchAddon says which addon was not found, and where; servers don't.
func (p *program) noSuchAddon(err error, marketplaceID string) error {
	if graft.ErrorCode(err) != graft.CodeNotFound {
		return err
	}
	return graft.WrapError(graft.CodeNotFound, err, "the marketplace that the engine at %s asks has no addon with the id %s\n\"graft search\" lists those that can be installed",
		p.flags.engineURL(), marketplaceID)
}
