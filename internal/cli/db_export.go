package cli

import (
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/app"
)

func (p *program) dbExportCommand(database func() app.Database) *cobra.Command {
	return &cobra.Command{
		Use:   "export [FILE]",
		Short: "Write everything that the database has, to a file or to the standard output",
		Long: `Write everything that the database has, as it is at one moment, as JSON lines that
"graft db import" reads. Servers may go on meanwhile. It has all secrets that
descriptors have: a new file is for its owner alone.`,
		Example: `  graft db export graft.jsonl
  graft db export | graft db import --database postgres://graft@db.example/graft -`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "-" {
				return database().Export(cmd.Context(), p.stdout)
			}
			file, err := os.OpenFile(args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if errors.Is(err, fs.ErrExist) {
				return usagef("%s is there already: name a new file", args[0])
			}
			if err != nil {
				return graft.WrapError(graft.CodeInvalid, err, "%s can't be written", args[0])
			}
			err = database().Export(cmd.Context(), file)
			if err == nil {
				err = file.Sync()
			}
			if err = errors.Join(err, file.Close()); err != nil {
				return errors.Join(err, os.Remove(args[0])) // a part is worth nothing
			}
			return nil
		},
	}
}
