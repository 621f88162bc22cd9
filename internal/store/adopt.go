package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
)

// Adopt takes over addons and installations that have ids already, with what is
// to be told of the installations, into a database that has nothing in it yet:
// all of them, or none. Addons are numbered in the order of their ids; names
// belong to nobody. Those that are approved stay so, and are verified, as they
// have no digests yet, as are those under review. CodeConflict as Import.
func (s *Store) Adopt(ctx context.Context, addons []graft.Addon, installations []graft.Installation, events []graft.Event) error {
	if err := s.LockEngine(ctx); err != nil {
		return err
	}
	defer func() { _ = s.engine.release() }() // its connection is closed in any case
	documents, err := encodeEvents(events)
	if err != nil {
		return err
	}
	addons = slices.SortedFunc(slices.Values(addons), func(a, b graft.Addon) int { return strings.Compare(a.ID, b.ID) })
	return s.update(ctx, func(tx *sql.Tx) error {
		if err := s.claimEmpty(ctx, tx); err != nil {
			return err
		}
		at := now()
		for _, addon := range addons {
			if err := s.adopt(ctx, tx, addon, at); err != nil {
				return err
			}
		}
		for _, i := range installations {
			fillInstallation(&i)
			if err := insertInstallation(ctx, tx, &i); err != nil {
				return err
			}
		}
		return insertEvents(ctx, tx, events, documents, make([]int64, len(events)))
	})
}

func (s *Store) adopt(ctx context.Context, tx *sql.Tx, addon graft.Addon, at time.Time) (err error) {
	addon.Revision = 1
	if _, err := s.claimName(ctx, tx, &addon); err != nil {
		return err
	}
	if addon.Version, err = claimVersion(ctx, tx, addon.Name, addon.Version); err != nil {
		return err
	}
	if err := s.insertAddon(ctx, tx, &addon); err != nil {
		return err
	}
	if addon.Status == graft.AddonVerificationFailed { // unless somebody asks for it
		_, err = tx.ExecContext(ctx, `delete from verifications where addon_id = $1`, addon.ID)
		return err
	}
	// Its time begins now: one that failed for so long would be given up at once.
	_, err = tx.ExecContext(ctx, `update verifications set ready_at = $2, created_at = $2 where addon_id = $1`, addon.ID, micros(at))
	return err
}
