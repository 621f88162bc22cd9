package store

import (
	"context"
	"database/sql/driver"
)

// SQLite's driver takes each statement apart anew, which is a fifth of the time
// of a short one. Connections that keep statements, as those to PostgreSQL do by
// themselves, take it apart once.

// maxStatements is how many statements a connection keeps.
const maxStatements = 100

// keeper makes connections that keep statements.
type keeper struct{ driver.Connector }

// liteConn is what a connection of the driver can do that is used.
type liteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// liteStmt is the same of a statement.
type liteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// liteRows is the same of what a query finds.
type liteRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
}

// Connect implements driver.Connector.
func (k keeper) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &keepingConn{liteConn: conn.(liteConn), kept: make(map[string]liteStmt)}, nil
}

// keepingConn is used by one goroutine at a time, as all connections are.
type keepingConn struct {
	liteConn
	kept map[string]liteStmt // those that nobody uses, by their text
}

// take returns a statement for the caller alone.
func (c *keepingConn) take(ctx context.Context, query string) (liteStmt, error) {
	if s, there := c.kept[query]; there {
		delete(c.kept, query)
		return s, nil
	}
	s, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.(liteStmt), nil
}

// keep takes a statement back. Of too many, any one goes: those that are used often
// are soon there again.
func (c *keepingConn) keep(query string, s liteStmt) error {
	if _, there := c.kept[query]; there { // two were used at a time
		return s.Close()
	}
	for other, s := range c.kept {
		if len(c.kept) < maxStatements {
			break
		}
		delete(c.kept, other)
		if err := s.Close(); err != nil {
			return err
		}
	}
	c.kept[query] = s
	return nil
}

// ExecContext implements driver.ExecerContext. What has no arguments may be a
// script, of which nothing is kept.
func (c *keepingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 0 {
		return c.liteConn.ExecContext(ctx, query, args)
	}
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := s.ExecContext(ctx, args)
	if err != nil {
		_ = s.Close() // err says more
		return nil, err
	}
	return result, c.keep(query, s)
}

// QueryContext implements driver.QueryerContext.
func (c *keepingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		_ = s.Close() // err says more
		return nil, err
	}
	return &keepingRows{rows.(liteRows), c, query, s}, nil
}

// Close implements driver.Conn.
func (c *keepingConn) Close() error {
	for _, s := range c.kept {
		_ = s.Close() // the connection ends anyway
	}
	return c.liteConn.Close()
}

// keepingRows gives its statement back when it is closed.
type keepingRows struct {
	liteRows
	conn      *keepingConn
	query     string
	statement liteStmt
}

// Close implements driver.Rows.
func (r *keepingRows) Close() error {
	if err := r.liteRows.Close(); err != nil {
		_ = r.statement.Close() // err says more
		return err
	}
	return r.conn.keep(r.query, r.statement)
}
