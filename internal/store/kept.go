package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/graftplatform/graft"
)

// KeptVolume is a volume whose data was kept when an addon was uninstalled. The
// labels of a volume can't be changed, so whose it is from then on is here.
type KeptVolume struct {
	Name    string // the runtime's; the key
	Addon   string // the name of the addon that it was kept of
	MadeFor string // the id of the installation whose label it has, which is gone
	Owner   string // the id of the installation that took it over; empty: none has
	KeptAt  time.Time
}

// KeepVolume notes that an installation has given a volume up whose data stays:
// one that was made for it, or one that it had taken over. From then on it
// belongs to nobody. An empty time is filled in. Again is fine. CodeConflict when
// somebody else has taken it over.
func (s *Store) KeepVolume(ctx context.Context, v KeptVolume, installationID string) error {
	if v.KeptAt.IsZero() {
		v.KeptAt = now()
	}
	return s.update(ctx, func(tx *sql.Tx) error {
		// A row with another installation's label is about a volume of that name
		// which is no more.
		kept, err := changed(ctx, tx,
			`insert into kept_volumes (name, addon, made_for, owner, kept_at) values ($1, $2, $3, '', $4)
			on conflict (name) do update set addon = excluded.addon, made_for = excluded.made_for,
				owner = '', kept_at = excluded.kept_at
			where kept_volumes.made_for <> excluded.made_for or kept_volumes.owner in ('', $5)`,
			v.Name, v.Addon, v.MadeFor, micros(v.KeptAt), installationID)
		if err == nil && !kept {
			return graft.Errorf(graft.CodeConflict, "Volume %s belongs to another installation by now.", v.Name)
		}
		return err
	})
}

// TakeVolume gives a kept volume to an installation. Again is fine. CodeConflict
// when it is not kept (any more), or not that one, when somebody else has it, or
// when the installation does not exist.
func (s *Store) TakeVolume(ctx context.Context, name, madeFor, installationID string) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		taken, err := changed(ctx, tx,
			`update kept_volumes set owner = $3 where name = $1 and made_for = $2 and owner in ('', $3)
				and exists (select 1 from installations where id = $3)`,
			name, madeFor, installationID)
		if err == nil && !taken {
			return graft.Errorf(graft.CodeConflict, "Volume %s changed hands meanwhile.", name)
		}
		return err
	})
}

// KeptVolumes returns all of them in the order of their names.
func (s *Store) KeptVolumes(ctx context.Context) (all []KeptVolume, err error) {
	err = eachRow(ctx, s.read, `select name, addon, made_for, owner, kept_at from kept_volumes order by name`, nil,
		func(scan func(...any) error) error {
			var v KeptVolume
			var keptAt int64
			if err := scan(&v.Name, &v.Addon, &v.MadeFor, &v.Owner, &keptAt); err != nil {
				return err
			}
			v.KeptAt = fromMicros(keptAt)
			all = append(all, v)
			return nil
		})
	return all, s.explain(err)
}

// releaseVolumes is for an installation that is forgotten: what it had taken over
// is nobody's again if its data is kept, else it has been removed.
func releaseVolumes(ctx context.Context, tx *sql.Tx, installationID string) error {
	if _, err := changed(ctx, tx, `update kept_volumes set owner = ''
		where owner = $1 and exists (select 1 from installations where id = $1 and keep_data)`, installationID); err != nil {
		return err
	}
	_, err := changed(ctx, tx, `delete from kept_volumes where owner = $1`, installationID)
	return err
}
