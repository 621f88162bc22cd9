package cli

import (
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
)

func (p *program) ownerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "owner NAME [PUBLISHER]",
		Short: "Show whose the name of an addon is, or give it to another publisher",
		Long: `Show whose the name of an addon is: of whoever published it first, and who alone
publishes more versions of it. An administrator can give it to another publisher.`,
		Example: "  graft owner hello\n  graft owner hello ann",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.marketClient()
			if err != nil {
				return err
			}
			var name *graft.Name
			if len(args) == 2 {
				name, err = c.SetPublisher(cmd.Context(), args[0], args[1])
			} else {
				name, err = c.Name(cmd.Context(), args[0])
			}
			if err != nil {
				return err
			}
			return p.print(name, func(w io.Writer) {
				row(w, "NAME", "PUBLISHER", "LATEST", "VERSIONS", "SINCE")
				row(w, name.Name, name.Publisher, name.Latest, strconv.Itoa(name.Versions), date(name.CreatedAt))
			})
		},
	}
}
