package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/graftplatform/graft"
)

// Import reads what Export wrote into a database that has nothing in it yet, all
// of it or nothing, and returns how many rows each table got. The identity of
// the engine comes along: the containers that it made are its own still.
// CodeConflict when something is there already, or when an engine works on the
// database; CodeInvalid, with the line, for what no Export wrote.
func (s *Store) Import(ctx context.Context, r io.Reader) (map[string]int64, error) {
	if err := s.LockEngine(ctx); err != nil {
		return nil, err
	}
	defer func() { _ = s.engine.release() }() // its connection is closed in any case
	var counted map[string]int64
	// Once: what was read can't be read again.
	err := s.transactAlone(ctx, s.dialect.isolation, func(tx *sql.Tx) (err error) {
		if err := s.claimEmpty(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `delete from meta`); err != nil {
			return err
		}
		in := &importer{store: s, tx: tx, lines: json.NewDecoder(r), rows: map[string]int64{}}
		in.lines.UseNumber()
		defer func() { err = errors.Join(err, in.close()) }()
		counted, err = in.run(ctx)
		return err
	})
	return counted, s.explain(err)
}

// claimEmpty keeps everybody else from writing, and refuses a database that has
// anything in it. What a server notes at its start does not count.
func (s *Store) claimEmpty(ctx context.Context, tx *sql.Tx) error {
	var names []string
	for _, table := range tables() {
		names = append(names, table.name)
	}
	for _, statement := range s.dialect.lockTables {
		if _, err := tx.ExecContext(ctx, strings.ReplaceAll(statement, "TABLES", strings.Join(names, ", "))); err != nil {
			return err
		}
	}
	for _, name := range names {
		if name == "meta" {
			continue
		}
		var some bool
		if err := tx.QueryRowContext(ctx, `select exists (select 1 from `+name+`)`).Scan(&some); err != nil {
			return err
		}
		if some {
			return graft.Errorf(graft.CodeConflict,
				"The database %s has %s already: nothing was changed. Import into an empty one.", s.dialect.location, name)
		}
	}
	return nil
}

// importer reads one export.
type importer struct {
	store *Store
	tx    *sql.Tx
	lines *json.Decoder
	line  int
	rows  map[string]int64

	table   string // that of the last row
	columns []string
	insert  *sql.Stmt
}

// importLine is any line of an export.
type importLine struct {
	exportHead
	exportRow
	exportEnd
}

func (in *importer) run(ctx context.Context) (map[string]int64, error) {
	head, err := in.next()
	if err != nil {
		return nil, err
	}
	if err := in.check(ctx, head); err != nil {
		return nil, err
	}
	for {
		line, err := in.next()
		if err != nil {
			return nil, err
		}
		if line.Rows != nil {
			return in.rows, in.finish(ctx, head, line.Rows)
		}
		if err := in.add(ctx, line.Table, line.Row); err != nil {
			return nil, err
		}
	}
}

// next reads a line.
func (in *importer) next() (importLine, error) {
	in.line++
	var line importLine
	err := in.lines.Decode(&line)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return line, in.invalid(err, "it ends before its end: a part is missing")
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &kind) {
		if in.line == 1 {
			return line, in.invalid(err, noExport)
		}
		return line, in.invalid(err, "it is no line of an export")
	}
	return line, err
}

// noExport is said of what does not begin as an export does.
const noExport = `it is no export: those are made by "graft db export"; what mongoexport wrote of the old system is read with --from-mongo-json`

// check is about the head.
func (in *importer) check(ctx context.Context, head importLine) error {
	switch {
	case head.Format == 0:
		return in.invalid(nil, noExport)
	case head.Format != exportFormat:
		return in.invalid(nil, "it has format %d, and this graft reads format %d", head.Format, exportFormat)
	}
	var own int64 // within the transaction: SQLite has no second connection that writes
	err := in.tx.QueryRowContext(ctx, `select coalesce(max(version_id), 0) from goose_db_version where is_applied`).Scan(&own)
	if err == nil && own != head.Schema {
		return in.invalid(nil, "it has schema version %d, and this graft has %d: export it with the same version of graft, after \"graft db migrate\"", head.Schema, own)
	}
	return err
}

