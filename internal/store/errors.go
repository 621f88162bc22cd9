package store

import (
	"context"
	"errors"
	"path/filepath"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/graftplatform/graft"
)

// explain makes a *graft.Error of whatever went wrong with the database.
func (s *Store) explain(err error) error {
	if err == nil {
		return nil
	}
	var known *graft.Error
	if errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return graft.WrapError(graft.CodeUnavailable, err, "The request ended before the database answered.")
	}
	file := filepath.Join(s.dir, FileName)
	code := sqliteCode(err)
	if code == sqlite3.SQLITE_FULL || (code == sqlite3.SQLITE_IOERR || code == sqlite3.SQLITE_CANTOPEN) && s.full() {
		return graft.WrapError(graft.CodeUnavailable, err,
			"The disk of the data directory %s is full: nothing was saved. Free some space and try again.", s.dir)
	}
	switch code {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return graft.WrapError(graft.CodeUnavailable, err,
			"The database %s is locked by another program: nothing was saved. End that program or try again.", file)
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return graft.WrapError(graft.CodeUnavailable, err,
			"The database %s can't be written: nothing was saved. See to it that its file system is not read-only, "+
				"and that this user owns the file and its directory.", file)
	case sqlite3.SQLITE_IOERR:
		return graft.WrapError(graft.CodeUnavailable, err,
			"The disk of the data directory %s reports errors: nothing was saved. "+
				"Check the disk, and that its file system is not read-only.", s.dir)
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return graft.WrapError(graft.CodeInternal, err,
			"The file %s is damaged or is no database. Put back a copy, or move it away to start with an empty one.", file)
	}
	return graft.WrapError(graft.CodeInternal, err, "The database %s failed.", file)
}

// full is whether the disk has no room for the next few pages: a database that
// can't grow one of its side files reports an error of input and output.
func (s *Store) full() bool {
	free, err := freeSpace(s.dir)
	return err == nil && free < 64<<10
}

// decodeError is for a row that this program did not write.
func decodeError(err error, what, id string) error {
	return graft.WrapError(graft.CodeInternal, err, "The database's entry for %s %s can't be read.", what, id)
}
