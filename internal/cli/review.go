package cli

import (
	"context"
	"io"
	"strconv"

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
			(*client.Client).ApproveWith),
		p.decisionCommand("reject", "Keep an addon from being installed; what is installed goes on", true,
			(*client.Client).RejectWith),
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
				row(w, "ADDON", "ID", "VERSION", "REVISION", "PUBLISHER", "WHY")
				for _, a := range waiting {
					row(w, a.Name, a.ID, a.Version, strconv.FormatInt(a.Revision, 10), a.Publisher, oneLine(findings(&a)))
				}
			})
		},
	}
}

// maxWaiting is how many addons that wait are shown.
const maxWaiting = 1000

func (p *program) decisionCommand(verb, short string, needsReason bool,
	decide func(c *client.Client, ctx context.Context, id string, request graft.ReviewRequest) (*graft.Addon, error),
) *cobra.Command {
	var request graft.ReviewRequest
	cmd := &cobra.Command{
		Use:     verb + " ID|NAME[@VERSION]",
		Short:   short,
		Example: "  graft review " + verb + " 6b0342fd771242bc7f1c506c --revision 4 --reason \"…\"",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case needsReason && request.Reason == "":
				return usagef("say why with --reason: the addon's publisher has to know")
			case request.Revision < 0 || request.Revision == 0 && cmd.Flags().Changed("revision"):
				return usagef("--revision is at least 1: \"graft show\" and \"graft review list\" tell it")
			}
			c, err := p.marketClient()
			if err != nil {
				return err
			}
			addon, err := p.findVersion(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if request.Revision == 0 {
				request.Revision = addon.Revision
			}
			addon, err = decide(c, cmd.Context(), addon.ID, request)
			return p.printChanged(addon, err)
		},
	}
	cmd.Flags().StringVar(&request.Reason, "reason", "", "why, for the addon's publisher")
	cmd.Flags().Int64Var(&request.Revision, "revision", 0, "the addon's revision that you looked at, as \"show\" and \"list\" tell it: one that has changed since is left alone")
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
