package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/graftplatform/graft"
)

// Policy returns the engine's policy, the default one if none was set.
func (s *Store) Policy(ctx context.Context) (*graft.Policy, error) {
	var text []byte
	err := s.read.QueryRowContext(ctx, `select value from meta where key = 'policy'`).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return graft.DefaultPolicy(), nil
	}
	if err != nil {
		return nil, s.explain(err)
	}
	var policy graft.Policy
	if err := json.Unmarshal(text, &policy); err != nil {
		return nil, decodeError(err, "policy", "of the engine")
	}
	policy.SetDefaults() // rights that there were none of when it was set
	return &policy, nil
}

// SetPolicy replaces the engine's policy as a whole.
func (s *Store) SetPolicy(ctx context.Context, policy *graft.Policy) error {
	text, err := json.Marshal(policy)
	if err != nil {
		return graft.WrapError(graft.CodeInternal, err, "The policy can't be written as JSON.")
	}
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			`insert into meta (key, value) values ('policy', $1) on conflict (key) do update set value = excluded.value`, string(text))
		return err
	})
}
