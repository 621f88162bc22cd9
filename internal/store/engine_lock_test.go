package store

import (
	"context"
	"testing"
	"time"

	"github.com/graftplatform/graft/internal/pgtest"
)

// The connection that has the lock is dead here, and the server has not noticed:
// the engine ends it there, and is not taken for another one's.
func TestEngineIsNotInItsOwnWay(t *testing.T) {
	t.Parallel()
	s, err := Connect(t.Context(), t.TempDir(), pgtest.Start(t).Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.LockEngine(t.Context()); err != nil {
		t.Fatal(err)
	}
	dead, err := s.write.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.Close()
	before := s.engine.last()
	s.engine.mu.Lock()
	alive := s.engine.conn
	s.engine.conn = dead
	s.engine.mu.Unlock()
	t.Cleanup(func() { _ = alive.Close() })

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.KeepEngine(ctx) }()
	for s.engine.last() == before { // the test's time limit ends it
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		case <-time.After(20 * time.Millisecond): // it tells nobody
		}
	}
	if !s.engine.held(t.Context()) {
		t.Error("the new lock is not held")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
