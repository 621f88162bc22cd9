package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"runtime"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
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
		terms:    sqliteTerms(),
		explain:  func(err error) error { return explainSQLite(err, dir) },
	}
}

// sqliteTerms is about two indexes of all terms, which find addons in the order of
// the numbers of their rows: in one these are seq, in the other one places among
// the names.
func sqliteTerms() termIndex {
	// The left one of a cross join is the outer loop.
	const (
		bySeq  = `addon_terms t cross join addons a on a.seq = t.rowid and t.addon_terms match %[1]s`
		byName = `addon_terms_by_name t cross join addon_places p on p.place = t.rowid and t.addon_terms_by_name match %[1]s
			cross join addons a on a.seq = p.seq`
	)
	return termIndex{
		orders: map[graft.AddonSort]order{
			graft.SortNewest: {
				found: bySeq, by: "t.rowid desc",
				beyond: func(x *selection, at *cursor) string { return "t.rowid < " + x.arg(at.seq) },
			},
			graft.SortOldest: {
				found: bySeq, by: "t.rowid",
				beyond: func(x *selection, at *cursor) string { return "t.rowid > " + x.arg(at.seq) },
			},
			graft.SortName: {
				found: byName, by: "t.rowid",
				beyond: func(x *selection, at *cursor) string {
					return fmt.Sprintf("t.rowid > coalesce((%s), 0)", placeBefore("<=", x.arg(at.name), x.arg(at.seq)))
				},
			},
		},
		tables: []termTable{
			{put: `insert or replace into addon_terms (rowid, terms) select seq, $2 from addons where id = $1`, order: "seq"},
			{
				put: `insert or replace into addon_terms_by_name (rowid, terms)
					select place, $2 from addon_places where seq = (select seq from addons where id = $1)`,
				order: "name, seq",
			},
		},
		drop: []string{
			`delete from addon_terms where rowid = (select seq from addons where id = $1)`,
			`delete from addon_terms_by_name where rowid = (select p.place from addons a cross join addon_places p on p.seq = a.seq where a.id = $1)`,
			`delete from addon_places where seq = (select seq from addons where id = $1)`,
		},
		empty: []string{
			`insert into addon_terms (addon_terms) values ('delete-all')`,
			`insert into addon_terms_by_name (addon_terms_by_name) values ('delete-all')`,
			`delete from addon_places`,
		},
		places: true,
		quote:  `"`, or: " OR ", and: " AND ",
	}
}

// busyTimeout is how long SQLite itself waits for a lock, in milliseconds.
const busyTimeout = "2000"

// openWriter opens the one connection that writes. Its transactions take the
// write lock at their start, so that none fails half-way for want of it.
func openWriter(path string) (*sql.DB, error) {
	db, err := openLite(dsn(path, url.Values{
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
	db, err := openLite(dsn(path, url.Values{"_query_only": {"on"}}))
	if err != nil {
		return nil, err
	}
	n := max(4, runtime.GOMAXPROCS(0))
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

func openLite(dsn string) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(keeper{connector}), nil
}

func dsn(path string, settings url.Values) string {
	settings.Set("_busy_timeout", busyTimeout)
	settings.Set("_dqs", "false")
	u := url.URL{Scheme: "file", Path: path, RawQuery: settings.Encode()}
	return u.String()
}

// explainSQLite says what an error of SQLite means; nil if it is none that needs
// explaining. Strangers read the message: where the file is, is in the cause, for the
// log.
func explainSQLite(err error, dir string) error {
	code := sqliteCode(err)
	unavailable := func(message string) error {
		return graft.WrapError(graft.CodeUnavailable, fmt.Errorf("%s: %w", filepath.Join(dir, FileName), err), "%s", message)
	}
	if code == sqlite3.SQLITE_FULL || (code == sqlite3.SQLITE_IOERR || code == sqlite3.SQLITE_CANTOPEN) && isFull(dir) {
		return unavailable("The disk of the data directory is full: nothing was saved. Free some space and try again.")
	}
	const notWritable = "The database can't be written: nothing was saved. See to it that its file system is not read-only, " +
		"and that the server's user owns the file and its directory."
	if errors.Is(err, fs.ErrPermission) { // of the system, before SQLite was asked
		return unavailable(notWritable)
	}
	switch code {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return unavailable("The database is locked by another program: nothing was saved. End that program or try again.")
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return unavailable(notWritable)
	case sqlite3.SQLITE_IOERR:
		return unavailable("The disk of the data directory reports errors: nothing was saved. " +
			"Check the disk, and that its file system is not read-only.")
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return graft.WrapError(graft.CodeInternal, err,
			"The file %s is damaged or is no database. Put back a copy, or move it away to start with an empty one.", filepath.Join(dir, FileName))
	}
	return nil
}

// isFull is whether the disk has no room for the next few pages: a database that
// can't grow one of its side files reports an error of input and output.
func isFull(dir string) bool {
	free, err := freeSpace(dir)
	return err == nil && free < 64<<10
}
