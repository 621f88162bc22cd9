package store

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"time"
)

// update runs fn in a transaction. It may run fn several times, so fn has no
// effects but on the database and on variables that it assigns anew each time.
//
// What fn reads is of one moment, and it can't write a row that somebody else
// has written since: it is run again then. So to read a row and then to write it
// is right as it stands, on SQLite, where one transaction at a time writes, and
// on PostgreSQL, where they are many and this is its "repeatable read". Not so a
// rule about several rows, such as that one version of a name is the latest: two
// transactions may each write another of them. Whoever keeps such a rule writes
// one row that stands for all of them first (see lockName). "serializable" would
// find that by itself, yet it also takes neighbours in an index for each other,
// and ids of the same minute are neighbours: half of all verifications that end
// at a time would be done again.
func (s *Store) update(ctx context.Context, fn func(tx *sql.Tx) error) error {
	return s.retry(ctx, s.dialect.isolation, fn)
}

// updateLatest is update for what needs no more than that each of its statements
// sees what is there when it is run: it does not clash with others, it waits for
// them, or passes over what they have.
func (s *Store) updateLatest(ctx context.Context, fn func(tx *sql.Tx) error) error {
	return s.retry(ctx, sql.LevelDefault, fn)
}

// Bounds of the pause before a transaction is tried again.
const (
	minPause = 5 * time.Millisecond
	maxPause = 100 * time.Millisecond
)

func (s *Store) retry(ctx context.Context, isolation sql.IsolationLevel, fn func(tx *sql.Tx) error) error {
	pause := minPause
	for try := 1; ; try++ {
		err := s.transact(ctx, isolation, fn)
		if try == s.dialect.tries || !isBusy(err) {
			return s.explain(err)
		}
		select {
		case <-ctx.Done():
			return s.explain(ctx.Err())
		case <-time.After(pause + rand.N(pause)):
		}
		pause = min(2*pause, maxPause)
	}
}

// transact runs fn in a transaction, maybe together with others.
func (s *Store) transact(ctx context.Context, isolation sql.IsolationLevel, fn func(tx *sql.Tx) error) error {
	if s.batches == nil {
		return s.transactAlone(ctx, isolation, fn)
	}
	return s.batches.run(ctx, fn)
}

func (s *Store) transactAlone(ctx context.Context, isolation sql.IsolationLevel, fn func(tx *sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, &sql.TxOptions{Isolation: isolation})
	if err != nil {
		return err
	}
	// Also if fn panics; a failed rollback closes the connection. After the commit it
	// does nothing.
	defer func() { _ = tx.Rollback() }()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}
