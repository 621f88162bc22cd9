package main

import (
	"context"
	"errors"

	"github.com/graftplatform/graft/internal/pgtest/pgserver"
)

// database is a kind of database that graft can have.
type database struct {
	kind string
	// with calls fn with the flags that graft needs to use an empty one, which is
	// there until fn returns.
	with func(ctx context.Context, fn func(flags ...string) error) error
}

func databases() []database {
	return []database{
		{"SQLite", func(_ context.Context, fn func(...string) error) error { return fn() }},
		{"PostgreSQL", onPostgres},
	}
}

// onPostgres calls fn with the flags for a PostgreSQL of its own, as it comes: it
// is durable, and what it has in memory is little.
func onPostgres(ctx context.Context, fn func(flags ...string) error) (err error) {
	server, err := pgserver.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	url, err := server.Database(ctx, "graft")
	if err != nil {
		return err
	}
	return fn("--database", url)
}
