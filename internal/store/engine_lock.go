package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"time"

	"github.com/graftplatform/graft"
)

// engineLook is how often it is looked whether the engine's lock is there still.
const engineLook = 2 * time.Second

// engineKey is the engine's advisory lock: one for each database and schema.
const engineKey = lockSpace + `, hashtext('engine ' || current_schema())`

// engineLock is what keeps other engines out of a PostgreSQL: a lock that ends
// with its connection, so at the latest with the process.
type engineLock struct {
	mu      sync.Mutex
	conn    *sql.Conn // nil: none is held
	backend int       // the server's process at the other end of conn, or of the last one
}

// LockEngine makes this process the only one that runs an engine on this
// database: installations have no other owner. CodeConflict when another process
// does. For SQLite the lock of the data directory is enough.
func (s *Store) LockEngine(ctx context.Context) error {
	if !s.dialect.shared {
		return nil
	}
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return s.explain(err)
	}
	var taken bool
	var backend int
	if err := conn.QueryRowContext(ctx, `select pg_try_advisory_lock(`+engineKey+`), pg_backend_pid()`).Scan(&taken, &backend); err != nil {
		return errors.Join(s.explain(err), conn.Close())
	}
	if !taken {
		holder := s.engineHolder(ctx, conn)
		return errors.Join(graft.Errorf(graft.CodeConflict,
			"Another engine has the database %s%s, and two would undo each other's work. "+
				"End that one, give this one a database of its own, or leave the engine out of --roles.",
			s.dialect.location, holder), conn.Close())
	}
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	s.engine.conn, s.engine.backend = conn, backend
	return nil
}

// holders is what is known of who has the lock.
const holders = ` from pg_locks join pg_stat_activity using (pid)
	where locktype = 'advisory' and granted and classid::bigint = ` + lockSpace + ` and
		objid::bigint = hashtext('engine ' || current_schema())::bigint & 4294967295 and
		database = (select oid from pg_database where datname = current_database())`

// engineHolder names who has the lock, if that is told.
func (s *Store) engineHolder(ctx context.Context, conn *sql.Conn) string {
	var name string
	err := conn.QueryRowContext(ctx, `select application_name`+holders+` limit 1`).Scan(&name)
	if err != nil || name == "" {
		return ""
	}
	return " (" + name + ")"
}

// endOwn ends the session that had the lock for this store, if the server has not
// noticed yet that nobody is at its other end; true: it was there.
func (s *Store) endOwn(ctx context.Context) bool {
	var ended bool
	err := s.write.QueryRowContext(ctx, `select pg_terminate_backend(pid)`+holders+` and pid = $1`, s.engine.last()).Scan(&ended)
	return err == nil
}

// KeepEngine watches over the lock of LockEngine until ctx ends. When its
// connection is lost, the lock is too, and it is taken again; CodeConflict if
// another engine was faster. While the database is away, nobody has it, and this
// engine can neither read nor write a row.
func (s *Store) KeepEngine(ctx context.Context) error {
	if !s.dialect.shared {
		return nil
	}
	ticker := time.NewTicker(engineLook)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if s.engine.held(ctx) || ctx.Err() != nil {
			continue
		}
		_ = s.engine.release() // it is broken
		if err := s.LockEngine(ctx); graft.ErrorCode(err) == graft.CodeConflict && !s.endOwn(ctx) {
			return err
		}
	}
}

// held is whether the lock's connection works.
func (l *engineLock) held(ctx context.Context) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, engineLook)
	defer cancel()
	return l.conn != nil && l.conn.PingContext(ctx) == nil
}

func (l *engineLock) last() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.backend
}

// unlockTime bounds how long it takes to give the lock back.
const unlockTime = 2 * time.Second

// release gives the lock back, if it is held, so that the next engine has it at
// once: a server learns late that a connection was closed. It is closed all the
// same, and not given back to the pool: with it the lock ends for certain.
func (l *engineLock) release() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return nil
	}
	conn := l.conn
	l.conn = nil
	ctx, cancel := context.WithTimeout(context.Background(), unlockTime)
	defer cancel()
	_, _ = conn.ExecContext(ctx, `select pg_advisory_unlock(`+engineKey+`)`) // if that fails, closing it does
	err := conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		err = nil
	}
	if closed := conn.Close(); !errors.Is(closed, sql.ErrConnDone) && !errors.Is(closed, driver.ErrBadConn) {
		err = errors.Join(err, closed)
	}
	return err
}
