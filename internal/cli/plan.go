package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
)

func (p *program) planCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "plan NAME|ID",
		Short: "Show what the engine would do next for an installed addon",
		Long: `Show what the engine would do next for an installed addon, each operation with
its cause. For one that is not installed yet use "graft install --dry-run".`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.engineClient()
			if err != nil {
				return err
			}
			i, err := p.findInstallation(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			plan, err := c.Plan(cmd.Context(), i.ID)
			if err != nil {
				return err
			}
			return p.print(plan, func(w io.Writer) { printPlan(w, plan) })
		},
	}
}

func printPlan(w io.Writer, plan *graft.Plan) {
	if len(plan.Operations) == 0 {
		fmt.Fprintf(w, "nothing to do for %s\n", oneLine(plan.Addon))
		return
	}
	row(w, "OPERATION", "TARGET", "CAUSE")
	for _, o := range plan.Operations {
		row(w, o.Kind, o.Target, o.Cause)
	}
}
