package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/graftplatform/graft"
)

// Verification is a claim on one addon's verification. Only its latest claim
// can end it: an owner that was given up for dead changes nothing any more.
type Verification struct {
	AddonID   string
	Token     int64 // of this claim
	Attempts  int   // including this one
	CreatedAt time.Time
}

// EnqueueVerification lets change prepare an addon for being verified again, and
// enqueues that; whoever is at it already loses the claim. Errors are those of
// ChangeAddon.
func (s *Store) EnqueueVerification(ctx context.Context, id string, change func(*graft.Addon) error) (*graft.Addon, error) {
	var addon *graft.Addon
	err := s.update(ctx, func(tx *sql.Tx) (err error) {
		if err := lockVerification(ctx, tx, id); err != nil {
			return err
		}
		if addon, err = s.changeAddon(ctx, tx, id, change); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx,
			// The token begins beyond those that claims on this addon ever had.
			`insert into verifications (addon_id, ready_at, owner, token, attempts, created_at) values ($1, $2, '', $2, 0, $2)
			on conflict (addon_id) do update set ready_at = excluded.ready_at, owner = '', token = verifications.token + 1,
				attempts = 0, created_at = excluded.created_at`, id, micros(now()))
		return err
	})
	return addon, err
}

// lockVerification keeps others from changing the verification of an addon, if it
// has one, until the transaction ends; see lockName.
func lockVerification(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, `update verifications set token = token where addon_id = $1`, id)
	return err
}

// ClaimVerification gives the verification that is due the longest to owner,
// for the time of the lease; nil when none is due. Of several that ask at a time
// each is given another one, and none waits for the others.
func (s *Store) ClaimVerification(ctx context.Context, owner string, at time.Time, lease time.Duration) (*Verification, error) {
	var v *Verification
	err := s.updateLatest(ctx, func(tx *sql.Tx) error {
		v = &Verification{}
		var createdAt int64
		err := tx.QueryRowContext(ctx,
			`update verifications set ready_at = $1, owner = $2, token = token + 1, attempts = attempts + 1
			where addon_id = (select addon_id from verifications where ready_at <= $3 order by ready_at limit 1`+s.dialect.skipLocked+`)
			returning addon_id, token, attempts, created_at`,
			micros(at.Add(lease)), owner, micros(at)).Scan(&v.AddonID, &v.Token, &v.Attempts, &createdAt)
		v.CreatedAt = fromMicros(createdAt)
		if errors.Is(err, sql.ErrNoRows) {
			v = nil
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err // not what a try that failed had begun with
	}
	return v, nil
}

// RenewVerification makes the lease last until a later time; CodeConflict when
// the claim is lost.
func (s *Store) RenewVerification(ctx context.Context, v *Verification, until time.Time) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		return claimed(changed(ctx, tx, `update verifications set ready_at = $3 where addon_id = $1 and token = $2`,
			v.AddonID, v.Token, micros(until)))
	})
}

// FinishVerification lets change write the final answer into the addon, and
// returns it as it is then. CodeConflict, and nothing saved, when the claim is
// lost: the addon was deleted, or another owner has it.
func (s *Store) FinishVerification(ctx context.Context, v *Verification, change func(*graft.Addon) error) (*graft.Addon, error) {
	var addon *graft.Addon
	err := s.update(ctx, func(tx *sql.Tx) error {
		err := claimed(changed(ctx, tx, `delete from verifications where addon_id = $1 and token = $2`, v.AddonID, v.Token))
		if err != nil {
			return err
		}
		addon, err = s.changeAddon(ctx, tx, v.AddonID, change)
		return err
	})
	return addon, err
}

// RetryVerification saves what is known so far and ends the claim; the
// verification is due again at that time. CodeConflict as FinishVerification.
func (s *Store) RetryVerification(ctx context.Context, v *Verification, at time.Time, result *graft.Verification) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		err := claimed(changed(ctx, tx,
			`update verifications set ready_at = $3, owner = '' where addon_id = $1 and token = $2`,
			v.AddonID, v.Token, micros(at)))
		if err != nil {
			return err
		}
		_, err = s.changeAddon(ctx, tx, v.AddonID, func(addon *graft.Addon) error {
			addon.Verification = result
			return nil
		})
		return err
	})
}

// ReclaimVerifications makes everything due that owner had claimed. An owner
// calls it at its start: whatever it had then, it lost with its last process.
func (s *Store) ReclaimVerifications(ctx context.Context, owner string, at time.Time) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := changed(ctx, tx,
			`update verifications set ready_at = $2, owner = '', token = token + 1 where owner = $1`, owner, micros(at))
		return err
	})
}

// NextVerification is when the next verification is due, be it by its own time
// or by the end of a lease; false when there is none.
func (s *Store) NextVerification(ctx context.Context) (time.Time, bool, error) {
	var at sql.NullInt64
	err := s.read.QueryRowContext(ctx, `select min(ready_at) from verifications`).Scan(&at)
	return fromMicros(at.Int64), at.Valid, s.explain(err)
}

// claimed makes an error of a statement on a claim that changed nothing.
func claimed(changed bool, err error) error {
	if err == nil && !changed {
		return graft.Errorf(graft.CodeConflict, "This claim on the verification is lost: the addon was deleted or another worker has it.")
	}
	return err
}
