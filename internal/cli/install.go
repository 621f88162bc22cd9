package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
)

func (p *program) installCommand() *cobra.Command {
	var w waiting
	var dryRun bool
	var request graft.InstallRequest
	cmd := &cobra.Command{
		Use:   "install NAME[@VERSION]|ID",
		Short: "Install an addon of the marketplace on this orchestrator",
		Long: `Install an addon of the marketplace on this orchestrator: by its id, or by its
name the latest approved version, or the highest one in a range.

It fails unless every service runs; the reasons and the last log lines are
printed. With --plan it is refused unless it would do what "graft plan" showed
under that hash.

What an addon may do to the host, such as to use the Docker socket, needs your
consent: on a terminal you are asked, else --allow gives it. "graft show" and
"graft plan" list it.`,
		Example: "  graft install hello\n  graft install hello@^1.2\n  graft install --dry-run scheduler\n  graft install scheduler --plan sha256:…\n  graft install suite --allow docker_socket --allow host_path:/srv/suite",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkPlanFlags(request.Plan, dryRun); err != nil {
				return err
			}
			if err := checkAllow(request.Consent); err != nil {
				return err
			}
			id, err := p.marketplaceID(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			request.MarketplaceID = id
			if dryRun {
				return p.planInstall(cmd.Context(), args[0], request)
			}
			return p.install(cmd.Context(), args[0], request, &w)
		},
	}
	w.register(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only print what would be done")
	cmd.Flags().StringVar(&request.Plan, "plan", "", "install only if the plan still has this `hash`")
	registerSupersede(cmd, &request.Supersede)
	registerAllow(cmd, &request.Consent)
	return cmd
}

// checkPlanFlags returns what is wrong with --plan, if anything.
func checkPlanFlags(hash string, dryRun bool) error {
	switch {
	case hash == "":
	case dryRun:
		return usagef("--dry-run installs nothing, and --plan is for what is installed: use one of them")
	case !graft.IsPlanHash(hash):
		return usagef("%q is not the hash of a plan: sha256: and 64 hex digits, as \"graft plan\" prints it", hash)
	}
	return nil
}

func registerSupersede(cmd *cobra.Command, supersede *bool) {
	cmd.Flags().BoolVar(supersede, "supersede", false, "take the place of other addons' plugins, too; they come back afterwards")
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
	for _, note := range noticesOf(addon.Yanked, addon.Deprecated) {
		fmt.Fprintf(p.stderr, "note: %s %s is %s\n", addon.Name, addon.Version, note)
	}
	return addon.ID, nil
}

// install installs what was asked for under that name.
func (p *program) install(ctx context.Context, name string, request graft.InstallRequest, w *waiting) error {
	c, err := p.engineClient()
	if err != nil {
		return err
	}
	i, err := p.agreed(ctx, name, request, c.InstallWith)
	if err != nil {
		return p.noSuchAddon(err, request.MarketplaceID)
	}
	if !w.wait {
		return p.print(i, func(w io.Writer) { printInstallation(w, i) })
	}
	i, err = p.followInstallation(ctx, c, i, w)
	return p.finishInstallation(i, graft.StatusActive, err)
}

// noSuchAddon says which addon was not found, and where; servers don't.
func (p *program) noSuchAddon(err error, marketplaceID string) error {
	if graft.ErrorCode(err) != graft.CodeNotFound {
		return err
	}
	return graft.WrapError(graft.CodeNotFound, err, "the marketplace that the engine at %s asks has no addon with the id %s\n\"graft search\" lists those that can be installed",
		p.flags.engineURL(), marketplaceID)
}
