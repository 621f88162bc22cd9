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
	after, err := parseCursor(q)
	if err != nil {
		return nil, "", err
	}
	p := &search{store: s, q: q, terms: wanted(q), at: after}
	if err := p.run(ctx); err != nil {
		return nil, "", s.explain(err)
	}
	if p.more {
		next = p.at.String()
	}
	return p.page, next, nil
}

// search is a search for a page. It may take several statements, of which each
// goes on where the one before ended.
type search struct {
	store *Store
	q     *graft.AddonQuery
	terms [][]string // see wanted

	at   *cursor // the last addon on the page; before there is one, where the page begins
	page [][]byte
	size int  // in bytes
	more bool // the page is full, and there is one more
}

// run has each search begin with what is soon found if there is a lot of it, as
// long as that is bounded. What is left is little then: a page costs what it
// shows, and not what there is.
func (p *search) run(ctx context.Context) error {
	switch {
	case p.q.Sort == graft.SortName && p.wantsAll():
		return p.all(ctx)
	case p.q.Sort == graft.SortName:
		if err := p.nameByName(ctx); err != nil || p.more {
			return err
		}
	case p.store.dialect.terms.nearby != "":
		if err := p.nearby(ctx); err != nil || p.more {
			return err
		}
	}
	return p.found(ctx, p.terms)
}

// wantsAll is whether the search is for everything that is listed.
func (p *search) wantsAll() bool {
	q := p.q
	return *q == graft.AddonQuery{Latest: q.Latest, Sort: q.Sort, Limit: q.Limit, Cursor: q.Cursor}
}

// all goes through all addons in the order of their names.
func (p *search) all(ctx context.Context) error {
	x := &selection{from: "addons a"}
	x.and("a.status = " + x.arg(string(graft.AddonApproved)))
	x.and("not a.yanked")
	return p.read(ctx, x)
}

// found has the index of the terms find everything.
func (p *search) found(ctx context.Context, terms [][]string) error {
	index := &p.store.dialect.terms
	x := &selection{}
	x.from = fmt.Sprintf(index.found, x.arg(index.expression(terms)), p.direction())
	return p.read(ctx, x)
}

// nearby looks at the next addons only, one by one: for a database whose index does
// not give what it finds in the order of seq.
func (p *search) nearby(ctx context.Context) error {
	index := &p.store.dialect.terms
	x := &selection{}
	expression, place := x.arg(index.expression(p.terms)), "true"
	if p.at != nil {
		place = "seq " + p.beyond() + " " + x.arg(p.at.seq)
	}
	x.from = fmt.Sprintf(index.nearby, expression, place, p.direction())
	return p.read(ctx, x)
}

// Numbers of names that are gone through at a time, each so many times the one
// before.
const (
	fewNames  = 64
	moreNames = 16
	manyNames = 1 << 14
)

// nameByName goes through the names in their order if there is much to be found:
// to find it all and to put that in order would take longer. It ends after many
// names, or when the page is full.
func (p *search) nameByName(ctx context.Context) error {
	var many bool
	index := &p.store.dialect.terms
	err := p.store.read.QueryRowContext(ctx, index.findsMany, index.expression(p.terms)).Scan(&many)
	if err != nil || !many {
		return err
	}
	var first, before string
	if p.at != nil {
		first = p.at.name
	}
	err = p.store.read.QueryRowContext(ctx, `select coalesce(max(name), '') from names where name < $1`, first).Scan(&before)
	for count := fewNames; err == nil && !p.more && count <= manyNames; count *= moreNames {
		var names []string
		if names, err = p.store.namesFrom(ctx, first, count+1); err != nil {
			return err
		}
		if len(names) <= count { // these are the last ones: all that is left is among them
			return nil
		}
		first = names[count]
		err = p.found(ctx, append(p.terms[:len(p.terms):len(p.terms)], leading(before, names[:count], first)))
		before = names[count-1]
	}
	return err
}

// namesFrom returns so many names from one on.
func (s *Store) namesFrom(ctx context.Context, first string, count int) (names []string, err error) {
	err = eachRow(ctx, s.read, `select name from names where name >= $1 order by name limit $2`, []any{first, count},
		func(scan func(...any) error) error {
			names = append(names, "")
			return scan(&names[len(names)-1])
		})
	return names, err
}

// selection is a statement that selects addons, which are called a.
type selection struct {
	from  string
	where []string
	args  []any
}

func (x *selection) and(condition string) { x.where = append(x.where, condition) }

// arg returns the placeholder of a value.
func (x *selection) arg(value any) string {
	x.args = append(x.args, value)
	return "$" + strconv.Itoa(len(x.args))
}

// beyond compares a seq with one that comes before it in the order of the page.
func (p *search) beyond() string {
	if p.q.Sort == graft.SortOldest {
		return ">"
	}
	return "<"
}

func (p *search) direction() string {
	if p.q.Sort == graft.SortOldest {
		return "asc"
	}
	return "desc"
}

// read puts on the page what a statement selects, in the order of the query.
func (p *search) read(ctx context.Context, x *selection) (err error) {
	order := p.store.dialect.terms.key + " " + p.direction()
	switch {
	case p.q.Sort == graft.SortName:
		order = "a.name, a.seq"
		if p.at != nil {
			x.and(fmt.Sprintf("(a.name, a.seq) > (%s, %s)", x.arg(p.at.name), x.arg(p.at.seq)))
		}
	case p.at != nil:
		x.and(p.store.dialect.terms.key + " " + p.beyond() + " " + x.arg(p.at.seq))
	}
	if p.q.Latest {
		x.and("a.latest")
	}
	where := strings.Join(append(x.where, "true"), " and ")
	rows, err := p.store.read.QueryContext(ctx, fmt.Sprintf("select a.seq, a.name, a.document from %s where %s order by %s limit %d",
		x.from, where, order, p.q.Limit+1-len(p.page)), x.args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if len(p.page) == p.q.Limit || p.size >= maxPageBytes {
			p.more = true
			return nil
		}
		var at cursor
		var document []byte
		if err := rows.Scan(&at.seq, &at.name, &document); err != nil {
			return err
		}
		if p.q.Sort != graft.SortName {
			at.name = ""
		}
		p.at, p.page, p.size = &at, append(p.page, document), p.size+len(document)
	}
	return rows.Err()
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