// add inserts a row.
func (in *importer) add(ctx context.Context, table string, row map[string]any) error {
	columns := slices.Sorted(maps.Keys(row))
	if table != in.table || !slices.Equal(columns, in.columns) {
		if err := in.prepare(ctx, table, columns); err != nil {
			return err
		}
	}
	args := make([]any, len(columns))
	for i, name := range columns {
		switch value := row[name].(type) {
		case string:
			args[i] = text(value)
		case bool:
			args[i] = value
		case json.Number:
			n, err := value.Int64()
			if err != nil {
				return in.invalid(err, "%s.%s is no whole number", table, name)
			}
			args[i] = n
		default:
			return in.invalid(nil, "%s.%s is neither a text nor a number nor a truth value", table, name)
		}
	}
	if _, err := in.insert.ExecContext(ctx, args...); err != nil {
		if isBroken(err) {
			return in.invalid(err, "the row does not fit into the table %s", table)
		}
		return err
	}
	in.rows[table]++
	return nil
}

// prepare makes the statement for rows of a table. What it is made of is checked
// against what there is: the export may be anybody's.
func (in *importer) prepare(ctx context.Context, name string, columns []string) error {
	if err := in.close(); err != nil {
		return err
	}
	if !slices.ContainsFunc(tables(), func(t table) bool { return t.name == name }) {
		return in.invalid(nil, "there is no table %q", name)
	}
	known, err := columnsOf(ctx, in.tx, name)
	if err != nil {
		return err
	}
	slices.Sort(known)
	if !slices.Equal(known, columns) {
		return in.invalid(nil, "a row of the table %s has the columns %s, and not %s", name, strings.Join(known, ", "), strings.Join(columns, ", "))
	}
	places := make([]string, len(columns))
	for i := range places {
		places[i] = fmt.Sprintf("$%d", i+1)
	}
	in.table, in.columns = name, columns
	in.insert, err = in.tx.PrepareContext(ctx,
		`insert into `+name+` (`+strings.Join(columns, ", ")+`) values (`+strings.Join(places, ", ")+`)`) //nolint:gosec // checked above
	return err
}

// columnsOf returns the names of a table's columns.
func columnsOf(ctx context.Context, tx *sql.Tx, table string) (names []string, err error) {
	rows, err := tx.QueryContext(ctx, `select * from `+table+` where 1 = 0`) //nolint:gosec // one of ours
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if names, err = rows.Columns(); err != nil {
		return nil, err
	}
	return names, rows.Err()
}

// finish compares what was read with what was written, and has ids go on after
// the last one that was given.
func (in *importer) finish(ctx context.Context, head importLine, want map[string]int64) error {
	for _, t := range tables() {
		if in.rows[t.name] != want[t.name] {
			return in.invalid(nil, "the table %s had %d rows, and %d are here", t.name, want[t.name], in.rows[t.name])
		}
		if !t.sequence {
			continue
		}
		for _, statement := range in.store.dialect.setLastID {
			if _, err := in.tx.ExecContext(ctx, statement, placed(statement, t.name, head.LastIDs[t.name])...); err != nil {
				return err
			}
		}
	}
	if in.store.dialect.resetName != "" {
		if _, err := in.tx.ExecContext(ctx, in.store.dialect.resetName); err != nil {
			return err
		}
	}
	if err := in.store.finishAddons(ctx, in.tx); err != nil {
		return err
	}
	if in.lines.More() {
		in.line++
		return in.invalid(nil, "there is more after the end")
	}
	return nil
}

// placed are the arguments that a statement names.
func placed(statement string, args ...any) []any {
	n := 0
	for n < len(args) && strings.Contains(statement, fmt.Sprintf("$%d", n+1)) {
		n++
	}
	return args[:n]
}

func (in *importer) close() error {
	if in.insert == nil {
		return nil
	}
	insert := in.insert
	in.insert = nil
	return insert.Close()
}

func (in *importer) invalid(cause error, format string, args ...any) error {
	return graft.WrapError(graft.CodeInvalid, cause, "Line %d of the import: %s. Nothing was changed.", in.line, fmt.Sprintf(format, args...))
}
