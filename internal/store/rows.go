package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/graftplatform/graft"
)

// queryer is the database or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// eachRow calls fn for each row that a query finds, until it fails; scan reads
// the row's columns.
func eachRow(ctx context.Context, db queryer, query string, args []any, fn func(scan func(...any) error) error) (err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// eachAddon calls fn for each addon, page by page: there may be more than memory,
// and fn may write.
func eachAddon(ctx context.Context, tx *sql.Tx, fn func(*graft.Addon) error) error {
	for after := ""; ; {
		var page []*graft.Addon
		err := eachRow(ctx, tx, `select id, document from addons where id > $1 order by id limit $2`, []any{after, pageRows},
			func(scan func(...any) error) error {
				var document []byte
				if err := scan(&after, &document); err != nil {
					return err
				}
				addon, err := decodeAddon(after, document)
				page = append(page, addon)
				return err
			})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, addon := range page {
			if err := fn(addon); err != nil {
				return err
			}
		}
	}
}

// texts returns what a query finds, one text in each row.
func texts(ctx context.Context, tx *sql.Tx, query string, args ...any) (found []string, err error) {
	err = eachRow(ctx, tx, query, args, func(scan func(...any) error) error {
		found = append(found, "")
		return scan(&found[len(found)-1])
	})
	return found, err
}
