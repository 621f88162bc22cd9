package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/graftplatform/graft"
)

// Bounds of the entries that are kept. They are counted after each auditSlack of
// them.
const (
	keptAudit  = 100_000
	auditSlack = 1_000
	// auditShare is how many of its newest entries every principal keeps, whatever
	// others do; a trigger of the database knows it, too.
	auditShare = 1_000
)

// AppendAudit adds entries in their order, all or none; their ids are given
// anew. About 100,000 are kept: when there are more, the oldest of whoever has
// most go, so that nobody pushes out what others did.
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
		var full bool
		for i, document := range documents {
			var id int64
			err := tx.QueryRowContext(ctx, `insert into audit (document, principal, nth)
				select $1, $2, coalesce(max(nth), 0) + 1 from audit where principal = $2 returning id`,
				document, entries[i].Principal).Scan(&id)
			if err != nil {
				return err
			}
			full = full || id%auditSlack == 0 // it is time to count
		}
		if !full {
			return nil
		}
		return pruneAudit(ctx, tx)
	})
}

// pruneAudit deletes the oldest entries of whoever has most, while there are too
// many.
func pruneAudit(ctx context.Context, tx *sql.Tx) error {
	var n int64
	if err := tx.QueryRowContext(ctx, `select count(*) from audit`).Scan(&n); err != nil {
		return err
	}
	for n > keptAudit {
		var principal string
		var most, newest int64
		err := tx.QueryRowContext(ctx, `select principal, count(*) as n, max(nth) from audit
			group by principal order by n desc, principal limit 1`).Scan(&principal, &most, &newest)
		if err != nil {
			return err
		}
		// Usually it is a stroke; of far too many, half of his, and then it may be
		// somebody else who has most.
		gone := min(n-keptAudit, most-auditShare, max(most/2, auditSlack))
		if gone <= 0 { // there are many, and each has no more than its share
			return nil
		}
		if _, err := tx.ExecContext(ctx, `delete from audit where principal = $1 and nth <= $2`, principal, newest-most+gone); err != nil {
			return err
		}
		n -= gone
	}
	return nil
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
