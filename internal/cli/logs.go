package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft/client"
)

const defaultTail = 100

func (p *program) logsCommand() *cobra.Command {
	var o client.LogOptions
	var since string
	cmd := &cobra.Command{
		Use:   "logs NAME|ID",
		Short: "Print the output of an installed addon's services",
		Long: `Print the output of an installed addon's services, each line after the service's
name. It is text whatever --output says. Following goes on with containers that
are started again or made anew, until the addon is uninstalled or the engine ends.

Of a service that failed and whose container is gone the last lines were kept.
They have no time: --since leaves them out only if nothing changed since then.`,
		Example: "  graft logs hello\n  graft logs -f --service web --since 10m hello",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Since, err = parseSince(since, time.Now()); err != nil {
				return err
			}
			if o.Tail < 0 {
				return usagef("--tail %d: use a number of lines, 0 for all", o.Tail)
			}
			return p.logs(cmd.Context(), args[0], o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.Follow, "follow", "f", false, "go on with what is written from now on")
	flags.StringVar(&o.Service, "service", "", "only this `service`")
	flags.IntVar(&o.Tail, "tail", defaultTail, "this many lines from the end of each service's, 0 for all")
	flags.StringVar(&since, "since", "", "only what is newer: a `time` such as 2006-01-02T15:04:05Z, or an age such as 10m")
	return cmd
}

func (p *program) logs(ctx context.Context, nameOrID string, o client.LogOptions) error {
	c, err := p.engineClient()
	if err != nil {
		return err
	}
	i, err := p.findInstallation(ctx, c, nameOrID)
	if err != nil {
		return err
	}
	if o.Service != "" && i.Service(o.Service) == nil {
		var names []string
		for _, s := range i.Services {
			names = append(names, s.Name)
		}
		return usagef("%s has no service %q%s", i.Name, o.Service, didYouMean(o.Service, names))
	}
	err = c.Logs(ctx, i.ID, o, p.stdout)
	if o.Follow && errors.Is(err, context.Canceled) {
		err = nil // that is how following ends
	}
	return err
}

// parseSince reads a time or an age.
func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if age, err := time.ParseDuration(s); err == nil && age >= 0 {
		return now.Add(-age), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, usagef("--since %q: use a time such as 2006-01-02T15:04:05Z, or an age such as 10m", s)
	}
	return t, nil
}
