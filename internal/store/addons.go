package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/graftplatform/graft"
)

// CreateAddon saves a new addon as revision 1 and enqueues its verification, all
// or nothing. An empty id, time of creation, version and list of rights are
// filled in.
// mayPublish returns why the addon's publisher may not publish under a name that
// is owner's; nil: he may. CodeConflict when that version was given before.
func (s *Store) CreateAddon(ctx context.Context, addon *graft.Addon, mayPublish func(owner string) error) error {
	if addon.CreatedAt.IsZero() {
		addon.CreatedAt = now()
	}
	addon.CreatedAt = fromMicros(micros(addon.CreatedAt))
	if addon.ID == "" {
		addon.ID = graft.NewID(addon.CreatedAt)
	}
	addon.Revision = 1
	wanted := addon.Version
	return s.update(ctx, func(tx *sql.Tx) error {
		owner, err := s.claimName(ctx, tx, addon)
		if err != nil {
			return err
		}
		if mayPublish != nil {
			if err := mayPublish(owner); err != nil {
				return err
			}
		}
		if addon.Version, err = claimVersion(ctx, tx, addon.Name, wanted); err != nil {
			return err
		}
		return s.insertAddon(ctx, tx, addon)
	})
}

func (s *Store) insertAddon(ctx context.Context, tx *sql.Tx, addon *graft.Addon) error {
	fillRights(addon)
	document, err := json.Marshal(addon)
	if err != nil {
		return graft.WrapError(graft.CodeInternal, err, "The addon %s can't be written as JSON.", addon.Name)
	}
	latest, others := false, []string(nil)
	if choosable(addon) {
		if latest, others, err = chooseLatest(ctx, tx, addon); err != nil {
			return err
		}
	}
	//nolint:gosec // nextSeq is a constant
	insertion := fmt.Sprintf(`insert into addons (id, name, version, status, yanked, latest, revision, created_at, document, seq)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, %s)`, s.dialect.nextSeq)
	_, err = tx.ExecContext(ctx, insertion,
		addon.ID, addon.Name, addon.Version, string(addon.Status), addon.Yanked != nil, latest, addon.Revision,
		micros(addon.CreatedAt), string(document))
	if err != nil {
		return err
	}
	if s.dialect.terms.places {
		if err := s.place(ctx, tx, addon.ID); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx,
		`insert into verifications (addon_id, ready_at, owner, token, attempts, created_at) values ($1, $2, '', 0, 0, $2)`,
		addon.ID, micros(addon.CreatedAt))
	if err != nil {
		return err
	}
	return s.indexChanged(ctx, tx, addon, latest, others)
}

// indexChanged indexes an addon, and others by their ids.
func (s *Store) indexChanged(ctx context.Context, tx *sql.Tx, addon *graft.Addon, latest bool, others []string) error {
	if err := s.put(ctx, tx, addon, latest, s.dialect.terms.tables...); err != nil {
		return err
	}
	return s.index(ctx, tx, others...)
}

// Addon returns one addon; CodeNotFound if there is none.
func (s *Store) Addon(ctx context.Context, id string) (*graft.Addon, error) {
	var document []byte
	err := s.read.QueryRowContext(ctx, `select document from addons where id = $1`, id).Scan(&document)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, addonNotFound()
	}
	if err != nil {
		return nil, s.explain(err)
	}
	return decodeAddon(id, document)
}

// DeleteAddon removes an addon and its verification; CodeNotFound if there is
// none. Its version stays given.
func (s *Store) DeleteAddon(ctx context.Context, id string) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		if err := lockVerification(ctx, tx, id); err != nil {
			return err
		}
		var name string
		err := tx.QueryRowContext(ctx, `select name from addons where id = $1`, id).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return addonNotFound()
		}
		if err != nil {
			return err
		}
		if _, err := lockName(ctx, tx, name); err != nil {
			return err
		}
		// Its row, before its terms.
		if _, err := tx.ExecContext(ctx, `update addons set revision = revision where id = $1`, id); err != nil {
			return err
		}
		if err := s.unindex(ctx, tx, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `delete from addons where id = $1`, id); err != nil {
			return err
		}
		moved, err := markLatest(ctx, tx, name)
		if err != nil {
			return err
		}
		return s.index(ctx, tx, moved...)
	})
}

// AddonFilter chooses addons; zero fields choose all.
type AddonFilter struct {
	Status graft.AddonStatus
	Name   string // exactly
	Listed bool   // only what was not yanked
}

