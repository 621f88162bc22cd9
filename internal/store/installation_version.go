package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/graftplatform/graft"
)

// SetVersion makes another version of its addon the one that an installation of
// that generation is to run, and begins a new generation with these details.
// previous is the version that comes back if that does not come up, or this very
// version if it has been up before; nil: none does. CodeConflict when there is another generation by now or the installation
// is being removed; else those of MayRun.
func (s *Store) SetVersion(ctx context.Context, id string, generation int64, to, previous *graft.Pinned,
	details *graft.StatusDetails,
) (*graft.Installation, error) {
	spec, err := encodeSpec(to)
	if err != nil {
		return nil, err
	}
	before, err := encodePrevious(previous)
	if err != nil {
		return nil, err
	}
	begun := *details
	begun.Generation = generation + 1
	encoded, err := encodeDetails(&begun)
	if err != nil {
		return nil, err
	}
	var i *graft.Installation
	err = s.update(ctx, func(tx *sql.Tx) (err error) {
		i, err = s.scanInstallation(tx.QueryRowContext(ctx,
			`update installations set marketplace_id = $3, spec = $4, previous = $5, details = $6,
				status = case when desired = 'enabled' then 'installing' else status end,
				generation = generation + 1, revision = revision + 1, updated_at = $7
			where id = $1 and generation = $2 and desired <> 'removed' returning `+installationColumns,
			id, generation, to.MarketplaceID, spec, before, encoded, micros(now())))
		if err == nil {
			return mayRun(ctx, tx, id, to.MarketplaceID)
		}
		if graft.ErrorCode(err) != graft.CodeNotFound {
			return err
		}
		if err := s.missing(ctx, tx, id); graft.ErrorCode(err) == graft.CodeNotFound {
			return err
		}
		return graft.Errorf(graft.CodeConflict, "Addon %s was changed by somebody else meanwhile. Look at it, then try again.", to.Name)
	})
	if isUnique(err) {
		return nil, graft.WrapError(graft.CodeExists, err, "Addon with marketplace-id - %s already exists.", to.MarketplaceID)
	}
	if err != nil {
		return nil, err
	}
	return i, nil
}

// MayRun fails if an installation, which may be a new one, can't run a version of
// an addon: CodeExists when another one does, CodeConflict when another one is on
// its way from it and may have to come back. One that is being removed goes back to
// nothing, and is in nobody's way once it is disabled.
func (s *Store) MayRun(ctx context.Context, id, marketplaceID string) error {
	return s.explain(mayRun(ctx, s.read, id, marketplaceID))
}

func mayRun(ctx context.Context, db queryer, id, marketplaceID string) error {
	return eachRow(ctx, db, `select id, marketplace_id, previous from installations
		where id <> $1 and (desired <> 'removed' and previous <> '' or
			(desired <> 'removed' or status <> 'disabled') and marketplace_id = $2)
		order by id`,
		[]any{id, marketplaceID}, func(scan func(...any) error) error {
			var other, runs string
			var encoded []byte
			if err := scan(&other, &runs, &encoded); err != nil {
				return err
			}
			if runs == marketplaceID {
				return graft.Errorf(graft.CodeExists, "Addon with marketplace-id - %s already exists.", marketplaceID)
			}
			var previous graft.Pinned
			if err := json.Unmarshal(encoded, &previous); err != nil {
				return decodeError(err, "installation", other)
			}
			if previous.MarketplaceID == marketplaceID {
				return graft.Errorf(graft.CodeConflict,
					"Addon %s is on its way from this version to another one, and comes back to it if that does not come up. Wait until installation %s has got there, or uninstall it.",
					previous.Name, other)
			}
			return nil
		})
}

func encodeSpec(p *graft.Pinned) (string, error) {
	spec, err := json.Marshal(installationSpec{p.Descriptor, p.Images, p.ImageSizes, p.Rights, p.Consent})
	if err != nil {
		return "", graft.WrapError(graft.CodeInternal, err, "The addon %s can't be written as JSON.", p.Name)
	}
	return string(spec), nil
}

// encodePrevious writes a version as JSON; none is the empty text.
func encodePrevious(p *graft.Pinned) (string, error) {
	if p == nil {
		return "", nil
	}
	previous, err := json.Marshal(p)
	if err != nil {
		return "", graft.WrapError(graft.CodeInternal, err, "The addon %s can't be written as JSON.", p.Name)
	}
	return string(previous), nil
}
