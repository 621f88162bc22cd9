package store

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/graftplatform/graft"
)

// dialect is all that differs between the databases, other than the migrations.
type dialect struct {
	kind     string // for people: SQLite or PostgreSQL
	location string // file, or URL without user and password
	shared   bool   // other processes may have it open, too

	goose      goose.Dialect
	migrations string // folder

	isolation  sql.IsolationLevel // see Store.update
	tries      int                // of a transaction that clashes with others
	skipLocked string             // of a select: takes rows that no other transaction has
	// lockEvents lets one transaction at a time append events, or entries of the
	// audit log, until it ends: whoever
	// reads the newest id may rely on it that no lower one comes after.
	lockEvents string

	lockTables []string // let nobody else write the tables TABLES, until the transaction ends, however long it takes

	hasTable string // how many tables are called $1
	noSchema string // a row, with where it was sought, if there is no schema for tables; empty: there always is
	// lastID is the last id that was given in the table $1, and setLastID are
	// statements that make it $2.
	lastID    string
	setLastID []string

	// nextSeq is the next place in the order of publication; resetSeq, if it is not
	// empty, has it go on after the last one that there is.
	nextSeq, resetSeq string
	// nextName and resetName are the same for the order of names, of which whoever
	// sees one sees those before it. Where the next one is null, a trigger gives it.
	nextName, resetName string
	terms               termIndex

	explain func(err error) error // makes an error for people; nil: it is no error of that kind
}

// termIndex is how a database finds addons by their terms.
type termIndex struct {
	orders map[graft.AddonSort]order
	tables []termTable
	drop   []string // statements that take out the terms of the addon $1
	empty  []string // statements that take out all terms
	// places is whether addons have places in the order of names; see places.go.
	places bool
	// Parts of an expression: of several terms one, several of which each.
	quote   string
	or, and string
}

// termTable is where terms are.
type termTable struct {
	put   string // makes the terms of the addon $1 those of $2, which have a space between
	order string // columns of addons, in whose order much of it is written fastest
}

// order is one in which addons are found.
type order struct {
	// found is all that the expression %[1]s finds: addons a, beside t with that by
	// which they are ordered.
	found string
	// nearby is the same of the next %[3]d addons only: those for which %[2]s is true.
	// Empty: found costs no more if it finds a lot.
	nearby string
	by     string
	// beyond is what is true of those that come after a place.
	beyond func(x *selection, at *cursor) string
}

// expression returns what finds addons that have one term of each list. Terms
// have neither quotes nor operators.
func (t *termIndex) expression(all [][]string) string {
	var parts []string
	for _, terms := range all {
		part := t.quote + strings.Join(terms, t.quote+t.or+t.quote) + t.quote
		if len(terms) > 1 {
			part = "(" + part + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, t.and)
}

// isBusy is whether the same transaction may succeed a little later.
func isBusy(err error) bool {
	switch sqliteCode(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return true
	}
	switch postgresCode(err) {
	case serializationFailure, deadlockDetected:
		return true
	}
	return false
}

// isForeignKey is whether a reference to or from a row forbade a change.
func isForeignKey(err error) bool {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() {
		case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, sqlite3.SQLITE_CONSTRAINT_TRIGGER: // TRIGGER: of "on delete restrict"
			return true
		}
		return false
	}
	switch postgresCode(err) {
	case foreignKeyViolation, restrictViolation:
		return true
	}
	return false
}

// isUnique is whether there is a row already that may be there only once.
func isUnique(err error) bool {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE
	}
	return postgresCode(err) == uniqueViolation
}

// isBroken is whether a row breaks a rule of its table, or has a value of another
// type.
func isBroken(err error) bool {
	switch state := postgresCode(err); state[:min(2, len(state))] {
	case "22", "23": // data exceptions, violations of constraints
		return true
	}
	switch sqliteCode(err) {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH:
		return true
	}
	return false
}

// sqliteCode returns the primary result code of an error of SQLite, 0 for any
// other error.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

// postgresCode returns the SQLSTATE of an error of PostgreSQL, empty for any
// other error.
func postgresCode(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return ""
	}
	return e.Code
}
