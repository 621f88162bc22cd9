package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

func (p *program) publishCommand() *cobra.Command {
	var images []string
	var w waiting
	cmd := &cobra.Command{
		Use:   "publish FILE|-",
		Short: "Publish a descriptor in the marketplace",
		Long: `Publish a descriptor in the marketplace.

The descriptor is checked here first. The marketplace then asks the registries
for its images; once all are found the addon is approved and can be installed.`,
		Example: "  graft publish addon.json\n  graft publish --image registry.example/web:1 template.json",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.checkDescriptor(args[0], images)
			if err != nil {
				return err
			}
			c.report(p.stderr)
			if err := c.err(); err != nil {
				return err
			}
			return p.publish(cmd.Context(), c.data, &w)
		},
	}
	imageFlag(cmd, &images)
	w.register(cmd)
	return cmd
}

func (p *program) publish(ctx context.Context, descriptor []byte, w *waiting) error {
	c, err := p.marketClient()
	if err != nil {
		return err
	}
	addon, err := c.Publish(ctx, descriptor)
	if err != nil {
		return err
	}
	var waited error
	if w.wait {
		addon, waited = p.followAddon(ctx, c, addon, w)
	}
	if err := p.print(addon, func(w io.Writer) { printPublished(w, addon) }); err != nil {
		return err
	}
	if waited != nil {
		return waited
	}
	return notApproved(addon)
}

// notApproved is the error of an addon that did not pass.
func notApproved(addon *graft.Addon) error {
	if addon.Status != graft.AddonVerificationFailed {
		return nil
	}
	return graft.Errorf(graft.CodeUpstream, "%s was not approved: %s", strings.TrimSpace(addon.Name+" "+addon.Version), findings(addon))
}

func (p *program) followAddon(ctx context.Context, c *client.Client, addon *graft.Addon, w *waiting) (*graft.Addon, error) {
	return p.followAddonUntil(ctx, c, addon, w, settledAddon)
}

// followAddonUntil follows an addon until nothing more is awaited of it.
func (p *program) followAddonUntil(ctx context.Context, c *client.Client, addon *graft.Addon, w *waiting, settled func(*graft.Addon) bool) (*graft.Addon, error) {
	waitCtx, cancel := w.context(ctx)
	defer cancel()
	f := follower[graft.Addon]{
		next: func(ctx context.Context, since int64) (*graft.Addon, error) {
			return c.WaitAddon(ctx, addon.ID, since)
		},
		revision: func(a *graft.Addon) int64 { return a.Revision },
		settled:  settled,
		say:      addonLine,
	}
	last, err := f.follow(waitCtx, p.progress(), addon)
	why := findings(last)
	if why != "" {
		why = ": " + why
	}
	return last, w.unfinished(err, last.Name, string(last.Status), why, "graft show "+last.ID)
}

// addonLine is the progress of an addon's verification.
func addonLine(a *graft.Addon) string {
	line := fmt.Sprintf("%s %s: %s", a.Name, a.ID, a.Status)
	if v := a.Verification; v != nil && v.WaitsForReview {
		line += ", waits for a reviewer"
	}
	if reasons := findings(a); reasons != "" {
		line += ": " + reasons
		if v := a.Verification; v != nil && v.NextAttempt != nil {
			line += fmt.Sprintf(" (attempt %d, the next one at %s)", v.Attempts, date(*v.NextAttempt))
		}
	}
	return line
}

// settledAddon is whether nothing more becomes of an addon by itself.
func settledAddon(a *graft.Addon) bool {
	v := a.Verification
	return a.Status != graft.AddonUnderReview && (v == nil || v.NextAttempt == nil) || v != nil && v.WaitsForReview
}

// findings says what is in the way of an addon's approval, empty if nothing is
// known.
func findings(a *graft.Addon) string {
	if a.Review != nil && !a.Review.Approved {
		return "rejected by " + a.Review.By + ": " + a.Review.Reason
	}
	if a.Verification == nil {
		return ""
	}
	var found []string
	for _, c := range a.Verification.Checks {
		if c.Status != graft.CheckPassed && c.Status != graft.CheckWarning {
			found = append(found, c.Messages...)
		}
	}
	if len(found) == 0 {
		for _, image := range a.Verification.Images {
			if image.Reason != "" {
				found = append(found, image.Service+": "+image.Reason)
			}
		}
	}
	return strings.Join(found, "; ")
}

func printPublished(w io.Writer, a *graft.Addon) {
	rights, risk := addonRights(a)
	row(w, "ADDON", "ID", "STATUS", "VERSION", "RISK")
	row(w, a.Name, a.ID, string(a.Status), a.Version, string(risk))
	fmt.Fprintln(w)
	printImages(w, a)
	printChecks(w, a)
	if len(rights) > 0 {
		fmt.Fprintln(w)
		printRights(w, rights, nil)
	}
}

// printImages writes a table of the services with digest or reason.
func printImages(w io.Writer, a *graft.Addon) {
	row(w, "SERVICE", "IMAGE", "DIGEST OR REASON")
	for _, s := range a.Services {
		var found string
		if report := a.Verification.Image(s.Name); report != nil {
			found = report.Digest
			if report.Reason != "" {
				found = report.Reason
			}
		}
		row(w, s.Name, s.Image, found)
	}
}

// printChecks writes what the checks found that not simply passed, and what to do
// about it.
func printChecks(w io.Writer, a *graft.Addon) {
	if a.Verification == nil {
		return
	}
	begun := false
	for _, c := range a.Verification.Checks {
		if c.Status == graft.CheckPassed {
			continue
		}
		if !begun {
			fmt.Fprintln(w)
			row(w, "CHECK", "RESULT", "FOUND")
			begun = true
		}
		messages := append(slices.Clone(c.Messages), c.Mend)
		row(w, c.Name, string(c.Status), oneLine(messages[0]))
		for _, message := range messages[1:] {
			if message != "" {
				row(w, "", "", oneLine(message))
			}
		}
	}
}
