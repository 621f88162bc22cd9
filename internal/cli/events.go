package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// followTail is with how many of the last events following begins.
const followTail = 20

func (p *program) eventsCommand() *cobra.Command {
	var o client.EventsOptions
	var since int64
	cmd := &cobra.Command{
		Use:   "events [NAME|ID]",
		Short: "Print what happened to the installed addons",
		Long: `Print what happened to the installed addons, or to one of them: the events that
the engine keeps, the oldest first; with --follow the last few of them, and then
those that come. Those of one addon end when it is uninstalled; after that they
are found by its id.

With --output json each event is one line. Only there, and only with --follow,
is the progress of pulls: it is not kept, and such events have no id.`,
		Example: "  graft events hello\n  graft events --follow --since-id 4711 -o json",
		Args:    atMostOneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			from, tail := cmd.Flags().Changed("since-id"), cmd.Flags().Changed("tail")
			switch {
			case since < 0:
				return usagef("--since-id %d: use the id of an event, 0 for all that are kept", since)
			case o.Tail < 0:
				return usagef("--tail %d: use a number of events, 0 for all that are kept", o.Tail)
			case from && tail:
				return usagef("--since-id and --tail both say where to begin: use one of them")
			case o.Follow && !from && !tail:
				o.Tail = followTail
			case o.Tail == 0:
				o.After = &since
			}
			return p.events(cmd.Context(), args, o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.Follow, "follow", "f", false, "go on with what happens from now on")
	flags.IntVar(&o.Tail, "tail", 0, fmt.Sprintf("begin with this many of the last events, 0 for all that are kept\n(default with --follow %d)", followTail))
	flags.Int64Var(&since, "since-id", 0, "only what came after the event with this `id`")
	return cmd
}

// atMostOneArgument wants the one argument that a command's usage names, or none.
func atMostOneArgument(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("%q takes at most one argument, and was given %d: %q", cmd.CommandPath(), len(args), args)
	}
	return nil
}

func (p *program) events(ctx context.Context, args []string, o client.EventsOptions) error {
	c, err := p.engineClient()
	if err != nil {
		return err
	}
	if len(args) > 0 {
		if o.InstallationID, err = p.installationID(ctx, c, args[0]); err != nil {
			return err
		}
	}
	if p.flags.output == outputTable {
		if err := printEventRow(p.stdout, "TIME", "TYPE", "ADDON", "MESSAGE"); err != nil {
			return err
		}
	}
	err = c.Events(ctx, o, p.printEvent)
	if o.Follow && errors.Is(err, context.Canceled) {
		err = nil // that is how following ends
	}
	return err
}

// installationID returns the id of an installation, also of one that is no more:
// its events may still be kept.
func (p *program) installationID(ctx context.Context, c *client.Client, nameOrID string) (string, error) {
	i, err := p.findInstallation(ctx, c, nameOrID)
	if err == nil {
		return i.ID, nil
	}
	if id, ok := graft.ParseID(nameOrID); ok && graft.ErrorCode(err) == graft.CodeNotFound {
		return id, nil
	}
	return "", err
}

// printEvent prints an event at once, so that others can work on it.
func (p *program) printEvent(e graft.Event) error {
	switch p.flags.output {
	case outputJSON:
		enc := json.NewEncoder(p.stdout)
		enc.SetEscapeHTML(false)
		return enc.Encode(e)
	case outputYAML:
		if _, err := io.WriteString(p.stdout, "---\n"); err != nil {
			return err
		}
		return writeYAML(p.stdout, e)
	}
	if e.Type == graft.EventProgress {
		return nil
	}
	return printEventRow(p.stdout, e.Time.Local().Format(time.DateTime), string(e.Type), e.Addon, e.Message)
}

// printEventRow prints a line of a table that nobody knows the end of: its
// columns are as wide as what is common needs.
func printEventRow(w io.Writer, when, what, addon, message string) error {
	if addon = oneLine(addon); addon == "" {
		addon = "-"
	}
	_, err := fmt.Fprintf(w, "%-19s   %-20s   %-16s   %s\n", when, oneLine(what), addon, oneLine(message))
	return err
}
