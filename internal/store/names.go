package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/graftplatform/graft"
)

// Name returns whose a name is and what there is of it; CodeNotFound if nobody
// ever published under it.
func (s *Store) Name(ctx context.Context, name string) (*graft.Name, error) {
	n := graft.Name{Name: name}
	var createdAt int64
	err := s.read.QueryRowContext(ctx,
		`select publisher, created_at,
			coalesce((select version from addons where name = $1 and latest), ''),
			(select count(*) from addons where name = $1)
		from names where name = $1`, text(name)).Scan(&n.Publisher, &createdAt, &n.Latest, &n.Versions)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, graft.Errorf(graft.CodeNotFound, "No addon is called %q.", name)
	}
	n.CreatedAt = fromMicros(createdAt)
	return &n, s.explain(err)
}

// SetPublisher gives a name to somebody else; CodeNotFound if there is none.
func (s *Store) SetPublisher(ctx context.Context, name, publisher string) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		given, err := changed(ctx, tx, `update names set publisher = $2 where name = $1`, name, publisher)
		if err == nil && !given {
			return graft.Errorf(graft.CodeNotFound, "No addon is called %q.", name)
		}
		return err
	})
}

// Versions returns the versions of a name, the highest first. Of their documents,
// which may be long, it decodes no more than it returns.
func (s *Store) Versions(ctx context.Context, name string) (versions []graft.Version, err error) {
	err = eachRow(ctx, s.read, `select id, document, latest from addons where name = $1`, []any{text(name)}, func(scan func(...any) error) error {
		var id string
		var document []byte
		var latest bool
		if err := scan(&id, &document, &latest); err != nil {
			return err
		}
		var v graft.Version
		if err := json.Unmarshal(document, &v); err != nil {
			return decodeError(err, "addon", id)
		}
		v.ID, v.Latest = id, latest
		versions = append(versions, v)
		return nil
	})
	slices.SortFunc(versions, func(a, b graft.Version) int { return graft.CompareVersions(b.Version, a.Version) })
	return versions, s.explain(err)
}

// Choice is an approved version of a name.
type Choice struct {
	ID      string
	Version string
	Yanked  bool
}

// Choices returns the approved versions of a name, in no order. It reads no
// documents.
func (s *Store) Choices(ctx context.Context, name string) (choices []Choice, err error) {
	err = eachRow(ctx, s.read, `select id, version, yanked from addons where status = $1 and name = $2`,
		[]any{string(graft.AddonApproved), text(name)}, func(scan func(...any) error) error {
			var c Choice
			err := scan(&c.ID, &c.Version, &c.Yanked)
			choices = append(choices, c)
			return err
		})
	return choices, s.explain(err)
}

// claimName takes note of a name for its first publisher, and returns whose it
// is. Until the transaction ends nobody else publishes under it.
func (s *Store) claimName(ctx context.Context, tx *sql.Tx, addon *graft.Addon) (owner string, err error) {
	insertion := fmt.Sprintf(`insert into names (name, publisher, numbered, created_at, seq) values ($1, $2, 0, $3, %s) on conflict do nothing`,
		s.dialect.nextName)
	first, err := changed(ctx, tx, insertion, addon.Name, addon.Publisher, micros(addon.CreatedAt))
	if err != nil {
		return "", err
	}
	if first {
		return addon.Publisher, insertKeys(ctx, tx, addon.Name)
	}
	return lockName(ctx, tx, addon.Name)
}

// lockName keeps others from changing what is about all versions of a name until
// the transaction ends, and returns whose the name is. Whoever does so locks the
// verification of an addon first, if it is about that, then the name, then the rows
// of its addons, then their terms: two who did so in another order would wait for
// each other.
func lockName(ctx context.Context, tx *sql.Tx, name string) (owner string, err error) {
	// It is written, not read: who writes a row keeps others from doing so.
	err = tx.QueryRowContext(ctx, `update names set numbered = numbered where name = $1 returning publisher`, name).Scan(&owner)
	return owner, err
}

// claimVersion takes a version for good, and returns it: the given one, or, if
// that is empty, the next number. CodeConflict when it was given before.
func claimVersion(ctx context.Context, tx *sql.Tx, name, version string) (string, error) {
	claim := func(version string) (bool, error) {
		return changed(ctx, tx, `insert into versions (name, key) values ($1, $2) on conflict do nothing`,
			name, graft.VersionKey(version))
	}
	if version != "" {
		claimed, err := claim(version)
		if err == nil && !claimed {
			err = graft.Errorf(graft.CodeConflict,
				"Version %s of addon %s was published before, and a version never changes: publish another one.", version, name)
		}
		return version, err
	}
	for {
		var number int64
		err := tx.QueryRowContext(ctx, `update names set numbered = numbered + 1 where name = $1 returning numbered`, name).Scan(&number)
		if err != nil {
			return "", err
		}
		version := fmt.Sprintf("0.0.%d", number)
		if claimed, err := claim(version); claimed || err != nil {
			return version, err
		}
	}
}

// chooseLatest finds out which version of a name is chosen by who names none,
// where addon counts as it is and not as it is saved. It returns whether it is
// that one, and the ids of others that are that now, or were. The name is to be
// locked.
func chooseLatest(ctx context.Context, tx *sql.Tx, addon *graft.Addon) (latest bool, others []string, err error) {
	var ids, versions []string
	var before, after string // among the others
	err = eachRow(ctx, tx, `select id, version, latest from addons where name = $1 and id <> $2 and status = $3 and not yanked`,
		[]any{addon.Name, addon.ID, string(graft.AddonApproved)}, func(scan func(...any) error) error {
			var id, version string
			var latest bool
			err := scan(&id, &version, &latest)
			ids, versions = append(ids, id), append(versions, version)
			if latest {
				before = id
			}
			return err
		})
	if err != nil {
		return false, nil, err
	}
	if choosable(addon) {
		ids, versions = append(ids, addon.ID), append(versions, addon.Version)
	}
	if i := (graft.VersionRange{}).Best(versions); i >= 0 {
		if latest = ids[i] == addon.ID; !latest {
			after = ids[i]
		}
	}
	if before == after {
		return latest, nil, nil
	}
	others, err = texts(ctx, tx, `update addons set latest = (id = $1) where id in ($1, $2) returning id`, after, before)
	return latest, others, err
}

// markLatest does the same for all that are saved.
func markLatest(ctx context.Context, tx *sql.Tx, name string) (moved []string, err error) {
	_, moved, err = chooseLatest(ctx, tx, &graft.Addon{Descriptor: graft.Descriptor{Name: name}})
	return moved, err
}
