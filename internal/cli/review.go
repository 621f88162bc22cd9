package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

func (p *program) reviewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "review",
		Short: "Decide about addons that wait for a reviewer",
		Args:  noSubcommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		p.reviewListCommand(),
		p.decisionCommand("approve", "Let an addon be installed that passed its checks", false,
			func(ctx context.Context, c *client.Client, id, reason string) (*graft.Addon, error) {
				return c.Approve(ctx, id, reason)
			}),
		p.decisionCommand("reject", "Keep an addon from being installed; what is installed goes on", true,
			func(ctx context.Context, c *client.Client, id, reason string) (*graft.Addon, error) {
				return c.Reject(ctx, id, reason)
			}),
	)
	return cmd
}

func (p *program) reviewListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List what waits for a reviewer, the oldest first, and why",
		Args:  noArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.marketClient()
			if err != nil {
				return err
			}
			waiting, _, err := findAll(cmd.Context(), c, graft.AddonQuery{Waiting: true, Sort: graft.SortOldest}, maxWaiting)
			if err != nil {
				return err
			}
			return p.print(waiting, func(w io.Writer) {
				row(w, "ADDON", "ID", "VERSION", "PUBLISHER", "WHY")
				for _, a := range waiting {
					row(w, a.Name, a.ID, a.Version, a.Publisher, oneLine(findings(&a)))
				}
			})
		},
	}
}

// maxWaiting is how many addons that wait are shown.
const maxWaiting = 1000

func (p *program) decisionCommand(verb, short string, needsReason bool,
	decide func(ctx context.Context, c *client.Client, id, reason string) (*graft.Addon, error),
) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:     verb + " ID|NAME[@VERSION]",
		Short:   short,
		Example: "  graft review " + verb + " 6b0342fd771242bc7f1c506c --reason \"…\"",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			if needsReason && reason == "" {
				return usagef("say why with --reason: the addon's publisher has to know")
			}
			c, err := p.marketClient()
			if err != nil {
				return err
			}
			addon, err := p.findVersion(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			addon, err = decide(cmd.Context(), c, addon.ID, reason)
			return p.printChanged(addon, err)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the addon's publisher")
	return cmd
}

// printChanged prints an addon after something was done with it.
func (p *program) printChanged(addon *graft.Addon, err error) error {
	if err != nil {
		return err
	}
	return p.print(addon, func(w io.Writer) {
		row(w, "ADDON", "ID", "STATUS", "VERSION", "NOTES")
		row(w, addon.Name, addon.ID, string(addon.Status), addon.Version, oneLine(joined(noticesOf(addon.Yanked, addon.Deprecated))))
	})
}

// noSubcommand refuses a word that is no command.
func noSubcommand(cmd *cobra.Command, args []string) error { return noCommand(cmd, args) }
