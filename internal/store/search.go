package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/graftplatform/graft"
)

// maxPageBytes is from which size on a page is full, with fewer addons than wanted.
const maxPageBytes = 1 << 20

// PageOfAddons returns the JSON documents of a page of the addons that a query
// chooses, in its order, and the cursor of the next page; empty: there is none.
// CodeInvalid for a cursor that is not one of such a query's.
func (s *Store) PageOfAddons(ctx context.Context, q *graft.AddonQuery) (documents []string, next string, err error) {
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
	page []string
	size int  // in bytes
	more bool // the page is full, and there is one more
}

// Numbers of addons that are looked at one by one.
const (
	few  = 200
	many = 5000
)

// run has a search begin with what is soon found if there is a lot of it, as long
// as that is bounded. What is left is little then: a page costs what it shows, and
// not what there is.
func (p *search) run(ctx context.Context) error {
	if len(p.terms) == 0 {
		return p.all(ctx)
	}
	order := p.store.dialect.terms.orders[p.q.Sort]
	if order.nearby == "" {
		return p.found(ctx, order)
	}
	if err := p.nearby(ctx, order, few); err != nil || p.more {
		return err
	}
	if len(p.page)*many >= p.q.Limit*few { // as many again, so often, fill the page
		if err := p.nearby(ctx, order, many); err != nil || p.more {
			return err
		}
	}
	return p.found(ctx, order)
}

// all goes through all addons that are listed.
func (p *search) all(ctx context.Context) error {
	x := &selection{from: "addons a"}
	if p.q.Latest {
		x.and("a.latest")
	} else {
		x.and("a.status || '' = 'approved' and not a.yanked") // as the index has it
	}
	return p.read(ctx, x, map[graft.AddonSort]order{
		graft.SortNewest: {by: "a.seq desc", beyond: func(x *selection, at *cursor) string { return "a.seq < " + x.arg(at.seq) }},
		graft.SortOldest: {by: "a.seq", beyond: func(x *selection, at *cursor) string { return "a.seq > " + x.arg(at.seq) }},
		graft.SortName: {by: "a.name, a.seq", beyond: func(x *selection, at *cursor) string {
			return fmt.Sprintf("(a.name, a.seq) > (%s, %s)", x.arg(at.name), x.arg(at.seq))
		}},
	}[p.q.Sort])
}

// found has the index find everything.
func (p *search) found(ctx context.Context, order order) error {
	x := &selection{}
	x.from = fmt.Sprintf(order.found, x.arg(p.store.dialect.terms.expression(p.terms)))
	return p.read(ctx, x, order)
}

// nearby looks at the next so many addons, one by one: for a database whose index
// does not give what it finds in an order.
func (p *search) nearby(ctx context.Context, order order, count int) error {
	x := &selection{}
	expression, place := x.arg(p.store.dialect.terms.expression(p.terms)), "true"
	if p.at != nil {
		place = order.beyond(x, p.at)
	}
	x.from = fmt.Sprintf(order.nearby, expression, place, count)
	return p.read(ctx, x, order)
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

// read puts on the page what a statement selects, in an order.
func (p *search) read(ctx context.Context, x *selection, order order) (err error) {
	if p.at != nil {
		x.and(order.beyond(x, p.at))
	}
	where := strings.Join(append(x.where, "true"), " and ")
	rows, err := p.store.read.QueryContext(ctx, fmt.Sprintf("select a.seq, a.name, a.document from %s where %s order by %s limit %d",
		x.from, where, order.by, p.q.Limit+1-len(p.page)), x.args...)
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
		var document string
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
