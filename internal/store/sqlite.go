package store

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"runtime"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/graftplatform/graft"
)

// sqliteDialect is that of the database in a data directory. One connection of one
// process writes: nothing clashes but with other programs, and nothing needs to
// be locked.
func sqliteDialect(dir string) dialect {
	return dialect{
		kind: "SQLite", location: filepath.Join(dir, FileName),
		goose: goose.DialectSQLite3, migrations: "migrations/sqlite",
		tries:    5,
		hasTable: `select count(*) from sqlite_master where type = 'table' and name = $1`,
		lastID:   `select coalesce((select seq from sqlite_sequence where name = $1), 0)`,
		setLastID: []string{
			`delete from sqlite_sequence where name = $1`,
			`insert into sqlite_sequence (name, seq) values ($1, $2)`,
		},
		nextSeq:  `(select coalesce(max(seq), 0) + 1 from addons)`,
		nextName: `(select coalesce(max(seq), 0) + 1 from names)`,
		terms: termIndex{
			key:       "t.rowid",
			found:     `addon_terms t cross join addons a on a.seq = t.rowid and t.addon_terms match %[1]s`, // the left one is the outer loop
			findsMany: `select count(*) >= 300 from (select 1 from addon_terms where addon_terms match $1 limit 300)`,

			put:   `insert or replace into addon_terms (rowid, terms) select seq, $2 from addons where id = $1`,
			drop:  `delete from addon_terms where rowid = (select seq from addons where id = $1)`,
			empty: `insert into addon_terms (addon_terms) values ('delete-all')`,
			quote: `"`, or: " OR ", and: " AND ",
		},
		explain: func(err error) error { return explainSQLite(err, dir) },
	}
}

// busyTimeout is how long SQLite itself waits for a lock, in milliseconds.
const busyTimeout = "2000"

// openWriter opens the one connection that writes. Its transactions take the
// write lock at their start, so that none fails half-way for want of it.
func openWriter(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path, url.Values{
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"on"},
		"_txlock":       {"immediate"},
		"_pragma":       {"journal_size_limit(16777216)"},
	}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// openReaders opens the connections that only read.
func openReaders(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path, url.Values{"_query_only": {"on"}}))
	if err != nil {
		return nil, err
	}
	n := max(4, runtime.GOMAXPROCS(0))
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

func dsn(path string, settings url.Values) string {
	settings.Set("_busy_timeout", busyTimeout)
	settings.Set("_dqs", "false")
	u := url.URL{Scheme: "file", Path: path, RawQuery: settings.Encode()}
	return u.String()
}

// explainSQLite says what an error of SQLite means; nil if it is none that needs
// explaining.
func explainSQLite(err error, dir string) error {
	file := filepath.Join(dir, FileName)
	code := sqliteCode(err)
	if code == sqlite3.SQLITE_FULL || (code == sqlite3.SQLITE_IOERR || code == sqlite3.SQLITE_CANTOPEN) && isFull(dir) {
		return graft.WrapError(graft.CodeUnavailable, err,
			"The disk of the data directory %s is full: nothing was saved. Free some space and try again.", dir)
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
				"Check the disk, and that its file system is not read-only.", dir)
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return graft.WrapError(graft.CodeInternal, err,
			"The file %s is damaged or is no database. Put back a copy, or move it away to start with an empty one.", file)
	}
	return nil
}

// isFull is whether the disk has no room for the next few pages: a database that
// can't grow one of its side files reports an error of input and output.
func isFull(dir string) bool {
	free, err := freeSpace(dir)
	return err == nil && free < 64<<10
}
