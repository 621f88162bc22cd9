package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/pressly/goose/v3"

	"github.com/graftplatform/graft"
)

// rightsMigration gives the addons that there were before their rights, which
// SQL can't derive from descriptors. Who goes back may as well keep them.
func rightsMigration() *goose.Migration {
	return goose.NewGoMigration(9, &goose.GoFunc{RunTx: addRights},
		&goose.GoFunc{RunTx: func(context.Context, *sql.Tx) error { return nil }})
}

// addRights writes the rights of all addons that have none written down, page by
// page: there may be more addons than memory.
func addRights(ctx context.Context, tx *sql.Tx) error {
	for after := ""; ; {
		page, err := documentsAfter(ctx, tx, after)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, row := range page {
			after = row.id
			addon, err := decodeAddon(row.id, row.document)
			if err != nil {
				return err
			}
			if addon.Rights != nil {
				continue
			}
			fillRights(addon)
			document, err := json.Marshal(addon)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `update addons set document = $2 where id = $1`, row.id, string(document)); err != nil {
				return err
			}
		}
	}
}

// fillRights derives an addon's rights, unless it has them.
func fillRights(addon *graft.Addon) {
	if addon.Rights == nil {
		addon.Rights = addon.Descriptor.Rights()
	}
	addon.Risk = graft.Risk(addon.Rights)
}

type addonRow struct {
	id       string
	document []byte
}

func documentsAfter(ctx context.Context, tx *sql.Tx, id string) (page []addonRow, err error) {
	rows, err := tx.QueryContext(ctx, `select id, document from addons where id > $1 order by id limit $2`, id, pageRows)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var row addonRow
		if err := rows.Scan(&row.id, &row.document); err != nil {
			return nil, err
		}
		page = append(page, row)
	}
	return page, rows.Err()
}
