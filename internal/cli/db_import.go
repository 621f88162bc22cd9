package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/app"
)

func (p *program) dbImportCommand(database func() app.Database) *cobra.Command {
	var fromMongo bool
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Read everything that was exported, or what the old system had, into an empty database",
		Long: `Read what "graft db export" wrote (- is the standard input) into a database that
has nothing in it yet: all of it, or nothing. End the servers first.

With --from-mongo-json the files are what mongoexport wrote of the old system's
collections marketplace and addons. Addons keep their ids and what they are;
approved ones are verified again, as the old system kept no digests. What was
installed is disabled: nothing is started, and no container of the old system is
touched. docs/moving.md says how to go on.`,
		Example: `  graft db import graft.jsonl
  graft db import --from-mongo-json marketplace.json addons.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%q needs at least one file", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			done, err := p.importFrom(cmd.Context(), database(), args, fromMongo)
			if err != nil {
				return err
			}
			return p.print(done, func(w io.Writer) { printImport(w, done) })
		},
	}
	cmd.Flags().BoolVar(&fromMongo, "from-mongo-json", false, "the files are mongoexport's, of the old system's collections")
	return cmd
}

func (p *program) importFrom(ctx context.Context, database app.Database, files []string, fromMongo bool) (*app.Import, error) {
	if fromMongo {
		return database.ImportOld(ctx, files...)
	}
	if len(files) > 1 {
		return nil, usagef("an export is one file, and %d were named; with --from-mongo-json there may be more", len(files))
	}
	if files[0] == "-" {
		return database.Import(ctx, p.stdin)
	}
	file, err := os.Open(files[0])
	if err != nil {
		return nil, graft.WrapError(graft.CodeInvalid, err, "%s can't be read", files[0])
	}
	defer file.Close()
	return database.Import(ctx, file)
}

func printImport(w io.Writer, done *app.Import) {
	field(w, "location", done.Location)
	for _, table := range slices.Sorted(maps.Keys(done.Rows)) {
		field(w, table, plural(int(done.Rows[table]), "row"))
	}
	for _, status := range slices.Sorted(maps.Keys(done.Addons)) {
		what := ""
		if status != graft.AddonVerificationFailed {
			what = ", verified by the marketplace that starts next"
		}
		field(w, string(status), plural(done.Addons[status], "addon")+what)
	}
	if len(done.Rows)+len(done.Addons)+len(done.Installations) == 0 {
		field(w, "imported", "nothing: there is no document in the files")
	}
	for _, i := range done.Installations {
		field(w, "disabled", fmt.Sprintf("%s (%s), was %s", i.Name, i.ID, i.Was))
	}
}
