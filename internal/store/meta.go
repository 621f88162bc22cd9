package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/graftplatform/graft"
)

// EngineID names this data directory's engine for ever: it is made at the first
// call.
func (s *Store) EngineID(ctx context.Context) (string, error) {
	const query = `select value from meta where key = 'engine_id'`
	var id string
	err := s.read.QueryRowContext(ctx, query).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, s.explain(err)
	}
	err = s.update(ctx, func(tx *sql.Tx) error {
		const insert = `insert into meta (key, value) values ('engine_id', $1) on conflict do nothing`
		if _, err := tx.ExecContext(ctx, insert, graft.NewID(now())); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, query).Scan(&id)
	})
	return id, err
}
