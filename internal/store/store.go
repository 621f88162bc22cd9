// Package store keeps what Graft must not forget: addons, the verification
// work that they wait for, installations, swapped components. It is the only
// place with SQL.
//
// Queries are written once, with $1 parameters, for SQLite and PostgreSQL
// alike; what differs between the two is in dialect.go and migrations/. There is
// no "save everything": users of the API write an installation's spec
// (SetDesired), the engine its status (SetStatus), and a method touches only
// its own columns. All errors are *graft.Error.
package store

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"strings"
	"time"
)

// FileName is the database's name in the data directory.
const FileName = "graft.db"

// Store is an open database. It is safe for concurrent use.
type Store struct {
	dialect dialect
	dir     string    // absolute; empty where the database needs none
	lock    io.Closer // of dir, nil: it is not taken
	read    *sql.DB
	write   *sql.DB
	batches *batches // SQLite: of what is written
	specs   specs
	engine  engineLock
}

// Open opens the database in dataDir and brings its schema up to date; both are
// made if they do not exist. One process at a time can have a data directory
// open. Errors: CodeConflict when another process has it, or when a newer
// version of graft wrote it; CodeForbidden without rights to it.
func Open(ctx context.Context, dataDir string) (*Store, error) {
	return Connect(ctx, dataDir, "")
}

// Connect is Open for a database elsewhere: a URL postgres://…, whose schema it
// brings up to date; empty: the one in dataDir. Several processes can have one
// PostgreSQL open, each with a data directory of its own. Further errors:
// CodeInvalid for what is no such URL, CodeUnavailable when nobody answers there.
func Connect(ctx context.Context, dataDir, database string) (*Store, error) {
	dir, err := absolute(dataDir)
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, lock: lock}
	if err := s.open(ctx, database); err != nil {
		return nil, errors.Join(s.explain(err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, database string) error {
	if err := s.connect(database); err != nil {
		return err
	}
	if _, err := s.migrate(ctx); err != nil {
		return err
	}
	return s.openReaders()
}

// connect opens the connections that write.
func (s *Store) connect(database string) (err error) {
	if database != "" {
		s.dialect, s.write, s.read, err = openPostgres(database)
		return err
	}
	s.dialect = sqliteDialect(s.dir)
	if err := makePrivate(s.dialect.location); err != nil {
		return err
	}
	s.write, err = openWriter(s.dialect.location)
	s.batches = newBatches(s)
	return err
}

// openReaders opens the connections that only read, where they are others.
func (s *Store) openReaders() (err error) {
	if s.read == nil {
		s.read, err = openReaders(s.dialect.location)
	}
	return err
}

// Close ends all connections and lets another process have the directory.
func (s *Store) Close() error {
	var errs []error
	errs = append(errs, s.engine.release())
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// changed runs a statement and tells whether it changed a row.
func changed(ctx context.Context, tx *sql.Tx, query string, args ...any) (bool, error) {
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// micros is how the database carries a time.
func micros(t time.Time) int64 { return t.UnixMicro() }

// fromMicros reverses micros.
func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// now is the present as the database can carry it.
func now() time.Time { return fromMicros(micros(time.Now())) }

// text is what others wrote as a database can carry it: PostgreSQL takes neither
// NUL nor what is no UTF-8.
func text(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}
