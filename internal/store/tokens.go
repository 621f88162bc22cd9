package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/graftplatform/graft"
)

const tokenColumns = `id, name, role, created_at, expires_at, revoked_at, used_at` //nolint:gosec // names of columns

// CreateToken saves a token with the hash of its secret. CodeConflict when a
// token of that name is there that was not revoked.
func (s *Store) CreateToken(ctx context.Context, token graft.Token, hash string) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		created, err := changed(ctx, tx,
			`insert into tokens (id, name, role, hash, created_at, expires_at) values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
			token.ID, token.Name, string(token.Role), hash, micros(token.CreatedAt), optionalMicros(token.ExpiresAt))
		if err == nil && !created {
			return graft.Errorf(graft.CodeConflict, "There is a token for %q already: revoke that one, or choose another name.", token.Name)
		}
		return err
	})
}

// TokenByHash returns the token whose secret has that hash, revoked and expired
// ones included; CodeNotFound if there is none.
func (s *Store) TokenByHash(ctx context.Context, hash string) (*graft.Token, error) {
	token, err := scanToken(s.read.QueryRowContext(ctx, `select `+tokenColumns+` from tokens where hash = $1`, hash))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, graft.Errorf(graft.CodeNotFound, "There is no such token.")
	}
	return token, s.explain(err)
}

// Tokens returns all tokens, the oldest first.
func (s *Store) Tokens(ctx context.Context) (tokens []graft.Token, err error) {
	rows, err := s.read.QueryContext(ctx, `select `+tokenColumns+` from tokens order by created_at, id`)
	if err != nil {
		return nil, s.explain(err)
	}
	defer func() { err = s.explain(errors.Join(err, rows.Close())) }()
	for rows.Next() {
		token, err := scanToken(rows)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, *token)
	}
	return tokens, rows.Err()
}

// RevokeToken ends a token. That it was revoked before is no error, and its time
// stays. CodeNotFound if there is none of that id.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		found, err := changed(ctx, tx,
			`update tokens set revoked_at = case when revoked_at = 0 then $2 else revoked_at end where id = $1`, id, micros(time.Now()))
		if err == nil && !found {
			return graft.Errorf(graft.CodeNotFound, "There is no token with the id %q.", id)
		}
		return err
	})
}

// TouchTokens notes when tokens were used last, by their ids.
func (s *Store) TouchTokens(ctx context.Context, used map[string]time.Time) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		for id, at := range used {
			if _, err := tx.ExecContext(ctx, `update tokens set used_at = $2 where id = $1 and used_at < $2`, id, micros(at)); err != nil {
				return err
			}
		}
		return nil
	})
}

func scanToken(row interface{ Scan(into ...any) error }) (*graft.Token, error) {
	var token graft.Token
	var created, expires, revoked, used int64
	if err := row.Scan(&token.ID, &token.Name, &token.Role, &created, &expires, &revoked, &used); err != nil {
		return nil, err
	}
	token.CreatedAt = fromMicros(created)
	token.ExpiresAt, token.RevokedAt, token.LastUsedAt = optionalTime(expires), optionalTime(revoked), optionalTime(used)
	return &token, nil
}

// optionalMicros is micros for a time that may be absent.
func optionalMicros(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return micros(*t)
}

// optionalTime reverses optionalMicros.
func optionalTime(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	t := fromMicros(us)
	return &t
}
