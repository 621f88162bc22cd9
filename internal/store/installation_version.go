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
// is being removed, CodeExists when the version is installed already.
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
	return i, err
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
