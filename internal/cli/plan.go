package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
)

func (p *program) planCommand() *cobra.Command {
	var request graft.InstallRequest
	cmd := &cobra.Command{
		Use:   "plan NAME|ID",
		Short: "Show what the engine would do next for an addon",
		Long: `Show what the engine would do next for an addon: for an installed one, what is
left to do; for another one of the marketplace, what installing it would do.
Each operation has its cause. Nothing is changed.

What the addon may do to the host is listed, with the consent that it needs.

The plan to install something has a hash. "graft install --plan HASH" installs
it only if it would still do just that.`,
		Example: "  graft plan hello",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkAllow(request.Consent); err != nil {
				return err
			}
			return p.plan(cmd.Context(), args[0], request)
		},
	}
	registerSupersede(cmd, &request.Supersede)
	registerAllow(cmd, &request.Consent)
	return cmd
}

// plan prints what is next for an installation, or what request would lead to for
// an addon that is none.
func (p *program) plan(ctx context.Context, nameOrID string, request graft.InstallRequest) error {
	c, err := p.engineClient()
	if err != nil {
		return err
	}
	i, missing := p.findInstallation(ctx, c, nameOrID)
	if graft.ErrorCode(missing) == graft.CodeNotFound {
		id, err := p.marketplaceID(ctx, nameOrID)
		if err == nil {
			request.MarketplaceID = id
			err = p.planInstall(ctx, nameOrID, request)
		}
		if graft.ErrorCode(err) == graft.CodeNotFound {
			return graft.Errorf(graft.CodeNotFound, "%s\n%s",
				firstLine(graft.ErrorMessage(missing)), graft.ErrorMessage(err))
		}
		return err
	}
	if missing != nil {
		return missing
	}
	plan, err := c.Plan(ctx, i.ID)
	if err != nil {
		return err
	}
	return p.print(plan, func(w io.Writer) {
		fmt.Fprintf(w, "%s is installed; this is next:\n", oneLine(plan.Addon))
		printPlan(w, plan)
	})
}

// planInstall prints what it would do to install something. It was asked for
// under that name.
func (p *program) planInstall(ctx context.Context, name string, request graft.InstallRequest) error {
	c, err := p.engineClient()
	if err != nil {
		return err
	}
	plan, err := c.PlanInstallWith(ctx, request)
	if err != nil {
		return p.noSuchAddon(err, request.MarketplaceID)
	}
	return p.print(plan, func(w io.Writer) {
		fmt.Fprintf(w, "%s is not installed; this would install it:\n", oneLine(plan.Addon))
		printPlan(w, plan)
		if plan.Refusal == "" && len(plan.Conflicts) == 0 && len(plan.Denied) == 0 && plan.Hash != "" {
			fmt.Fprintf(w, "\ngraft install %s%s%s --plan %s\n", argument(name, request.MarketplaceID),
				map[bool]string{true: " --supersede"}[request.Supersede],
				allowFlags(append(request.Consent, graft.GrantsFor(plan.Missing)...)), oneLine(plan.Hash))
		}
	})
}

// argument is what names an addon on a command line that can be pasted into a
// shell: its name, if no shell reads anything into that, else its id.
func argument(name, id string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._"
	if name == "" || strings.Trim(strings.ReplaceAll(name[1:], "-", ""), plain) != "" || !strings.Contains(plain, name[:1]) {
		return id
	}
	return name
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// printPlan writes what a plan says, the parts that say nothing left out.
func printPlan(w io.Writer, plan *graft.Plan) {
	fmt.Fprintln(w)
	if plan.Refusal != "" {
		fmt.Fprintf(w, "REFUSED: %s\n", oneLine(plan.Refusal))
	}
	switch {
	case len(plan.Operations) == 0 && plan.Refusal == "":
		fmt.Fprintf(w, "nothing to do for %s\n", oneLine(plan.Addon))
	case len(plan.Operations) > 0:
		row(w, "OPERATION", "TARGET", "CAUSE")
		for _, o := range plan.Operations {
			row(w, o.Kind, o.Target, o.Cause)
		}
	}
	printPlannedImages(w, plan.Images)
	printSwaps(w, plan.Swaps)
	printPlannedVolumes(w, plan.Volumes)
	printConflicts(w, plan.Conflicts)
	for _, warning := range plan.Warnings {
		fmt.Fprintf(w, "\nWARNING: %s\n", oneLine(warning))
	}
	if len(plan.Rights) > 0 {
		fmt.Fprintf(w, "\nRisk: %s\n", plan.Risk)
		printRights(w, plan.Rights, consentState(plan))
	}
	printUpgrade(w, plan.Upgrade)
	if plan.Hash != "" {
		fmt.Fprintf(w, "\nHash: %s\n", oneLine(plan.Hash))
	}
}

func printPlannedImages(w io.Writer, images []graft.PlannedImage) {
	if len(images) == 0 {
		return
	}
	fmt.Fprintln(w)
	row(w, "IMAGE", "SERVICES", "SIZE", "PRESENT")
	for _, image := range images {
		size, present := "", "no, it is pulled"
		if image.Size > 0 {
			size = megabytes(image.Size)
		}
		if image.Present {
			present = "yes"
		}
		row(w, image.Image, strings.Join(image.Services, ", "), size, present)
	}
}

func printPlannedVolumes(w io.Writer, volumes []graft.PlannedVolume) {
	if len(volumes) == 0 {
		return
	}
	fmt.Fprintln(w)
	row(w, "VOLUME", "WHAT BECOMES OF IT")
	for _, v := range volumes {
		row(w, v.Name, fateText(v.Fate))
	}
}

// fateText is what becomes of a volume, in words.
func fateText(fate graft.VolumeFate) string {
	switch fate {
	case graft.VolumeCreated:
		return "it is made"
	case graft.VolumeTakenOver:
		return "it is taken over, with the data that was kept in it"
	case graft.VolumeKept:
		return "it is kept, with its data"
	case graft.VolumeRemoved:
		return "it is removed, with its data"
	}
	return string(fate) // of a newer engine
}

func printSwaps(w io.Writer, swaps []graft.PlannedSwap) {
	if len(swaps) == 0 {
		return
	}
	fmt.Fprintln(w)
	row(w, "COMPONENT", "SWAP", "WAY", "EXPECTED GAP", "REASON")
	for _, s := range swaps {
		what := "service " + s.Service + " replaces it"
		if s.Back {
			what = "it comes back for service " + s.Service
		}
		row(w, s.Component, what, string(s.Way), gap(s.ExpectedGap), s.Reason)
	}
}

// gap is how long nobody is expected to answer.
func gap(milliseconds int64) string {
	if milliseconds == 0 {
		return "none"
	}
	return fmt.Sprintf("about %.1f s", float64(milliseconds)/1000)
}

func printConflicts(w io.Writer, conflicts []graft.PlannedConflict) {
	if len(conflicts) == 0 {
		return
	}
	fmt.Fprintln(w)
	row(w, "CONFLICT", "NAME", "HELD BY", "WHAT TO DO")
	for _, c := range conflicts {
		row(w, c.Kind, c.Name, c.Holder, c.Text)
	}
}

// megabytes writes a size as people compare downloads.
func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
