package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// together has functions write at the same time: they all wait while another one
// is at work. It returns what became of each.
func together(t *testing.T, s *Store, fns []func(tx *sql.Tx) error, ctx func(i int) context.Context) []error {
	t.Helper()
	working, release := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		_ = s.update(t.Context(), func(*sql.Tx) error {
			close(working)
			<-release
			return errors.New("nothing to keep")
		})
	})
	<-working
	errs := make([]error, len(fns))
	for i, fn := range fns {
		wait.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					errs[i] = fmt.Errorf("panic: %v", r)
				}
			}()
			errs[i] = s.update(ctx(i), fn)
		})
	}
	for waiting := 0; waiting < len(fns); runtime.Gosched() {
		s.batches.mu.Lock()
		waiting = len(s.batches.next)
		s.batches.mu.Unlock()
	}
	close(release)
	wait.Wait()
	return errs
}

// note writes a row that says that number i was here.
func note(tx *sql.Tx, i int) error {
	_, err := tx.Exec(`insert into meta (key, value) values ($1, '')`, fmt.Sprintf("test %d", i))
	return err
}

func noted(t *testing.T, s *Store, i int) bool {
	t.Helper()
	var there bool
	if err := s.read.QueryRowContext(t.Context(), `select exists (select 1 from meta where key = $1)`, fmt.Sprintf("test %d", i)).Scan(&there); err != nil {
		t.Fatal(err)
	}
	return there
}

// Those who write at the same time share a transaction. If one fails, gives up or
// panics, the others notice nothing, and what it wrote is gone.
func TestWritersShareTransactions(t *testing.T) {
	t.Parallel()
	const writers, failing, gaveUp = 8, 3, 5
	failure := errors.New("no")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, bad := range []bool{false, true} {
		s, err := Open(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var mu sync.Mutex
		transactions := map[*sql.Tx]int{}
		fns := make([]func(*sql.Tx) error, writers)
		for i := range fns {
			fns[i] = func(tx *sql.Tx) error {
				mu.Lock()
				transactions[tx]++
				mu.Unlock()
				if err := note(tx, i); err != nil || !bad || i != failing {
					return err
				}
				return failure
			}
		}
		errs := together(t, s, fns, func(i int) context.Context {
			if bad && i == gaveUp {
				return cancelled
			}
			return t.Context()
		})
		for i, err := range errs {
			want := error(nil)
			switch {
			case bad && i == failing:
				want = failure
			case bad && i == gaveUp:
				want = context.Canceled
			}
			if !errors.Is(err, want) {
				t.Errorf("number %d: %v, want %v", i, err, want)
			}
			if noted(t, s, i) != (want == nil) {
				t.Errorf("number %d wrote: %v, although it was told %v", i, want != nil, err)
			}
		}
		if !bad && len(transactions) != 1 {
			t.Errorf("%d transactions", len(transactions))
		}
	}
}

// After one panics the others go on, and so does the store.
func TestPanicWithinTransaction(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fns := make([]func(*sql.Tx) error, 4)
	for i := range fns {
		fns[i] = func(tx *sql.Tx) error {
			if i == 2 {
				panic("oh")
			}
			return note(tx, i)
		}
	}
	panics := 0
	for i, err := range together(t, s, fns, func(int) context.Context { return t.Context() }) {
		switch there := noted(t, s, i); {
		case err == nil && !there, err != nil && there:
			t.Errorf("number %d was told %v, and wrote: %v", i, err, there)
		case err != nil:
			panics++
		}
	}
	if panics == 0 {
		t.Error("nobody was told of the panic")
	}
	if err := s.update(t.Context(), func(tx *sql.Tx) error { return note(tx, 9) }); err != nil || !noted(t, s, 9) {
		t.Errorf("afterwards nobody can write: %v", err)
	}
}
