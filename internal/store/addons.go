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

// CreateAddon saves a new addon as revision 1 and enqueues its verification, both
// or neither. An empty id and time of creation are filled in.
func (s *Store) CreateAddon(ctx context.Context, addon *graft.Addon) error {
	if addon.CreatedAt.IsZero() {
		addon.CreatedAt = now()
	}
	addon.CreatedAt = fromMicros(micros(addon.CreatedAt))
	if addon.ID == "" {
		addon.ID = graft.NewID(addon.CreatedAt)
	}
	addon.Revision = 1
	document, err := json.Marshal(addon)
	if err != nil {
		return graft.WrapError(graft.CodeInternal, err, "The addon %s can't be written as JSON.", addon.Name)
	}
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			`insert into addons (id, name, status, revision, created_at, document) values ($1, $2, $3, $4, $5, $6)`,
			addon.ID, addon.Name, string(addon.Status), addon.Revision, micros(addon.CreatedAt), string(document))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx,
			`insert into verifications (addon_id, ready_at, owner, token, attempts, created_at) values ($1, $2, '', 0, 0, $2)`,
			addon.ID, micros(addon.CreatedAt))
		return err
	})
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
// none.
func (s *Store) DeleteAddon(ctx context.Context, id string) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		deleted, err := changed(ctx, tx, `delete from addons where id = $1`, id)
		if err == nil && !deleted {
			return addonNotFound()
		}
		return err
	})
}

// AddonFilter chooses addons; zero fields choose all.
type AddonFilter struct {
	Status graft.AddonStatus
	Name   string // exactly
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
	add("name", f.Name)
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

// changeAddon rewrites an addon's document within a transaction.
func changeAddon(ctx context.Context, tx *sql.Tx, id string, change func(*graft.Addon)) error {
	var document []byte
	err := tx.QueryRowContext(ctx, `select document from addons where id = $1`, id).Scan(&document)
	if errors.Is(err, sql.ErrNoRows) {
		return addonNotFound()
	}
	if err != nil {
		return err
	}
	addon, err := decodeAddon(id, document)
	if err != nil {
		return err
	}
	change(addon)
	addon.Revision++
	if document, err = json.Marshal(addon); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `update addons set status = $2, revision = $3, document = $4 where id = $1`,
		id, string(addon.Status), addon.Revision, string(document))
	return err
}

func decodeAddon(id string, document []byte) (*graft.Addon, error) {
	var addon graft.Addon
	if err := json.Unmarshal(document, &addon); err != nil {
		return nil, decodeError(err, "addon", id)
	}
	return &addon, nil
}

func addonNotFound() error { return graft.Errorf(graft.CodeNotFound, "Addon not found") }
