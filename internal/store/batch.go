package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// batches has what is written at the same time share transactions, for a database
// in which one writes at a time: what takes long is to wait for the disk, and then
// all wait for it once. Of those that come, the first runs what came while it
// waited for its turn.
type batches struct {
	store *Store
	turn  chan struct{} // full while a batch is run

	mu   sync.Mutex
	next []*job // nil: whoever comes next is the first of a batch
}

// job is the part of a transaction that somebody waits for.
type job struct {
	ctx  context.Context //nolint:containedctx // that of the one who waits
	fn   func(tx *sql.Tx) error
	done chan struct{} // closed when err says how it went
	err  error
}

func newBatches(s *Store) *batches { return &batches{store: s, turn: make(chan struct{}, 1)} }

// run runs fn in a transaction, and returns when that is on the disk, or what
// became of it. fn may be run twice.
func (b *batches) run(ctx context.Context, fn func(tx *sql.Tx) error) error {
	own := &job{ctx: ctx, fn: fn, done: make(chan struct{})}
	b.mu.Lock()
	b.next = append(b.next, own)
	first := len(b.next) == 1
	b.mu.Unlock()
	if !first {
		<-own.done
		return own.err
	}
	b.turn <- struct{}{}
	defer func() { <-b.turn }()
	b.mu.Lock()
	jobs := b.next
	b.next = nil
	b.mu.Unlock()
	b.runAll(jobs)
	return own.err
}

// errNotRun is what a job has that was not run, as one before it panicked.
var errNotRun = errors.New("another one's part of the transaction failed")

// runAll runs jobs in one transaction. If that fails, each gets one of its own:
// only who is to blame is to notice.
func (b *batches) runAll(jobs []*job) {
	for _, j := range jobs {
		j.err = errNotRun
		defer close(j.done)
	}
	alone := func(j *job) { j.err = b.store.transactAlone(j.ctx, sql.LevelDefault, j.fn) }
	if len(jobs) == 1 {
		alone(jobs[0])
		return
	}
	// That somebody does not wait any more does not end the others' transaction.
	err := b.store.transactAlone(context.WithoutCancel(jobs[0].ctx), sql.LevelDefault, func(tx *sql.Tx) error {
		for _, j := range jobs {
			if err := j.ctx.Err(); err != nil {
				return err
			}
			if err := j.fn(tx); err != nil {
				return err
			}
		}
		return nil
	})
	for _, j := range jobs {
		if j.err = err; err != nil {
			alone(j)
		}
	}
}
