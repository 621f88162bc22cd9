package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/graftplatform/graft"
)

// poolSize is how many connections one process has at most: a PostgreSQL as it
// comes takes 100 of all processes together.
const poolSize = 20

// States of PostgreSQL that mean something to the store; see its appendix
// "PostgreSQL Error Codes".
const (
	badText              = "22021"
	restrictViolation    = "23001"
	foreignKeyViolation  = "23503"
	uniqueViolation      = "23505"
	readOnly             = "25006"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	diskFull             = "53100"
)

// postgresDialect is that of a PostgreSQL server. Many write at a time there, so
// many clash; of those that do, one gets through, and all others are tried again.
func postgresDialect(location string) dialect {
	return dialect{
		kind: "PostgreSQL", location: location, shared: true,
		goose: goose.DialectPostgres, migrations: "migrations/postgres",
		isolation:  sql.LevelRepeatableRead,
		tries:      100,
		skipLocked: " for update skip locked",
		lockEvents: `select pg_advisory_xact_lock(` + lockSpace + `, hashtext('events ' || current_schema()))`,
		lockTables: []string{
			`set local idle_in_transaction_session_timeout = 0`,
			`lock table TABLES in exclusive mode`,
		},
		hasTable: `select count(*) from information_schema.tables where table_schema = current_schema() and table_name = $1`,
		lastID:   `select coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'id')::regclass), 0)`,
		setLastID: []string{
			`select setval(pg_get_serial_sequence($1, 'id')::regclass, greatest($2::bigint, 1), $2::bigint > 0)`,
		},
		nextSeq:  `nextval('addons_seq')`,
		resetSeq: `select setval('addons_seq', (select coalesce(max(seq), 0) + 1 from addons), false)`,
		// A sequence, as what a transaction reads is of its beginning.
		nextName:  `nextval('names_seq')`,
		resetName: `select setval('names_seq', (select coalesce(max(seq), 0) + 1 from names), false)`,
		lockNames: `select pg_advisory_xact_lock(` + lockSpace + `, hashtext('names ' || current_schema()))`,
		terms: termIndex{
			// "offset 0" and "limit 1" keep the planner from other ways: how much a rare
			// word finds it does not know.
			key:   "t.seq",
			found: `(select seq from addon_terms where terms @@ %[1]s::tsquery order by seq %[2]s offset 0) t` + addonOfTerms,
			nearby: `(select seq from (select seq, terms from addon_terms where %[2]s order by seq %[3]s limit 4000) near
				where terms @@ %[1]s::tsquery order by seq %[3]s offset 0) t` + addonOfTerms,
			findsMany: `select count(*) >= 5 from (select terms from addon_terms order by seq desc limit 1000) sample where terms @@ $1::tsquery`,
			put: `insert into addon_terms (seq, terms) select seq, array_to_tsvector(string_to_array($2, ' ')) from addons where id = $1
				on conflict (seq) do update set terms = excluded.terms`,
			drop:  `delete from addon_terms where seq = (select seq from addons where id = $1)`,
			empty: `delete from addon_terms`,
			quote: `'`, or: " | ", and: " & ",
		},
		explain: func(err error) error { return explainPostgres(err, location) },
	}
}

// addonOfTerms joins a row of an addon to that of its terms.
const addonOfTerms = ` cross join lateral (select * from addons where seq = t.seq limit 1) a`

// lockSpace is the first number of all advisory locks, so that they are none of
// other programs' in the same database: "graf" in ASCII.
const lockSpace = "1735549286"

// openPostgres opens a pool of connections to a postgres:// URL. What the URL
// does not say is taken from the variables of libpq, such as PGPASSWORD.
// CodeInvalid when it is none.
func openPostgres(url string) (dialect, *sql.DB, error) {
	scheme, _, _ := strings.Cut(url, "://")
	config, err := pgx.ParseConfig(url)
	if err != nil || scheme != "postgres" && scheme != "postgresql" {
		// What pgx says of it has no password in it, the URL may.
		return dialect{}, nil, graft.WrapError(graft.CodeInvalid, err,
			"The database is to be a URL such as postgres://user@host:5432/name, with --database; without one it is a file in the data directory.")
	}
	for name, value := range map[string]string{
		"application_name": applicationName(),
		// A host that lost its power says no goodbye. What it had is free within half a minute.
		"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "4",
		"idle_in_transaction_session_timeout": "30000",
	} {
		if _, set := config.RuntimeParams[name]; !set {
			config.RuntimeParams[name] = value
		}
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(poolSize)
	db.SetMaxIdleConns(poolSize)
	return postgresDialect(locate(&config.Config)), db, nil
}

// applicationName tells others in the same database who this is.
func applicationName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("graft on %.40s, process %d", host, os.Getpid()) // PostgreSQL cuts it at 63 bytes
}

// locate names a database for people.
func locate(c *pgconn.Config) string {
	if strings.HasPrefix(c.Host, "/") { // a socket
		return "postgres:///" + c.Database + "?host=" + c.Host
	}
	return "postgres://" + net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) + "/" + c.Database
}

// explainPostgres says what an error of PostgreSQL or of the way there means; nil
// if it is none that needs explaining.
func explainPostgres(err error, location string) error {
	state := postgresCode(err)
	switch class := state[:min(2, len(state))]; {
	case state == serializationFailure, state == deadlockDetected:
		return graft.WrapError(graft.CodeUnavailable, err,
			"Others write the same rows of the database %s all the time: nothing was saved. Try again.", location)
	case state == diskFull:
		return graft.WrapError(graft.CodeUnavailable, err,
			"The disk of the database %s is full: nothing was saved. Free some space there and try again.", location)
	case state == readOnly:
		return graft.WrapError(graft.CodeUnavailable, err,
			"The database %s can only be read: nothing was saved. It may be a standby; name the primary with --database.", location)
	case class == "28", state == "3D000", state == "42501": // not let in; no such database; no right to a table
		return graft.WrapError(graft.CodeUnavailable, err,
			"The database %s lets this user do nothing: %s. See to its name, the user, the password and the user's rights.", location, reason(err))
	case class == "53", class == "57", class == "58": // out of something; told to stop, starting; its disk fails
		return graft.WrapError(graft.CodeUnavailable, err, "The database %s can't work at present: %s.", location, reason(err))
	case state == badText:
		return graft.WrapError(graft.CodeInvalid, err, "A text has characters in it that no text has: it is no UTF-8, or has a NUL in it.")
	case state != "":
		return nil
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return graft.WrapError(graft.CodeUnavailable, err,
			"The database %s does not answer. See to it that it runs and can be reached from here.", location)
	}
	return nil
}

// reason is what PostgreSQL itself says.
func reason(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return "it does not say why"
	}
	return strings.TrimSuffix(e.Message, ".")
}
