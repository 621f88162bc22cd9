package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/graftplatform/graft"
)

// Bounds of the entries that are kept; a trigger of the database knows the first
// one, too. Deleting goes in strokes of auditSlack.
const (
	keptAudit  = 100_000
	auditSlack = 1_000
)

// AppendAudit adds entries in their order, all or none; their ids are given
// anew. About the newest 100,000 are kept.
func (s *Store) AppendAudit(ctx context.Context, entries []graft.AuditEntry) error {
	documents := make([]string, len(entries))
	for i, entry := range entries {
		entry.ID = 0 // it has a column
		document, err := json.Marshal(entry)
		if err != nil {
			return graft.WrapError(graft.CodeInternal, err, "The audit entry of %q can't be written as JSON.", entry.Action)
		}
		documents[i] = string(document)
	}
	return s.updateLatest(ctx, func(tx *sql.Tx) error {
		if s.dialect.lockEvents != "" {
			if _, err := tx.ExecContext(ctx, s.dialect.lockEvents); err != nil {
				return err
			}
		}
		var newest int64
		for _, document := range documents {
			if err := tx.QueryRowContext(ctx, `insert into audit (document) values ($1) returning id`, document).Scan(&newest); err != nil {
				return err
			}
		}
		return pruneAudit(ctx, tx, newest)
	})
}

// pruneAudit deletes all but the newest entries once there are too many.
func pruneAudit(ctx context.Context, tx *sql.Tx, newest int64) error {
	var oldest int64
	if err := tx.QueryRowContext(ctx, `select coalesce(min(id), 0) from audit`).Scan(&oldest); err != nil {
		return err
	}
	if newest-oldest < keptAudit+auditSlack {
		return nil
	}
	_, err := tx.ExecContext(ctx, `delete from audit where id <= $1`, newest-keptAudit)
	return err
}

// Audit returns the first entries after an id, up to the limit, in their order.
func (s *Store) Audit(ctx context.Context, after int64, limit int) ([]graft.AuditEntry, error) {
	return s.audit(ctx, `select id, document from audit where id > $1 order by id limit $2`, after, limit)
}

// LastAudit returns the last entries, up to the limit, in their order.
func (s *Store) LastAudit(ctx context.Context, limit int) ([]graft.AuditEntry, error) {
	entries, err := s.audit(ctx, `select id, document from audit order by id desc limit $1`, limit)
	slices.Reverse(entries)
	return entries, err
}

func (s *Store) audit(ctx context.Context, query string, args ...any) (entries []graft.AuditEntry, err error) {
	err = eachRow(ctx, s.read, query, args, func(scan func(...any) error) error {
		var id int64
		var document []byte
		if err := scan(&id, &document); err != nil {
			return err
		}
		var entry graft.AuditEntry
		if err := json.Unmarshal(document, &entry); err != nil {
			return decodeError(err, "audit", strconv.FormatInt(id, 10))
		}
		entry.ID = id
		entries = append(entries, entry)
		return nil
	})
	return entries, s.explain(err)
}
