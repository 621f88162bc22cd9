package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"

	"github.com/graftplatform/graft"
)

// Info is what a database is and has.
type Info struct {
	Kind     string `json:"kind"`     // SQLite or PostgreSQL
	Location string `json:"location"` // file, or URL without user and password
	// Schema is the version of its tables, Known the one that this program makes.
	Schema int64 `json:"schema"`
	Known  int64 `json:"known_schema"`
	// Tables are those that are there, in the order in which they are moved.
	Tables []TableInfo `json:"tables"`
}

// TableInfo is how much is in a table.
type TableInfo struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
}

// Look opens a database to read it, whoever else has it open: nothing is made,
// locked or brought up to date. Arguments are those of Connect. CodeNotFound
// when there is no database in the data directory.
func Look(ctx context.Context, dataDir, database string) (*Store, error) {
	s := &Store{}
	err := s.look(ctx, dataDir, database)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) look(ctx context.Context, dataDir, database string) (err error) {
	if database != "" {
		if err := s.connect(database); err != nil {
			return err
		}
		return s.explain(s.write.PingContext(ctx))
	}
	if s.dir, err = absolute(dataDir); err != nil {
		return err
	}
	s.dialect = sqliteDialect(s.dir)
	if _, err := os.Stat(s.dialect.location); errors.Is(err, fs.ErrNotExist) {
		return graft.WrapError(graft.CodeNotFound, err, "There is no database in %s. Name its directory with --data-dir, or a PostgreSQL with --database.", s.dir)
	}
	if s.read, err = openReaders(s.dialect.location); err == nil {
		s.write = s.read
	}
	return s.explain(err)
}

// Maintain is Connect for somebody who changes all of a database and serves
// nobody: of a PostgreSQL, no data directory is needed. It also returns which
// versions of the schema it made.
func Maintain(ctx context.Context, dataDir, database string) (*Store, []int64, error) {
	s := &Store{}
	if database == "" {
		var err error
		if s.dir, err = absolute(dataDir); err != nil {
			return nil, nil, err
		}
		if s.lock, err = lockDir(s.dir); err != nil {
			return nil, nil, err
		}
	}
	err := s.connect(database)
	var made []int64
	if err == nil {
		made, err = s.migrate(ctx)
	}
	if err == nil {
		err = s.openReaders()
	}
	if err != nil {
		return nil, nil, errors.Join(s.explain(err), s.Close())
	}
	return s, made, nil
}

// Info returns what the database is and has.
func (s *Store) Info(ctx context.Context) (*Info, error) {
	info := &Info{Kind: s.dialect.kind, Location: s.dialect.location, Tables: []TableInfo{}}
	provider, err := s.migrator()
	if err != nil {
		return nil, s.explain(err)
	}
	info.Known = newest(provider)
	if info.Schema, err = s.schema(ctx, s.read); err != nil {
		return nil, s.explain(err)
	}
	for _, table := range tables() {
		there, err := s.hasTable(ctx, s.read, table.name)
		if err != nil {
			return nil, s.explain(err)
		}
		if !there {
			continue
		}
		t := TableInfo{Name: table.name}
		if err := s.read.QueryRowContext(ctx, `select count(*) from `+table.name).Scan(&t.Rows); err != nil {
			return nil, s.explain(err)
		}
		info.Tables = append(info.Tables, t)
	}
	return info, nil
}

// current refuses a schema that is not the one of this program.
func (s *Store) current(ctx context.Context, db *sql.DB) (int64, error) {
	provider, err := s.migrator()
	if err != nil {
		return 0, err
	}
	version, err := s.schema(ctx, db)
	if err != nil {
		return 0, err
	}
	known := newest(provider)
	if version < known {
		return 0, graft.Errorf(graft.CodeConflict,
			"The database %s has schema version %d, and this graft needs %d. Bring it up to date with \"graft db migrate\".", s.dialect.location, version, known)
	}
	return version, s.knows(version, known)
}

// table is one that is moved with everything else.
type table struct {
	name     string
	order    string // columns that order its rows
	sequence bool   // its ids are given once, also those of rows that are gone
}

// tables are all that there are, each after those that it refers to. A new
// migration that makes one adds it here.
func tables() []table {
	return []table{
		{name: "meta", order: "key"},
		{name: "names", order: "name"},
		{name: "name_keys", order: "key, name"},
		{name: "versions", order: "name, key"},
		{name: "addons", order: "id"},
		{name: "verifications", order: "addon_id"},
		{name: "installations", order: "id"},
		{name: "swaps", order: "component"},
		{name: "kept_volumes", order: "name"},
		{name: "events", order: "id", sequence: true},
		{name: "tokens", order: "id"},
		{name: "audit", order: "id", sequence: true},
	}
}
