package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// maxIDs is how many ids one statement asks for.
const maxIDs = 500

// Revisions returns the revisions of addons by their ids; those that there are
// not are absent.
func (s *Store) Revisions(ctx context.Context, ids []string) (map[string]int64, error) {
	revisions := make(map[string]int64, len(ids))
	for some := range slices.Chunk(ids, maxIDs) {
		if err := s.revisions(ctx, some, revisions); err != nil {
			return nil, s.explain(err)
		}
	}
	return revisions, nil
}

func (s *Store) revisions(ctx context.Context, ids []string, into map[string]int64) error {
	places, args := make([]string, len(ids)), make([]any, len(ids))
	for i, id := range ids {
		places[i], args[i] = fmt.Sprintf("$%d", i+1), id
	}
	query := `select id, revision from addons where id in (` + strings.Join(places, ", ") + `)`
	return eachRow(ctx, s.read, query, args, func(scan func(...any) error) error {
		var id string
		var revision int64
		err := scan(&id, &revision)
		into[id] = revision
		return err
	})
}

// Shared is whether other processes may have the database open, too.
func (s *Store) Shared() bool { return s.dialect.shared }

// Location is where the database is, for people: a file, or a URL without user
// and password.
func (s *Store) Location() string { return s.dialect.location }
