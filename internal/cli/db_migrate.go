package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft/internal/app"
)

func (p *program) dbMigrateCommand(database func() app.Database) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema up to date",
		Long: `Bring the database's schema up to date, as every start of graft up does. Of several
that do so at the same time, one does it and the others wait.`,
		Args: noArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			done, err := database().Migrate(cmd.Context())
			if err != nil {
				return err
			}
			return p.print(done, func(w io.Writer) {
				field(w, "location", done.Location)
				for _, version := range done.Made {
					field(w, "made", fmt.Sprint("version ", version))
				}
				field(w, "schema", fmt.Sprintf("%d, up to date", done.Schema))
			})
		},
	}
}
