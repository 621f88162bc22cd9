package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/graftplatform/graft"
)

//go:embed migrations
var migrations embed.FS

// migrationTime is for how many seconds a process waits, at most, until another
// one has brought the schema up to date.
const migrationTime = 300

// migrate brings the schema up to date, and returns which versions it made. It
// refuses a schema that is newer than this program, before it touches anything.
// Of processes that start at the same time, one does it.
func (s *Store) migrate(ctx context.Context) ([]int64, error) {
	provider, err := s.migrator()
	if err != nil {
		return nil, err
	}
	current, err := s.schema(ctx, s.write)
	if err != nil {
		return nil, err
	}
	if known := newest(provider); current >= known {
		return nil, s.knows(current, known)
	}
	if err := s.hasSchema(ctx); err != nil {
		return nil, err
	}
	results, err := provider.Up(ctx)
	var made []int64
	for _, r := range results {
		made = append(made, r.Source.Version)
	}
	return made, err
}

// knows refuses a schema that is newer than what this program knows.
func (s *Store) knows(current, known int64) error {
	if current <= known {
		return nil
	}
	return graft.Errorf(graft.CodeConflict,
		"The database %s has schema version %d, and this graft knows versions up to %d: a newer graft wrote it. "+
			"Run that one, or choose another --data-dir or --database.", s.dialect.location, current, known)
}

func (s *Store) migrator() (*goose.Provider, error) {
	folder, err := fs.Sub(migrations, s.dialect.migrations)
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{
		goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(s.goMigrations()...),
	}
	if s.dialect.shared {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, migrationTime))
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(s.dialect.goose, s.write, folder, options...)
}

// newest is the version that the migrations lead to.
func newest(provider *goose.Provider) int64 {
	sources := provider.ListSources()
	return sources[len(sources)-1].Version
}

// schema is the version that a database's schema has; 0: it has none. Other than
// goose's own question, this one makes no table.
func (s *Store) schema(ctx context.Context, db *sql.DB) (version int64, err error) {
	if there, err := s.hasTable(ctx, db, goose.DefaultTablename); !there {
		return 0, err
	}
	err = db.QueryRowContext(ctx, `select coalesce(max(version_id), 0) from goose_db_version where is_applied`).Scan(&version)
	return version, err
}

// hasSchema is for a database in which somebody may name a schema that is not
// there. CodeUnavailable, with what to do, if it has none that tables can be made
// in.
func (s *Store) hasSchema(ctx context.Context) error {
	if s.dialect.noSchema == "" {
		return nil
	}
	var path string
	switch err := s.write.QueryRowContext(ctx, s.dialect.noSchema).Scan(&path); {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return graft.Errorf(graft.CodeUnavailable,
		"The database %s has no schema of its search_path, %s, or this user may not use it. Make it there first, with \"create schema\".",
		s.dialect.location, path)
}

func (s *Store) hasTable(ctx context.Context, db *sql.DB, name string) (bool, error) {
	var n int
	err := db.QueryRowContext(ctx, s.dialect.hasTable, name).Scan(&n)
	return n > 0, err
}