// where is the filter, and that the id is after the given one, in SQL.
func (f AddonFilter) where(after string) (string, []any) {
	conditions, args := []string{"id > $1"}, []any{after}
	add := func(column, value string) {
		if value != "" {
			args = append(args, value)
			conditions = append(conditions, fmt.Sprintf("%s = $%d", column, len(args)))
		}
	}
	add("status", string(f.Status))
	add("name", text(f.Name))
	if f.Listed {
		conditions = append(conditions, "not yanked")
	}
	return strings.Join(conditions, " and "), args
}

// Bounds of what is read at once.
const (
	pageRows  = 256
	pageBytes = 64 << 10
)

// EachAddon calls fn with the JSON document of each addon that the filter
// chooses, in the order of their ids, until fn fails. No connection is held
// while fn runs, so fn may be slow; an addon that changes meanwhile may be seen
// as it was before or as it is after.
func (s *Store) EachAddon(ctx context.Context, filter AddonFilter, fn func(document []byte) error) error {
	for after, more := "", true; more; {
		var page [][]byte
		var err error
		if page, after, more, err = s.addonPage(ctx, filter, after); err != nil {
			return s.explain(err)
		}
		for _, document := range page {
			if err := fn(document); err != nil {
				return err
			}
		}
	}
	return nil
}

// addonPage reads the documents that follow an id, the last id, and whether
// there may be more.
func (s *Store) addonPage(ctx context.Context, filter AddonFilter, after string) (page [][]byte, last string, more bool, err error) {
	where, args := filter.where(after)
	query := fmt.Sprintf(`select id, document from addons where %s order by id limit %d`, where, pageRows) //nolint:gosec // where is made of constants
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, "", false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for size := 0; rows.Next(); {
		var document []byte
		if err := rows.Scan(&last, &document); err != nil {
			return nil, "", false, err
		}
		page = append(page, document)
		if size += len(document); size >= pageBytes {
			return page, last, true, nil
		}
	}
	return page, last, len(page) == pageRows, rows.Err()
}

// ChangeAddon lets change rewrite an addon, and returns it as it is then. It is
// not changed when change fails. CodeNotFound if there is none. change may be
// called several times.
func (s *Store) ChangeAddon(ctx context.Context, id string, change func(*graft.Addon) error) (*graft.Addon, error) {
	var addon *graft.Addon
	err := s.update(ctx, func(tx *sql.Tx) (err error) {
		addon, err = s.changeAddon(ctx, tx, id, change)
		return err
	})
	return addon, err
}

// changeAddon rewrites an addon's document within a transaction.
func (s *Store) changeAddon(ctx context.Context, tx *sql.Tx, id string, change func(*graft.Addon) error) (*graft.Addon, error) {
	var document []byte
	var latest bool
	err := tx.QueryRowContext(ctx, `select document, latest from addons where id = $1`, id).Scan(&document, &latest)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, addonNotFound()
	}
	if err != nil {
		return nil, err
	}
	addon, err := decodeAddon(id, document)
	if err != nil {
		return nil, err
	}
	before := choosable(addon)
	if err := change(addon); err != nil {
		return nil, err
	}
	var others []string
	if choosable(addon) != before {
		if _, err := lockName(ctx, tx, addon.Name); err != nil {
			return nil, err
		}
		if latest, others, err = chooseLatest(ctx, tx, addon); err != nil {
			return nil, err
		}
	}
	addon.Revision++
	if document, err = json.Marshal(addon); err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, `update addons set status = $2, yanked = $3, latest = $4, revision = $5, document = $6 where id = $1`,
		id, string(addon.Status), addon.Yanked != nil, latest, addon.Revision, string(document))
	if err != nil {
		return nil, err
	}
	return addon, s.indexChanged(ctx, tx, addon, latest, others)
}

// choosable is whether the addon may be the latest of its name.
func choosable(addon *graft.Addon) bool {
	return addon.Status == graft.AddonApproved && addon.Yanked == nil
}

func decodeAddon(id string, document []byte) (*graft.Addon, error) {
	var addon graft.Addon
	if err := json.Unmarshal(document, &addon); err != nil {
		return nil, decodeError(err, "addon", id)
	}
	return &addon, nil
}

func addonNotFound() error { return graft.Errorf(graft.CodeNotFound, "Addon not found") }

// fillRights derives an addon's rights, unless it has them.
func fillRights(addon *graft.Addon) {
	if addon.Rights == nil {
		addon.Rights = addon.Descriptor.Rights()
	}
	addon.Risk = graft.Risk(addon.Rights)
}
