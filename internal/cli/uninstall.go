package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// removal is the outcome of the uninstall command. Volumes are what became of the
// addon's; they are absent until it is removed, and when nobody knows.
type removal struct {
	ID       string                `json:"_id"`
	Name     string                `json:"name"`
	Removed  bool                  `json:"removed"`
	Restored []graft.Component     `json:"restored"`
	Volumes  []graft.PlannedVolume `json:"volumes,omitempty"`

	disabledOnly, keepData bool
}

// uninstalling is how somebody wants something uninstalled.
type uninstalling struct {
	waiting

	keepData, dryRun bool
}

func (p *program) uninstallCommand() *cobra.Command {
	var u uninstalling
	cmd := &cobra.Command{
		Use:   "uninstall NAME|ID",
		Short: "Remove an installed addon, and put back what it replaced",
		Long: `Remove an installed addon: it is disabled first, so that the components which
its plugins replaced come back, and then removed.

Its volumes are removed, with what is in them. With --keep-data they stay as they
are: when an addon of the same name is installed again, it takes over those that
it has a volume for. Until then nothing touches them; "docker volume rm" removes
them. What is in its containers, and in volumes without a name, goes in any case.

What was begun can't be taken back, and goes on when nobody waits for it any more.`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.engineClient()
			if err != nil {
				return err
			}
			i, err := p.findInstallation(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			return p.uninstall(cmd.Context(), c, i, &u)
		},
	}
	u.register(cmd)
	cmd.Flags().BoolVar(&u.keepData, "keep-data", false, "keep the addon's volumes, with what is in them")
	cmd.Flags().BoolVar(&u.dryRun, "dry-run", false, "only show what would be done")
	return cmd
}

func (p *program) uninstall(ctx context.Context, c *client.Client, i *graft.Installation, u *uninstalling) error {
	result := removal{ID: i.ID, Name: i.Name, Restored: []graft.Component{}, keepData: u.keepData}
	plan, err := c.PlanRemoval(ctx, i.ID, u.keepData)
	switch {
	case err == nil && u.dryRun:
		return p.print(plan, func(w io.Writer) {
			fmt.Fprintf(w, "%s is installed; this would uninstall it:\n", oneLine(plan.Addon))
			printPlan(w, plan)
		})
	case err != nil && (u.dryRun || u.keepData):
		return err // before anything is done that could not be taken back
	}
	switch err = p.remove(ctx, c, &result, u); {
	case graft.ErrorCode(err) == graft.CodeNotFound: // somebody else was faster, and may not have kept the data
		result.Removed = true
	case err != nil:
		return err
	case result.Removed && plan != nil:
		result.Volumes = plan.Volumes
	}
	var missing error
	if result.Removed {
		result.Restored, missing = restored(ctx, c, i)
	}
	if err := p.print(result, result.printTable); err != nil {
		return err
	}
	return missing
}

// remove has an installation removed, and notes whether it is. graft.CodeNotFound
// says that somebody else did that.
func (p *program) remove(ctx context.Context, c *client.Client, r *removal, u *uninstalling) (err error) {
	if r.Removed, err = c.Uninstall(ctx, r.ID, u.keepData); err != nil || r.Removed {
		return err
	}
	now, err := c.Installation(ctx, r.ID)
	r.disabledOnly = err == nil && now.Desired != graft.DesiredRemoved // by an engine from before
	if err == nil && u.wait {
		now, err = p.followInstallation(ctx, c, now, &u.waiting)
	}
	switch {
	case graft.ErrorCode(err) == graft.CodeNotFound && !r.disabledOnly:
		r.Removed = true
		return nil
	case err != nil || !u.wait:
		return err
	case r.disabledOnly && now.Status == graft.StatusDisabled:
		if r.Removed, err = c.Uninstall(ctx, r.ID, u.keepData); err != nil || r.Removed {
			return err
		}
	case now.Desired != graft.DesiredEnabled:
		return failure(now)
	}
	return &failedError{graft.Errorf(graft.CodeConflict, "%s was enabled again by somebody else and is not removed: see \"graft status %s\"", r.Name, r.ID)}
}

func (r removal) printTable(w io.Writer) {
	what := "is being uninstalled"
	switch {
	case r.Removed:
		what = "is uninstalled"
	case r.disabledOnly && r.keepData:
		what = "is only being disabled, as its engine is too old for more; run this again, with --keep-data, to remove it and keep its data"
	case r.disabledOnly:
		what = "is only being disabled, as its engine is too old for more; run this again to remove it"
	}
	fmt.Fprintf(w, "%s %s\n", oneLine(r.Name), what)
	for _, v := range r.Volumes {
		if v.Fate == graft.VolumeKept {
			fmt.Fprintf(w, "volume %s is kept, with its data: the next %s takes it over, \"docker volume rm\" removes it\n", oneLine(v.Name), oneLine(r.Name))
		} else {
			fmt.Fprintf(w, "volume %s is removed, with its data\n", oneLine(v.Name))
		}
	}
	printRestored(w, r.Restored)
}
