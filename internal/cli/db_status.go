package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft/internal/app"
)

func (p *program) dbStatusCommand(database func() app.Database) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show which database it is, its schema's version, and how much is in it",
		Args:  noArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, err := database().Info(cmd.Context())
			if err != nil {
				return err
			}
			return p.print(info, func(w io.Writer) {
				field(w, "database", info.Kind)
				field(w, "location", info.Location)
				field(w, "schema", schemaText(info))
				for _, table := range info.Tables {
					field(w, table.Name, plural(int(table.Rows), "row"))
				}
			})
		},
	}
}

// schemaText says what a schema's version means.
func schemaText(info *app.DatabaseInfo) string {
	switch {
	case info.Schema == 0:
		return `none: "graft db migrate" or the first start makes it`
	case info.Schema < info.Known:
		return fmt.Sprintf(`%d, this graft needs %d: "graft db migrate" or its next start brings it up to date`, info.Schema, info.Known)
	case info.Schema > info.Known:
		return fmt.Sprintf("%d, this graft knows %d: a newer graft wrote it", info.Schema, info.Known)
	}
	return fmt.Sprintf("%d, up to date", info.Schema)
}
