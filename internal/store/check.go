package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"syscall"

	"github.com/docker/go-units"

	"github.com/graftplatform/graft"
)

// MinFree is how much space the data directory's disk must have at least, in
// bytes, for CheckDisk to be content.
const MinFree = 64 << 20

// Check writes a row and waits until it is on the disk. Other than all methods
// that write, it tries once: it is asked to find out, not to get through.
// CodeUnavailable, with what to do about it, when nothing can be saved.
func (s *Store) Check(ctx context.Context) error {
	return s.explain(s.transact(ctx, sql.LevelDefault, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `insert into meta (key, value) values ('checked_at', $1)
			on conflict (key) do update set value = excluded.value`, now().String())
		return err
	}))
}

// CheckDisk returns CodeUnavailable, with what is left, when the data
// directory's disk has less than MinFree.
func (s *Store) CheckDisk(context.Context) error {
	free, err := freeSpace(s.dir)
	switch {
	case err != nil:
		return graft.WrapError(graft.CodeUnavailable, fmt.Errorf("%s: %w", s.dir, err),
			"The data directory can't be looked at. See to it that it is there and that the server's user may read it.")
	case free < MinFree:
		return graft.WrapError(graft.CodeUnavailable, errors.New(s.dir),
			"The disk of the data directory has %s left, and Graft needs %s to work safely. Free some space.",
			units.BytesSize(float64(free)), units.BytesSize(MinFree))
	}
	return nil
}

// freeSpace is how many bytes the disk of dir has left for this user.
func freeSpace(dir string) (uint64, error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return 0, err
	}
	// The types of both differ between systems; neither is ever negative.
	return uint64(disk.Bavail) * uint64(disk.Bsize), nil //nolint:gosec,unconvert // see above
}

// AddonCounts returns how many addons there are of each status that has any.
func (s *Store) AddonCounts(ctx context.Context) (counts map[graft.AddonStatus]int, err error) {
	rows, err := s.read.QueryContext(ctx, `select status, count(*) from addons group by status`)
	if err != nil {
		return nil, s.explain(err)
	}
	defer func() { _ = rows.Close() }() // Err tells all there is to know
	counts = map[graft.AddonStatus]int{}
	for rows.Next() {
		var status graft.AddonStatus
		var n int
		if err := rows.Scan(&status, &n); err != nil {
			return nil, s.explain(err)
		}
		counts[status] = n
	}
	return counts, s.explain(rows.Err())
}
