package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/graftplatform/graft"
)

// explain makes a *graft.Error of whatever went wrong with the database.
func (s *Store) explain(err error) error {
	if err == nil {
		return nil
	}
	var known *graft.Error
	if errors.As(err, &known) {
		return err
	}
	var connect *pgconn.ConnectError // it may have a time limit of its own
	if !errors.As(err, &connect) && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return graft.WrapError(graft.CodeUnavailable, err, "The request ended before the database answered.")
	}
	if explained := s.dialect.explain(err); explained != nil {
		return explained
	}
	return graft.WrapError(graft.CodeInternal, err, "The database %s failed.", s.dialect.location)
}

// decodeError is for a row that this program did not write.
func decodeError(err error, what, id string) error {
	return graft.WrapError(graft.CodeInternal, err, "The database's entry for %s %s can't be read.", what, id)
}
