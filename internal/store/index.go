package store

import (
	"context"
	"database/sql"
	"strings"

	"github.com/graftplatform/graft"
)

// index puts the terms of addons into the index, in place of those that they had.
func (s *Store) index(ctx context.Context, tx *sql.Tx, ids ...string) error {
	return s.indexInto(ctx, tx, ids, s.dialect.terms.tables...)
}

func (s *Store) indexInto(ctx context.Context, tx *sql.Tx, ids []string, tables ...termTable) error {
	for _, id := range ids {
		var document []byte
		var latest bool
		if err := tx.QueryRowContext(ctx, `select document, latest from addons where id = $1`, id).Scan(&document, &latest); err != nil {
			return err
		}
		addon, err := decodeAddon(id, document)
		if err != nil {
			return err
		}
		if err := s.put(ctx, tx, addon, latest, tables...); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) put(ctx context.Context, tx *sql.Tx, addon *graft.Addon, latest bool, tables ...termTable) error {
	terms := strings.Join(termsOf(addon, latest), " ")
	for _, table := range tables {
		if _, err := tx.ExecContext(ctx, table.put, addon.ID, terms); err != nil {
			return err
		}
	}
	return nil
}

// unindex takes an addon's terms out of the index.
func (s *Store) unindex(ctx context.Context, tx *sql.Tx, id string) error {
	for _, statement := range s.dialect.terms.drop {
		if _, err := tx.ExecContext(ctx, statement, id); err != nil {
			return err
		}
	}
	return nil
}

// indexAll indexes all addons anew.
func (s *Store) indexAll(ctx context.Context, tx *sql.Tx) error {
	for _, statement := range s.dialect.terms.empty {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if s.dialect.terms.places {
		if err := placeAll(ctx, tx); err != nil {
			return err
		}
	}
	for _, table := range s.dialect.terms.tables {
		ids, err := texts(ctx, tx, `select id from addons order by `+table.order)
		if err != nil {
			return err
		}
		if err := s.indexInto(ctx, tx, ids, table); err != nil {
			return err
		}
	}
	return nil
}

// finishAddons is for addons that came with a seq of their own.
func (s *Store) finishAddons(ctx context.Context, tx *sql.Tx) error {
	if s.dialect.resetSeq != "" {
		if _, err := tx.ExecContext(ctx, s.dialect.resetSeq); err != nil {
			return err
		}
	}
	return s.indexAll(ctx, tx)
}
