package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/graftplatform/graft"
)

// maxLookalikes bounds how many names are compared with one.
const maxLookalikes = 1000

// Lookalikes returns the names, sorted, that are older than this one, belong to
// another publisher, and can be taken for it. Which is older the database knows:
// clocks of several processes differ. Where nobody is told apart, and of
// names that belong to nobody, nothing is said.
func (s *Store) Lookalikes(ctx context.Context, name string) (names []string, err error) {
	var publisher string
	err = s.read.QueryRowContext(ctx, `select coalesce((select publisher from names where name = $1), '')`, name).Scan(&publisher)
	if err != nil || publisher == "" || publisher == "anonymous" {
		return nil, s.explain(err)
	}
	args := []any{name}
	var keys []string
	for _, key := range graft.LookalikeKeys(name) {
		args = append(args, key)
		keys = append(keys, fmt.Sprintf("$%d", len(args)))
	}
	query := fmt.Sprintf(
		`select distinct other.name from name_keys join names other on other.name = name_keys.name join names own on own.name = $1
		where name_keys.key in (%s) and other.publisher not in ('', own.publisher) and other.seq < own.seq
		limit %d`, strings.Join(keys, ", "), maxLookalikes)
	err = eachRow(ctx, s.read, query, args, func(scan func(...any) error) error {
		var other string
		err := scan(&other)
		if err == nil && graft.Lookalike(name, other) {
			names = append(names, other)
		}
		return err
	})
	slices.Sort(names)
	return names, s.explain(err)
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
