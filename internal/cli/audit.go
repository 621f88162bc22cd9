package cli

import (
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

func (p *program) auditCommand() *cobra.Command {
	var on string
	var after int64
	var o client.AuditOptions
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Print who changed what on a server, or wanted to",
		Long: `Print who changed what on a server, or wanted to: the last entries of its audit
log or, with --after, those that come after one; the oldest first. The newest
100,000 are kept.`,
		Example: "  graft audit --limit 20\n  graft audit --on engine --after 0 -o json",
		Args:    noArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case after < 0:
				return usagef("--after %d: use the id of an entry, 0 for all that are kept", after)
			case o.Limit < 1 || o.Limit > 1000:
				return usagef("--limit %d: use a number from 1 to 1000", o.Limit)
			case cmd.Flags().Changed("after"):
				o.After = &after
			}
			c, server, err := p.clientOn(on)
			if err != nil {
				return err
			}
			entries, err := c.Audit(cmd.Context(), server, o)
			if err != nil {
				return err
			}
			if entries == nil {
				entries = []graft.AuditEntry{}
			}
			return p.print(entries, func(w io.Writer) { printAudit(w, entries) })
		},
	}
	registerOn(cmd.Flags(), &on)
	cmd.Flags().Int64Var(&after, "after", 0, "begin after the entry with this `id`, 0 for all that are kept (default: the last)")
	cmd.Flags().IntVar(&o.Limit, "limit", 100, "this `many` entries at most, up to 1000")
	return cmd
}

func printAudit(w io.Writer, entries []graft.AuditEntry) {
	row(w, "ID", "TIME", "WHO", "ROLE", "FROM", "ACTION", "DETAIL", "TARGET", "OUTCOME")
	for _, e := range entries {
		outcome := strconv.Itoa(e.Status)
		if e.ErrorCode != "" {
			outcome += " " + string(e.ErrorCode)
		}
		if e.Count > 0 {
			outcome += ", " + strconv.FormatInt(e.Count, 10) + " times"
		}
		row(w, strconv.FormatInt(e.ID, 10), date(e.Time), e.Principal, string(e.Role), e.From, e.Action, e.Detail, e.Target, outcome)
	}
}
