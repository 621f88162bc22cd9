package cli

import (
	"github.com/spf13/cobra"

	"github.com/graftplatform/graft/internal/app"
)

// dbCommand has the commands that work on a whole database, without a server.
func (p *program) dbCommand() *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Look at the database, and move it: to PostgreSQL, back, or from the old system",
		Long: `Work on the database of --data-dir, or the PostgreSQL of --database. No server is
asked; those that run may go on while a database is looked at or exported.`,
		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	databaseFlag(cmd.PersistentFlags(), &url)
	setting(cmd.PersistentFlags(), "database")
	database := func() app.Database { return app.Database{DataDir: p.flags.dataDir, URL: url} }
	cmd.AddCommand(p.dbStatusCommand(database), p.dbMigrateCommand(database), p.dbExportCommand(database), p.dbImportCommand(database))
	return cmd
}
