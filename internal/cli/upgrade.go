package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

func (p *program) upgradeCommand() *cobra.Command {
	var w waiting
	var dryRun bool
	var request graft.InstallRequest
	cmd := &cobra.Command{
		Use:   "upgrade NAME[@VERSION]|ID[@VERSION]",
		Short: "Give an installed addon another version",
		Long: `Give an installed addon another version: the latest approved one, or the highest
one in a range, which may be older than the one that is installed.

Everything that may fail is done while the addon runs. If the version does not
come up, the one that ran before comes back, and the command fails; the data in
volumes is what the two versions made of it. Services that both have in common
are not touched.

Consent is needed only to what the version may do to the host and the installed
one may not: on a terminal you are asked, else --allow gives it. --dry-run shows
that, and everything that would be done.`,
		Example: "  graft upgrade hello\n  graft upgrade hello@^1.2\n  graft upgrade --dry-run hello@2.0.0",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkPlanFlags(request.Plan, dryRun); err != nil {
				return err
			}
			if err := checkAllow(request.Consent); err != nil {
				return err
			}
			return p.upgrade(cmd.Context(), args[0], request, dryRun, &w)
		},
	}
	w.register(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only print what would be done")
	cmd.Flags().StringVar(&request.Plan, "plan", "", "upgrade only if the plan still has this `hash`")
	registerAllow(cmd, &request.Consent)
	return cmd
}

// upgrade gives an installation the version that was asked for, or says what that
// would do.
func (p *program) upgrade(ctx context.Context, what string, request graft.InstallRequest, dryRun bool, w *waiting) error {
	c, err := p.engineClient()
	if err != nil {
		return err
	}
	nameOrID, version, ranged := strings.Cut(what, "@")
	i, err := p.findInstallation(ctx, c, nameOrID)
	if err != nil {
		return err
	}
	wanted := i.Name
	if ranged {
		wanted += "@" + version
	}
	if request.MarketplaceID, err = p.marketplaceID(ctx, wanted); err != nil {
		return err
	}
	switch {
	case request.MarketplaceID == i.MarketplaceID && !ranged:
		return p.print(i, func(w io.Writer) { fmt.Fprintf(w, "%s has the latest version, %s\n", oneLine(i.Name), i.Version) })
	case request.MarketplaceID == i.MarketplaceID:
		return p.print(i, func(w io.Writer) { fmt.Fprintf(w, "%s has that version, %s\n", oneLine(i.Name), i.Version) })
	case dryRun:
		return p.planUpgrade(ctx, c, i, request)
	}
	i, err = p.agreed(ctx, i.Name, request, func(ctx context.Context, r graft.InstallRequest) (*graft.Installation, error) {
		return c.Upgrade(ctx, i.ID, r)
	})
	if err != nil {
		return err
	}
	if !w.wait || i.Desired != graft.DesiredEnabled {
		return p.print(i, func(w io.Writer) { printInstallation(w, i) })
	}
	i, err = p.followInstallation(ctx, c, i, w)
	if err == nil {
		err = takenBack(i)
	}
	return p.finishInstallation(i, graft.StatusActive, err)
}

// takenBack is the error for an upgrade that was taken back.
func takenBack(i *graft.Installation) error {
	if i.Details == nil || i.Details.Upgrade == nil || i.Details.Upgrade.Outcome != graft.OutcomeRestored {
		return nil
	}
	u := i.Details.Upgrade
	message := fmt.Sprintf("%s did not come up in version %s: %s\nversion %s runs again", i.Name, u.To, u.Reason, u.From)
	if u.Logs != "" {
		message += "\nlogs:\n" + strings.TrimRight(u.Logs, "\n")
	}
	return graft.Errorf(graft.CodeUpstream, "%s", message)
}

func upgradeText(u *graft.UpgradeStatus) string {
	switch {
	case u == nil:
		return ""
	case u.Outcome == graft.OutcomeRestored:
		return fmt.Sprintf("to %s failed, %s runs again: %s", u.To, u.From, u.Reason)
	case u.Outcome == graft.OutcomeNotRestored:
		return fmt.Sprintf("to %s failed, and not all of %s came back: %s", u.To, u.From, u.Reason)
	case u.Reason != "":
		return fmt.Sprintf("to %s failed, %s comes back: %s", u.To, u.From, u.Reason)
	}
	return fmt.Sprintf("from %s to %s: %s", u.From, u.To, cmp.Or(string(u.Outcome), "under way"))
}

// planUpgrade prints what an upgrade would do.
func (p *program) planUpgrade(ctx context.Context, c *client.Client, i *graft.Installation, request graft.InstallRequest) error {
	plan, err := c.PlanUpgrade(ctx, i.ID, request)
	if err != nil {
		return err
	}
	return p.print(plan, func(w io.Writer) {
		if u := plan.Upgrade; u != nil {
			fmt.Fprintf(w, "%s has version %s; this would give it %s:\n", oneLine(plan.Addon), u.From, u.To)
		}
		printPlan(w, plan)
		if plan.Refusal == "" && len(plan.Conflicts) == 0 && len(plan.Denied) == 0 && plan.Hash != "" && plan.Upgrade != nil {
			fmt.Fprintf(w, "\ngraft upgrade %s@%s%s --plan %s\n", argument(i.Name, i.ID), plan.Upgrade.To,
				allowFlags(append(request.Consent, graft.GrantsFor(plan.Missing)...)), oneLine(plan.Hash))
		}
	})
}

// printUpgrade writes how the rights of two versions differ.
func printUpgrade(w io.Writer, u *graft.PlannedUpgrade) {
	if u == nil {
		return
	}
	for _, change := range []struct {
		title  string
		rights []graft.Right
	}{{"New with " + u.To, u.NewRights}, {"No more with " + u.To, u.LostRights}} {
		if len(change.rights) > 0 {
			fmt.Fprintf(w, "\n%s: %s\n", oneLine(change.title), strings.Join(graft.GrantsFor(change.rights), ", "))
		}
	}
}
