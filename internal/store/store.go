// Package store keeps what Graft must not forget: addons, the verification
// work that they wait for, installations, swapped components. It is the only
// place with SQL.
//
// Queries are written once, with $1 parameters, for SQLite and PostgreSQL
// alike; what differs between the two is in migrations/ and sqlite.go. There is
// no "save everything": users of the API write an installation's spec
// (SetDesired), the engine its status (SetStatus), and a method touches only
// its own columns. All errors are *graft.Error.
package store

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/graftplatform/graft"
)

// FileName is the database's name in the data directory.
const FileName = "graft.db"

// Store is an open database. It is safe for concurrent use.
type Store struct {
	dir   string
	lock  io.Closer
	read  *sql.DB
	write *sql.DB // one connection: SQLite has one writer at a time
	specs specs
}

// Open opens the database in dataDir and brings its schema up to date; both are
// made if they do not exist. One process at a time can have a data directory
// open. Errors: CodeConflict when another process has it, or when a newer
// version of graft wrote it; CodeForbidden without rights to it.
func Open(ctx context.Context, dataDir string) (*Store, error) {
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return nil, graft.WrapError(graft.CodeInvalid, err, "The data directory %q is no usable path.", dataDir)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, lock: lock}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(s.explain(err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	path := filepath.Join(s.dir, FileName)
	err := makePrivate(path)
	if err != nil {
		return err
	}
	if s.write, err = openWriter(path); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	s.read, err = openReaders(path)
	return err
}

// Close ends all connections and lets another process have the directory.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// How often a transaction that found the database busy is tried, and the bounds
// of the pause between.
const (
	updateTries = 5
	updatePause = 5 * time.Millisecond
)

// update runs fn in a transaction. It may run fn several times, so fn has no
// effects but on the database and on variables that it assigns anew each time.
func (s *Store) update(ctx context.Context, fn func(tx *sql.Tx) error) error {
	for try := 1; ; try++ {
		err := s.transact(ctx, fn)
		if try == updateTries || !isBusy(err) {
			return s.explain(err)
		}
		pause := updatePause << try
		select {
		case <-ctx.Done():
			return s.explain(ctx.Err())
		case <-time.After(pause + rand.N(pause)):
		}
	}
}

func (s *Store) transact(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		_ = tx.Rollback() // err says why; a failed rollback closes the connection
		return err
	}
	return tx.Commit()
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
