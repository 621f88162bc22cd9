package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/pressly/goose/v3"

	"github.com/graftplatform/graft"
)

// What SQL can't do to bring a database up to date. Steps that nobody has to take
// back when he goes to an older version leave what they did.

func (s *Store) goMigrations() []*goose.Migration {
	return []*goose.Migration{
		goose.NewGoMigration(5, &goose.GoFunc{RunTx: addKeys}, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `delete from name_keys`)
			return err
		}}),
		goose.NewGoMigration(7, &goose.GoFunc{RunTx: complete}, &goose.GoFunc{RunTx: nothing}),
		goose.NewGoMigration(9, &goose.GoFunc{RunTx: addRights}, &goose.GoFunc{RunTx: nothing}),
		// What it did, 15 does: terms are others now.
		goose.NewGoMigration(13, &goose.GoFunc{RunTx: nothing}, &goose.GoFunc{RunTx: nothing}),
		goose.NewGoMigration(15, &goose.GoFunc{RunTx: s.indexAll}, &goose.GoFunc{RunTx: nothing}),
	}
}

func nothing(context.Context, *sql.Tx) error { return nil }

// addKeys gives the names that there were before their keys.
func addKeys(ctx context.Context, tx *sql.Tx) error {
	names, err := texts(ctx, tx, `select name from names`)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := insertKeys(ctx, tx, name); err != nil {
			return err
		}
	}
	return nil
}

// complete gives the addons that there were before their kind, and finds out
// which of each name is the latest.
func complete(ctx context.Context, tx *sql.Tx) error {
	err := eachAddon(ctx, tx, func(addon *graft.Addon) error {
		addon.SetKind()
		return rewrite(ctx, tx, addon)
	})
	if err != nil {
		return err
	}
	names, err := texts(ctx, tx, `select name from names`)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, err := markLatest(ctx, tx, name); err != nil {
			return err
		}
	}
	return nil
}

// addRights writes the rights of all addons that have none written down.
func addRights(ctx context.Context, tx *sql.Tx) error {
	return eachAddon(ctx, tx, func(addon *graft.Addon) error {
		if addon.Rights != nil {
			return nil
		}
		fillRights(addon)
		return rewrite(ctx, tx, addon)
	})
}

// rewrite replaces an addon's document, which for its readers is no change.
func rewrite(ctx context.Context, tx *sql.Tx, addon *graft.Addon) error {
	document, err := json.Marshal(addon)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `update addons set document = $2 where id = $1`, addon.ID, string(document))
	return err
}
