package store

import (
	"context"
	"embed"
	"io/fs"
	"path/filepath"

	"github.com/pressly/goose/v3"

	"github.com/graftplatform/graft"
)

//go:embed migrations
var migrations embed.FS

// migrate brings the schema up to date. It refuses a schema that is newer than
// this program, before it touches anything.
func (s *Store) migrate(ctx context.Context) error {
	folder, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, s.write, folder, goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(lookalikeMigration(), indexMigration()))
	if err != nil {
		return err
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return graft.Errorf(graft.CodeConflict,
			"The database %s has schema version %d, and this graft knows versions up to %d: a newer graft wrote it. "+
				"Run that one, or choose another --data-dir.", filepath.Join(s.dir, FileName), current, target)
	}
	_, err = provider.Up(ctx)
	return err
}
