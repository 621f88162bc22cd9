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

// How many connections one process has at most to write and to read: a PostgreSQL
// as it comes takes 100 of all processes together. More that read at a time are
// not faster, as each has to learn every statement; more that write share what
// takes long, which is to wait for the disk.
const (
	writers = 12
	readers = 8
)

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
		// Other than information_schema, it has the tables that this user may not read.
		hasTable: `select count(*) from pg_catalog.pg_tables where schemaname = current_schema() and tablename = $1`,
		noSchema: `select current_setting('search_path') where current_schema() is null`,
		lastID:   `select coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'id')::regclass), 0)`,
		setLastID: []string{
			`select setval(pg_get_serial_sequence($1, 'id')::regclass, greatest($2::bigint, 1), $2::bigint > 0)`,
		},
		nextSeq:   `nextval('addons_seq')`,
		resetSeq:  `select setval('addons_seq', (select coalesce(max(seq), 0) + 1 from addons), false)`,
		nextName:  `null`,
		resetName: `select setval('names_seq', (select coalesce(max(seq), 0) + 1 from names), false)`,
		terms:     postgresTerms(),
		explain:   func(err error) error { return explainPostgres(err, location) },
	}
}

// postgresTerms is about one index of all terms, which finds addons in no order,
// and about the rows of the terms, which are in every order.
func postgresTerms() termIndex {
	// "offset 0" and "limit 1" keep the planner from other ways: how much a rare
	// word finds it does not know.
	const addon = ` cross join lateral (select * from addons where seq = t.seq limit 1) a`
	in := func(by string, beyond func(x *selection, at *cursor) string) order {
		return order{
			found: `(select t.seq, t.name from addon_terms t where t.terms @@ %[1]s::tsquery order by ` + by + ` offset 0) t` + addon,
			nearby: `(select t.seq, t.name from (select * from addon_terms t where %[2]s order by ` + by + ` limit %[3]d) t
				where t.terms @@ %[1]s::tsquery order by ` + by + ` offset 0) t` + addon,
			by: by, beyond: beyond,
		}
	}
	return termIndex{
		orders: map[graft.AddonSort]order{
			graft.SortNewest: in("t.seq desc", func(x *selection, at *cursor) string { return "t.seq < " + x.arg(at.seq) }),
			graft.SortOldest: in("t.seq", func(x *selection, at *cursor) string { return "t.seq > " + x.arg(at.seq) }),
			graft.SortName: in("t.name, t.seq", func(x *selection, at *cursor) string {
				return fmt.Sprintf("(t.name, t.seq) > (%s, %s)", x.arg(at.name), x.arg(at.seq))
			}),
		},
		tables: []termTable{{
			put: `insert into addon_terms (seq, name, terms) select seq, name, array_to_tsvector(string_to_array($2, ' ')) from addons where id = $1
				on conflict (seq) do update set terms = excluded.terms, name = excluded.name`,
			order: "seq",
		}},
		drop:  []string{`delete from addon_terms where seq = (select seq from addons where id = $1)`},
		empty: []string{`delete from addon_terms`},
		quote: `'`, or: " | ", and: " & ",
	}
}

// lockSpace is the first number of all advisory locks, so that they are none of
// other programs' in the same database: "graf" in ASCII.
const lockSpace = "1735549286"

// openPostgres opens pools of connections to a postgres:// URL. What the URL
// does not say is taken from the variables of libpq, such as PGPASSWORD.
// CodeInvalid when it is none.
func openPostgres(url string) (d dialect, write, read *sql.DB, err error) {
	scheme, _, _ := strings.Cut(url, "://")
	config, err := pgx.ParseConfig(url)
	if err != nil || scheme != "postgres" && scheme != "postgresql" {
		// What pgx says of it has no password in it, the URL may.
		return dialect{}, nil, nil, graft.WrapError(graft.CodeInvalid, err,
			"The database is to be a URL such as postgres://user@host:5432/name, with --database; without one it is a file in the data directory.")
	}
	for name, value := range map[string]string{
		"application_name": applicationName(),
		// A host that lost its power says no goodbye. What it had is free within half a minute.
		"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "4",
		"idle_in_transaction_session_timeout": "30000",
		// Statements are few, short and repeated, and mean the same way to what they
		// find whatever their arguments are: to plan them takes longer than to run them.
		"plan_cache_mode": "force_generic_plan", "jit": "off",
	} {
		if _, set := config.RuntimeParams[name]; !set {
			config.RuntimeParams[name] = value
		}
	}
	pool := func(size int) *sql.DB {
		db := stdlib.OpenDB(*config)
		db.SetMaxOpenConns(size)
		db.SetMaxIdleConns(size)
		return db
	}
	return postgresDialect(locate(&config.Config)), pool(writers), pool(readers), nil
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
// if it is none that needs explaining. Strangers read the message: where the database
// is, and what it says itself, is in the cause, for the log.
func explainPostgres(err error, location string) error {
	state := postgresCode(err)
	unavailable := func(message string) error {
		return graft.WrapError(graft.CodeUnavailable, fmt.Errorf("%s: %w", location, err), "%s", message)
	}
	switch class := state[:min(2, len(state))]; {
	case state == serializationFailure, state == deadlockDetected:
		return unavailable("Others write the same rows of the database all the time: nothing was saved. Try again.")
	case state == diskFull:
		return unavailable("The disk of the database is full: nothing was saved. Free some space there and try again.")
	case state == readOnly:
		return unavailable("The database can only be read: nothing was saved. It may be a standby; name the primary with --database.")
	case class == "28", state == "3D000", state == "42501": // not let in; no such database; no right to a table
		return unavailable("The database does not let this server in. See to its name, the user, the password and the user's rights.")
	case class == "53", class == "57", class == "58": // out of something; told to stop, starting; its disk fails
		return unavailable("The database can't work at present. It says why in the server's log.")
	case state == badText:
		return graft.WrapError(graft.CodeInvalid, err, "A text has characters in it that no text has: it is no UTF-8, or has a NUL in it.")
	case state != "":
		return nil
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed) {
		return unavailable("The database does not answer. See to it that it runs and can be reached from here.")
	}
	return nil
}
