package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// In SQLite an index of terms finds addons in the order of the numbers of its rows.
// So that there is one in the order of names, each addon has a place: a number
// between those of the addons before and after it. Places are far apart. Where
// none is left in between, neighbours move: the fewer, the more room there is
// around (list labeling; see Bender et al., "Two Simplified Algorithms for
// Maintaining Order in a List", 2002).

const (
	lastPlace = 1 << 62 // beyond all places
	// apart is how far apart places are where there is room, roomy how far on
	// average after some have moved, neighbours how many of them do at least.
	apart      = 1 << 24
	roomy      = 1 << 16
	neighbours = 16
)

// placeBefore is a query for the place of the last addon that comes before a name
// and seq, or, with <=, is that one.
func placeBefore(operator, name, seq string) string {
	return fmt.Sprintf(`select p.place from addons b cross join addon_places p on p.seq = b.seq
		where (b.name, b.seq) %s (%s, %s) order by b.name desc, b.seq desc limit 1`, operator, name, seq)
}

// place gives a new addon its place. Nobody else writes meanwhile.
func (s *Store) place(ctx context.Context, tx *sql.Tx, id string) error {
	before, after, err := gap(ctx, tx, id)
	if err == nil && after-before < 2 {
		if err = s.makeRoom(ctx, tx, before); err == nil {
			before, after, err = gap(ctx, tx, id)
		}
	}
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `insert into addon_places (seq, place) select seq, $2 from addons where id = $1`, id, between(before, after))
	return err
}

// gap returns the places on either side of an addon's; 0 and lastPlace where there
// is none.
func gap(ctx context.Context, tx *sql.Tx, id string) (before, after int64, err error) {
	err = tx.QueryRowContext(ctx, `select coalesce((`+placeBefore("<", "a.name", "a.seq")+`), 0) from addons a where a.id = $1`, id).Scan(&before)
	if err != nil {
		return 0, 0, err
	}
	err = tx.QueryRowContext(ctx, `select coalesce(min(place), $2) from addon_places where place > $1`, before, int64(lastPlace)).Scan(&after)
	return before, after, err
}

// between returns a place in a gap that has one. What is published in the order of
// its names goes on in steps, rather than to halve what is left each time.
func between(before, after int64) int64 {
	step := min((after-before)/2, apart)
	switch {
	case before == 0 && after == lastPlace:
		return lastPlace / 2
	case before == 0:
		return after - step
	}
	return before + step
}

// makeRoom moves those around a place apart.
func (s *Store) makeRoom(ctx context.Context, tx *sql.Tx, around int64) error {
	for count := neighbours; ; count *= 2 {
		var from, to int64
		var total int
		err := tx.QueryRowContext(ctx, `select
			coalesce((select place from addon_places where place <= $1 order by place desc limit 1 offset $2), 0),
			coalesce((select place from addon_places where place > $1 order by place limit 1 offset $2), $3),
			(select count(*) from addon_places)`, around, count/2, int64(lastPlace)).Scan(&from, &to, &total)
		if err != nil {
			return err
		}
		if (to-from)/int64(count+1) >= roomy || count >= 2*total {
			return s.spread(ctx, tx, from, to)
		}
	}
}

// spread has those between two places be equally far apart.
func (s *Store) spread(ctx context.Context, tx *sql.Tx, from, to int64) error {
	ids, err := texts(ctx, tx, `select a.id from addon_places p cross join addons a on a.seq = p.seq
		where p.place > $1 and p.place < $2 order by p.place`, from, to)
	if err != nil {
		return err
	}
	step := (to - from) / int64(len(ids)+1)
	if step < 2 {
		return errors.New("there are no places left among the names")
	}
	for _, id := range ids {
		if err := s.unindex(ctx, tx, id); err != nil {
			return err
		}
	}
	for i, id := range ids {
		_, err := tx.ExecContext(ctx, `insert into addon_places (seq, place) select seq, $2 from addons where id = $1`, id, from+int64(i+1)*step)
		if err != nil {
			return err
		}
	}
	return s.index(ctx, tx, ids...)
}

// placeAll gives all addons places.
func placeAll(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `insert into addon_places (seq, place)
		select seq, row_number() over (order by name, seq) * ($1 / ((select count(*) from addons) + 1)) from addons`, int64(lastPlace))
	return err
}
