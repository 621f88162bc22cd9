package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/graftplatform/graft"
)

// maxLookalikes bounds how many names are compared with one.
const maxLookalikes = 1000

// Lookalikes returns the names, sorted, that are older than this one, belong to
// another publisher, and can be taken for it.
func (s *Store) Lookalikes(ctx context.Context, name string) (names []string, err error) {
	args := []any{name}
	var keys []string
	for _, key := range graft.LookalikeKeys(name) {
		args = append(args, key)
		keys = append(keys, fmt.Sprintf("$%d", len(args)))
	}
	rows, err := s.read.QueryContext(ctx, //nolint:gosec // keys are placeholders
		`select distinct other.name from name_keys join names other on other.name = name_keys.name join names own on own.name = $1
		where name_keys.key in (`+strings.Join(keys, ", ")+`) and other.publisher <> own.publisher and
			(other.created_at < own.created_at or other.created_at = own.created_at and other.name < own.name)
		limit `+fmt.Sprint(maxLookalikes), args...)
	if err != nil {
		return nil, s.explain(err)
	}
	defer func() { err = s.explain(errors.Join(err, rows.Close())) }()
	for rows.Next() {
		var other string
		if err := rows.Scan(&other); err != nil {
			return nil, err
		}
		if graft.Lookalike(name, other) {
			names = append(names, other)
		}
	}
	slices.Sort(names)
	return names, rows.Err()
}

// insertKeys takes note of what a name can be taken for.
func insertKeys(ctx context.Context, tx *sql.Tx, name string) error {
	args := []any{name}
	var rows []string
	for _, key := range graft.LookalikeKeys(name) {
		args = append(args, key)
		rows = append(rows, fmt.Sprintf("($%d, $1)", len(args)))
	}
	_, err := tx.ExecContext(ctx, `insert into name_keys (key, name) values `+strings.Join(rows, ", ")+` on conflict do nothing`, args...) //nolint:gosec // placeholders
	return err
}

// lookalikeMigration gives the names that there were before their keys, which
// SQL can't compute.
func lookalikeMigration() *goose.Migration {
	return goose.NewGoMigration(5, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `select name from names`)
		if err != nil {
			return err
		}
		var names []string
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return errors.Join(err, rows.Close())
			}
			names = append(names, name)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		for _, name := range names {
			if err := insertKeys(ctx, tx, name); err != nil {
				return err
			}
		}
		return nil
	}}, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `delete from name_keys`)
		return err
	}})
}
