package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// notice is something that publishers say about a version, and take back.
type notice struct {
	verb, short, long string
	say               func(ctx context.Context, c *client.Client, id, message string) (*graft.Addon, error)
	undo              func(ctx context.Context, c *client.Client, id string) (*graft.Addon, error)
}

func (p *program) yankCommand() *cobra.Command {
	return p.noticeCommand(notice{
		verb: "yank", short: "Say that a version of an addon is not to be installed any more",
		long: `Say that a version of an addon is not to be installed any more. It is left out of
lists, and chosen only by who names that very version, or its id. What is
installed goes on.`,
		say: func(ctx context.Context, c *client.Client, id, message string) (*graft.Addon, error) {
			return c.Yank(ctx, id, message)
		},
		undo: func(ctx context.Context, c *client.Client, id string) (*graft.Addon, error) { return c.Unyank(ctx, id) },
	})
}

func (p *program) deprecateCommand() *cobra.Command {
	return p.noticeCommand(notice{
		verb: "deprecate", short: "Say what those should know who install a version of an addon all the same",
		long: `Say what those should know who install a version of an addon all the same, such
as which other one they should use.`,
		say: func(ctx context.Context, c *client.Client, id, message string) (*graft.Addon, error) {
			return c.Deprecate(ctx, id, message)
		},
		undo: func(ctx context.Context, c *client.Client, id string) (*graft.Addon, error) {
			return c.Undeprecate(ctx, id)
		},
	})
}

func (p *program) noticeCommand(n notice) *cobra.Command {
	var message string
	var undo bool
	cmd := &cobra.Command{
		Use:     n.verb + " NAME@VERSION|ID",
		Short:   n.short,
		Long:    n.long,
		Example: fmt.Sprintf("  graft %s hello@1.2.3 -m \"loses data; use 1.2.4\"\n  graft %s hello@1.2.3 --undo", n.verb, n.verb),
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			if undo && message != "" {
				return usagef("--undo takes back what was said, and --message says something: use one of them")
			}
			c, err := p.marketClient()
			if err != nil {
				return err
			}
			addon, err := p.findVersion(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if undo {
				addon, err = n.undo(cmd.Context(), c, addon.ID)
			} else {
				addon, err = n.say(cmd.Context(), c, addon.ID, message)
			}
			return p.printChanged(addon, err)
		},
	}
	cmd.Flags().StringVarP(&message, "message", "m", "", "why, for those who would install it")
	cmd.Flags().BoolVar(&undo, "undo", false, "take it back")
	return cmd
}
