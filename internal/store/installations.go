package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/graftplatform/graft"
)

// installationSpec is what an installation runs. It changes as a whole, with the
// addon's version.
type installationSpec struct {
	graft.Descriptor
	Images     map[string]string `json:"images"`
	ImageSizes map[string]int64  `json:"image_sizes,omitempty"`
	Rights     []graft.Right     `json:"rights,omitzero"`
	Consent    *graft.Consent    `json:"consent,omitempty"`
}

const installationColumns = `id, marketplace_id, spec, desired, generation,
	status, details, logs, activated, created_at, updated_at, revision, supersede, previous, keep_data`

// CreateInstallation saves a new installation as generation and revision 1. An
// empty id, desired state, status, time of creation and list of rights are filled
// in.
// Errors: those of MayRun.
func (s *Store) CreateInstallation(ctx context.Context, i *graft.Installation) error {
	fillInstallation(i)
	return s.update(ctx, func(tx *sql.Tx) error {
		if err := mayRun(ctx, tx, i.ID, i.MarketplaceID); err != nil {
			return err
		}
		return insertInstallation(ctx, tx, i)
	})
}

func insertInstallation(ctx context.Context, tx *sql.Tx, i *graft.Installation) error {
	spec, err := encodeSpec(i.Pinned())
	if err != nil {
		return err
	}
	previous, err := encodePrevious(i.Previous)
	if err != nil {
		return err
	}
	details, err := encodeDetails(i.Details)
	if err != nil {
		return err
	}
	created, err := changed(ctx, tx, `insert into installations (`+installationColumns+`)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) on conflict do nothing`,
		i.ID, i.MarketplaceID, spec, string(i.Desired), i.Generation,
		string(i.Status), details, i.Logs, i.Activated, micros(i.CreatedAt), micros(i.UpdatedAt), i.Revision, i.Supersede, previous, i.KeepData)
	if err == nil && !created {
		return graft.Errorf(graft.CodeExists, "Addon with marketplace-id - %s already exists.", i.MarketplaceID)
	}
	return err
}

func fillInstallation(i *graft.Installation) {
	if i.CreatedAt.IsZero() {
		i.CreatedAt = time.Now()
	}
	i.CreatedAt = fromMicros(micros(i.CreatedAt))
	i.UpdatedAt = i.CreatedAt
	if i.ID == "" {
		i.ID = graft.NewID(i.CreatedAt)
	}
	if i.Desired == "" {
		i.Desired = graft.DesiredEnabled
	}
	if i.Status == "" {
		i.Status = graft.StatusInstalling
	}
	if i.Rights == nil {
		i.Rights = i.Descriptor.Rights()
	}
	i.Risk = graft.Risk(i.Rights)
	i.Generation, i.Revision = 1, 1
	i.Logs = text(i.Logs)
	i.Activated = i.Activated || activates(i.Status)
}

// Installation returns one installation; CodeNotFound if there is none. Its
// descriptor and images are shared with other readers: nobody may change them.
func (s *Store) Installation(ctx context.Context, id string) (*graft.Installation, error) {
	i, err := s.scanInstallation(s.read.QueryRowContext(ctx,
		`select `+installationColumns+` from installations where id = $1`, id))
	return i, s.explain(err)
}

// Installations returns all installations in the order of their ids, each as
// Installation does.
func (s *Store) Installations(ctx context.Context) ([]graft.Installation, error) {
	all, err := s.InstallationsIn(ctx, "")
	if err == nil {
		s.specs.retain(all)
	}
	return all, err
}

// InstallationsIn is Installations for those with a status; empty: all.
func (s *Store) InstallationsIn(ctx context.Context, status graft.InstallationStatus) (some []graft.Installation, err error) {
	rows, err := s.read.QueryContext(ctx,
		`select `+installationColumns+` from installations where $1 in ('', status) order by id`, string(status))
	if err != nil {
		return nil, s.explain(err)
	}
	defer func() { err = s.explain(errors.Join(err, rows.Close())) }()
	for rows.Next() {
		i, err := s.scanInstallation(rows)
		if err != nil {
			return nil, err
		}
		some = append(some, *i)
	}
	return some, rows.Err()
}

// SetDesired is how users enable or disable an installation: it writes the desired
// state and the status that shows it at once, and forgets details of the past.
// CodeConflict for one that is being removed, as that can't be taken back.
func (s *Store) SetDesired(ctx context.Context, id string, desired graft.DesiredState, status graft.InstallationStatus) (*graft.Installation, error) {
	return s.respecify(ctx, id, `update installations set desired = $2, status = $3, details = '',
			generation = generation + 1, revision = revision + 1, updated_at = $4
		where id = $1 and desired <> 'removed' returning `+installationColumns,
		id, string(desired), string(status), micros(now()))
}

// Remove is SetDesired for the end of an installation, of its data, too, unless that
// is to be kept. One that is disabled stays so, others are being disabled first. To
// ask for it again is fine; CodeConflict for one that is being removed in the other
// way.
func (s *Store) Remove(ctx context.Context, id string, keepData bool) (*graft.Installation, error) {
	return s.respecify(ctx, id, `update installations set desired = 'removed', keep_data = $2, details = '',
			status = case when status = 'disabled' then status else 'disabling' end,
			generation = generation + 1, revision = revision + 1, updated_at = $3
		where id = $1 and (desired <> 'removed' or keep_data = $2) returning `+installationColumns,
		id, keepData, micros(now()))
}

