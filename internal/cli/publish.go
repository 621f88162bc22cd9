package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	switch {
	case waited != nil:
		return waited
	case addon.Status == graft.AddonVerificationFailed:
		return graft.Errorf(graft.CodeUpstream, "%s was not approved: %s", addon.Name, failedImages(addon))
	}
	return nil
}

func (p *program) followAddon(ctx context.Context, c *client.Client, addon *graft.Addon, w *waiting) (*graft.Addon, error) {
	waitCtx, cancel := w.context(ctx)
	defer cancel()
	f := follower[graft.Addon]{
		next: func(ctx context.Context, since int64) (*graft.Addon, error) {
			return c.WaitAddon(ctx, addon.ID, since)
		},
		revision: func(a *graft.Addon) int64 { return a.Revision },
		settled:  func(a *graft.Addon) bool { return a.Status != graft.AddonUnderReview },
		say:      addonLine,
	}
	last, err := f.follow(waitCtx, p.progress(), addon)
	if errors.Is(err, errWaited) {
		err = graft.Errorf(graft.CodeUnavailable, "%s is still %s after %v: %s\n\"graft show %s\" tells how it goes on",
			last.Name, last.Status, w.timeout, failedImages(last), last.ID)
	}
	return last, err
}

// addonLine is the progress of an addon's verification.
func addonLine(a *graft.Addon) string {
	line := fmt.Sprintf("%s %s: %s", a.Name, a.ID, a.Status)
	if reasons := failedImages(a); reasons != "" {
		line += ": " + reasons
		if v := a.Verification; v.NextAttempt != nil {
			line += fmt.Sprintf(" (attempt %d, the next one at %s)", v.Attempts, date(*v.NextAttempt))
		}
	}
	return line
}

// failedImages says why services are not verified, empty if none is known.
func failedImages(a *graft.Addon) string {
	if a.Verification == nil {
		return ""
	}
	var reasons []string
	for _, image := range a.Verification.Images {
		if image.Reason != "" {
			reasons = append(reasons, image.Service+": "+image.Reason)
		}
	}
	return strings.Join(reasons, "; ")
}

func printPublished(w io.Writer, a *graft.Addon) {
	row(w, "ADDON", "ID", "STATUS")
	row(w, a.Name, a.ID, string(a.Status))
	fmt.Fprintln(w)
	printImages(w, a)
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
