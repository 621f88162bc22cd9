package store

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
)

// exportFormat is the version of what Export writes. It changes when somebody
// who knows an older one could not read a newer one.
const exportFormat = 1

// exportHead is the first line of an export.
type exportHead struct {
	Format int       `json:"graft_export"`
	Schema int64     `json:"schema"`
	From   string    `json:"from"` // SQLite or PostgreSQL
	At     time.Time `json:"at"`
	// LastIDs are the last ids that were given, by table: what was given once is
	// not given again, although its row may be gone.
	LastIDs map[string]int64 `json:"last_ids"`
}

// exportRow is a row of a table, its columns by their names: texts, whole
// numbers, truth values.
type exportRow struct {
	Table string         `json:"table"`
	Row   map[string]any `json:"row"`
}

// exportEnd is the last line: who does not find it has only a part.
type exportEnd struct {
	Rows map[string]int64 `json:"end"` // by table
}

// Export writes everything that the database has, as it was at one moment, as
// JSON lines: a head, one line for each row, table after table, and an end that
// counts them. It may be read by Import, into a database of any kind whose schema
// has the same version. CodeConflict when the schema is not that of this program.
func (s *Store) Export(ctx context.Context, w io.Writer) error {
	version, err := s.current(ctx, s.read)
	if err != nil {
		return s.explain(err)
	}
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{Isolation: s.dialect.isolation})
	if err != nil {
		return s.explain(err)
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to keep
	buffered := bufio.NewWriterSize(w, 1<<20)
	enc := json.NewEncoder(buffered)
	enc.SetEscapeHTML(false)
	head := exportHead{Format: exportFormat, Schema: version, From: s.dialect.kind, At: now(), LastIDs: map[string]int64{}}
	for _, table := range tables() {
		if !table.sequence {
			continue
		}
		var id int64
		if err := tx.QueryRowContext(ctx, s.dialect.lastID, table.name).Scan(&id); err != nil {
			return s.explain(err)
		}
		head.LastIDs[table.name] = id
	}
	if err := enc.Encode(head); err != nil {
		return err
	}
	end := exportEnd{Rows: map[string]int64{}}
	for _, table := range tables() {
		if end.Rows[table.name], err = exportTable(ctx, tx, table, enc); err != nil {
			return s.explain(err)
		}
	}
	if err := enc.Encode(end); err != nil {
		return err
	}
	return buffered.Flush()
}

func exportTable(ctx context.Context, tx *sql.Tx, table table, enc *json.Encoder) (n int64, err error) {
	rows, err := tx.QueryContext(ctx, `select * from `+table.name+` order by `+table.order) //nolint:gosec // constants
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return 0, err
	}
	values, places := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	for ; rows.Next(); n++ {
		if err := rows.Scan(places...); err != nil {
			return n, err
		}
		row := make(map[string]any, len(columns))
		for i, column := range columns {
			row[column.Name()] = exported(column, values[i])
		}
		if err := enc.Encode(exportRow{table.name, row}); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}

// exported is a value as it is written. SQLite has no truth values of its own.
func exported(column *sql.ColumnType, value any) any {
	n, number := value.(int64)
	if number && strings.EqualFold(column.DatabaseTypeName(), "boolean") {
		return n != 0
	}
	return value
}
