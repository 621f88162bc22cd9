// Package pgtest gives tests a real PostgreSQL, started for one test and its
// subtests. Tests that use it fail where PostgreSQL is not installed.
package pgtest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/graftplatform/graft/internal/pgtest/pgserver"
)

// Server is a running PostgreSQL.
type Server struct {
	server    *pgserver.Server
	databases atomic.Int32
}

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	// What is lost when the machine loses power is lost to no test.
	server, err := pgserver.Start(t.Context(), "fsync=off", "max_connections=400", "shared_buffers=64MB")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Server{server: server}
}

// Database makes an empty database and returns its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	url, err := s.server.Database(t.Context(), fmt.Sprintf("test%d", s.databases.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// Restart starts the server again after Stop.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Stop ends the server: whoever is connected is cut off.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.server.Stop(); err != nil {
		t.Error(err)
	}
}