// respecify runs a statement that changes the spec of an installation, unless that
// is being removed.
func (s *Store) respecify(ctx context.Context, id, statement string, args ...any) (*graft.Installation, error) {
	var i *graft.Installation
	err := s.update(ctx, func(tx *sql.Tx) (err error) {
		i, err = s.scanInstallation(tx.QueryRowContext(ctx, statement, args...))
		if graft.ErrorCode(err) == graft.CodeNotFound {
			return s.missing(ctx, tx, id)
		}
		return err
	})
	return i, err
}

// missing says why a statement found no installation of that id that it might
// change: it does not exist, or it is being removed.
func (s *Store) missing(ctx context.Context, tx *sql.Tx, id string) error {
	i, err := s.scanInstallation(tx.QueryRowContext(ctx,
		`select `+installationColumns+` from installations where id = $1`, id))
	if err != nil {
		return err
	}
	return BeingRemoved(i.Name)
}

// BeingRemoved is why an addon that is being removed can't be changed.
func BeingRemoved(name string) error {
	return graft.Errorf(graft.CodeConflict,
		"Addon %s is being removed, which can't be taken back. Wait until it is gone, then install it again.", name)
}

// SetStatus is how the engine says what it saw of a generation. The version before
// is forgotten once this one has come up. Nothing is
// written, and false returned, when a newer generation is there or when all is
// as it was. CodeNotFound when the installation is gone.
func (s *Store) SetStatus(ctx context.Context, id string, generation int64, status graft.InstallationStatus,
	details *graft.StatusDetails, logs string,
) (bool, error) {
	return s.SetStatusOf(ctx, id, generation, 0, status, details, logs)
}

// SetStatusOf is SetStatus for what was read at a revision, if that is not 0:
// nothing is written either when somebody else has written since.
func (s *Store) SetStatusOf(ctx context.Context, id string, generation, revision int64, status graft.InstallationStatus,
	details *graft.StatusDetails, logs string,
) (bool, error) {
	encoded, err := encodeDetails(details)
	if err != nil {
		return false, err
	}
	var written bool
	logs = text(logs)
	comesUp := activates(status) && (details == nil || details.Upgrade == nil || details.Upgrade.Outcome != "")
	err = s.update(ctx, func(tx *sql.Tx) (err error) {
		written, err = changed(ctx, tx,
			`update installations set status = $3, details = $4, logs = $5, activated = (activated or $6),
				previous = case when $9 then '' else previous end, revision = revision + 1, updated_at = $7
			where id = $1 and generation = $2 and (revision = $8 or $8 = 0) and (status <> $3 or details <> $4 or logs <> $5)`,
			id, generation, string(status), encoded, logs, activates(status), micros(now()), revision, comesUp)
		return err
	})
	if err != nil || written {
		return written, err
	}
	_, err = s.Activated(ctx, id)
	return false, err
}

// Activated is whether the installation ever was active or partially active.
func (s *Store) Activated(ctx context.Context, id string) (bool, error) {
	var activated bool
	err := s.read.QueryRowContext(ctx, `select activated from installations where id = $1`, id).Scan(&activated)
	if errors.Is(err, sql.ErrNoRows) {
		return false, addonNotFound()
	}
	return activated, s.explain(err)
}

// DeleteInstallation forgets an installation, and what it had taken over of kept
// volumes unless its data is kept. CodeNotFound if there is none; CodeConflict
// while a component that it swapped out is not back.
func (s *Store) DeleteInstallation(ctx context.Context, id string) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		if err := releaseVolumes(ctx, tx, id); err != nil {
			return err
		}
		deleted, err := changed(ctx, tx, `delete from installations where id = $1`, id)
		switch {
		case isForeignKey(err):
			return graft.WrapError(graft.CodeConflict, err,
				"Installation %s still stands in for a component of the orchestrator. Put that back first.", id)
		case err == nil && !deleted:
			return addonNotFound()
		}
		return err
	})
}

func activates(status graft.InstallationStatus) bool {
	return status == graft.StatusActive || status == graft.StatusPartiallyActive
}

// scanInstallation reads installationColumns; CodeNotFound when there is no row.
func (s *Store) scanInstallation(row interface{ Scan(...any) error }) (*graft.Installation, error) {
	var i graft.Installation
	var spec, details, previous []byte
	var createdAt, updatedAt int64
	err := row.Scan(&i.ID, &i.MarketplaceID, &spec, &i.Desired, &i.Generation,
		&i.Status, &details, &i.Logs, &i.Activated, &createdAt, &updatedAt, &i.Revision, &i.Supersede, &previous, &i.KeepData)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, addonNotFound()
	}
	if err != nil {
		return nil, err
	}
	fixed, err := s.specs.decode(i.ID, spec)
	if err != nil {
		return nil, err
	}
	if len(details) > 0 {
		if err := json.Unmarshal(details, &i.Details); err != nil {
			return nil, decodeError(err, "installation", i.ID)
		}
	}
	if len(previous) > 0 {
		if err := json.Unmarshal(previous, &i.Previous); err != nil {
			return nil, decodeError(err, "installation", i.ID)
		}
	}
	i.Pin(&graft.Pinned{
		MarketplaceID: i.MarketplaceID, Descriptor: fixed.Descriptor, Images: fixed.Images, ImageSizes: fixed.ImageSizes,
		Rights: fixed.Rights, Consent: fixed.Consent,
	})
	i.CreatedAt, i.UpdatedAt = fromMicros(createdAt), fromMicros(updatedAt)
	return &i, nil
}

// encodeDetails writes details as JSON; none are the empty text.
func encodeDetails(details *graft.StatusDetails) (string, error) {
	if details == nil {
		return "", nil
	}
	encoded, err := json.Marshal(details)
	if err != nil {
		return "", graft.WrapError(graft.CodeInternal, err, "The status details can't be written as JSON.")
	}
	return string(encoded), nil
}
