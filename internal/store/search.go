package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/graftplatform/graft"
)

// maxPageBytes is from which size on a page is full, with fewer addons than wanted.
const maxPageBytes = 1 << 20

// PageOfAddons calls fn with the JSON documents of a page of the addons that a
// query chooses, in its order, and returns the cursor of the next page; empty:
// there is none. No connection is held while fn runs, so fn may be slow.
// CodeInvalid for a cursor that is not one of such a query's.
func (s *Store) PageOfAddons(ctx context.Context, q *graft.AddonQuery, fn func(document []byte) error) (next string, err error) {
	page, next, err := s.readPage(ctx, q)
	for _, document := range page {
		if err := fn(document); err != nil {
			return "", err
		}
	}
	return next, err
}

func (s *Store) readPage(ctx context.Context, q *graft.AddonQuery) (page [][]byte, next string, err error) {
	statement, args, err := s.searchStatement(ctx, q)
	if err != nil {
		return nil, "", s.explain(err)
	}
	rows, err := s.read.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, "", s.explain(err)
	}
	defer func() { err = s.explain(errors.Join(err, rows.Close())) }()
	var last cursor
	for size := 0; rows.Next(); {
		if len(page) == q.Limit || size >= maxPageBytes { // there is one more
			return page, last.String(), nil
		}
		var document []byte
		if err := rows.Scan(&last.seq, &last.name, &document); err != nil {
			return nil, "", err
		}
		if q.Sort != graft.SortName {
			last.name = ""
		}
		page, size = append(page, document), size+len(document)
	}
	return page, "", rows.Err()
}

// searchStatement returns the SQL of a query. The index of the terms gives what it
// finds in the order of seq, so a page costs what it shows, and no more.
func (s *Store) searchStatement(ctx context.Context, q *graft.AddonQuery) (string, []any, error) {
	after, err := parseCursor(q)
	if err != nil {
		return "", nil, err
	}
	index := &s.dialect.terms
	expression := index.expression(wanted(q))
	args, from, where, seq := []any{}, "addons a", []string{"true"}, "a.seq"
	arg := func(value any) string {
		args = append(args, value)
		return "$" + strconv.Itoa(len(args))
	}
	switch {
	case expression == "":
	case q.Sort != graft.SortName: // the left one is the outer loop
		seq = "t." + index.key
		from = "addon_terms t cross join addons a"
		where = append(where, "a.seq = "+seq, fmt.Sprintf(index.matches, "t", arg(expression)))
	case *q == (graft.AddonQuery{Latest: q.Latest, Sort: q.Sort, Limit: q.Limit, Cursor: q.Cursor}): // all that are listed
		where = append(where, "a.status = "+arg(string(graft.AddonApproved))+" and not a.yanked")
	default:
		many, err := s.findsMany(ctx, expression)
		if err != nil {
			return "", nil, err
		}
		matches := fmt.Sprintf(index.matches, "t", arg(expression))
		if many {
			where = append(where, fmt.Sprintf("exists (select 1 from addon_terms t where %s and t.%s = a.seq)", matches, index.key))
		} else {
			where = append(where, fmt.Sprintf("a.seq in (select t.%s from addon_terms t where %s)", index.key, matches))
		}
	}
	if q.Latest {
		where = append(where, "a.latest")
	}
	order := seq + " desc"
	switch {
	case q.Sort == graft.SortName:
		order = "a.name, a.seq"
		if after != nil {
			where = append(where, fmt.Sprintf("(a.name, a.seq) > (%s, %s)", arg(after.name), arg(after.seq)))
		}
	case q.Sort == graft.SortOldest:
		order = seq
		if after != nil {
			where = append(where, seq+" > "+arg(after.seq))
		}
	case after != nil:
		where = append(where, seq+" < "+arg(after.seq))
	}
	return fmt.Sprintf("select a.seq, a.name, a.document from %s where %s order by %s limit %d",
		from, strings.Join(where, " and "), order, q.Limit+1), args, nil
}

// manyFound is how many addons can be put in another order than that of the index
// in little time. If there are more, a page is sooner had by going through all in
// that order: not far behind each that is found there is another.
const manyFound = 10_000

func (s *Store) findsMany(ctx context.Context, expression string) (bool, error) {
	var count int
	err := s.read.QueryRowContext(ctx,
		`select count(*) from (select 1 from addon_terms t where `+fmt.Sprintf(s.dialect.terms.matches, "t", "$1")+` limit $2) as found`,
		expression, manyFound).Scan(&count)
	return count == manyFound, err
}

// cursor is where a page begins: after that addon.
type cursor struct {
	seq  int64
	name string // empty: the order is that of seq
}

// String returns the cursor in a form that a URL can have.
func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.seq, 10) + " " + c.name))
}

func parseCursor(q *graft.AddonQuery) (*cursor, error) {
	if q.Cursor == "" {
		return nil, nil //nolint:nilnil // the first page begins nowhere
	}
	text, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	seq, name, ok := strings.Cut(string(text), " ")
	n, bad := strconv.ParseInt(seq, 10, 64)
	if err != nil || bad != nil || !ok || (name != "") != (q.Sort == graft.SortName) {
		return nil, graft.Problems{{Path: []string{"cursor"}, Message: "Not the cursor of a page of this query."}}.Err()
	}
	return &cursor{n, name}, nil
}

// index puts an addon's terms into the index, in place of those that it had.
func (s *Store) index(ctx context.Context, tx *sql.Tx, addon *graft.Addon) error {
	_, err := tx.ExecContext(ctx, s.dialect.terms.put, addon.ID, strings.Join(termsOf(addon), " "))
	return err
}

// unindex takes an addon's terms out of the index.
func (s *Store) unindex(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, s.dialect.terms.drop, id)
	return err
}

// indexAll indexes all addons anew.
func (s *Store) indexAll(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, s.dialect.terms.empty); err != nil {
		return err
	}
	return eachAddon(ctx, tx, func(addon *graft.Addon) error { return s.index(ctx, tx, addon) })
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
