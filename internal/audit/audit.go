// Package audit writes down who changed what, or wanted to.
package audit

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/graftplatform/graft"
)

const (
	// window is how long refusals are counted together, and refusalsKept how
	// many of them of one principal have an entry each. The others share one:
	// nobody pushes out what others did by asking for what he may not have.
	window       = time.Hour
	refusalsKept = 60

	// writeTime bounds one writing: the request has its answer already.
	writeTime = 10 * time.Second
)

// Store keeps entries.
type Store interface {
	AppendAudit(ctx context.Context, entries []graft.AuditEntry) error
	Audit(ctx context.Context, after int64, limit int) ([]graft.AuditEntry, error)
	LastAudit(ctx context.Context, limit int) ([]graft.AuditEntry, error)
}

// Log is safe for concurrent use.
type Log struct {
	store Store
	log   *slog.Logger

	writing chan struct{} // full while a batch is written

	mu       sync.Mutex
	waiting  *batch               // what is written next; nil: nothing
	began    time.Time            // of the window
	refusals map[string]*refusals // in the window, by principal
}

// batch is written in one transaction.
type batch struct {
	entries []graft.AuditEntry
	written chan struct{} // closed when it was, or could not be
}

// refusals are those of a principal.
type refusals struct {
	n    int64
	last graft.AuditEntry // of those without an entry of their own
	more int64            // how many these are
}

// New returns a log; what it can't write it tells to log.
func New(store Store, log *slog.Logger) *Log {
	return &Log{store: store, log: log, writing: make(chan struct{}, 1), refusals: make(map[string]*refusals)}
}

// Record writes an entry, and returns when it is on the disk, so that no change
// is answered that the log does not know. Of many at once the first writes for
// all that came while it waited for its turn. One that can't be written is
// logged: what it tells of has been done.
func (l *Log) Record(entry graft.AuditEntry) {
	l.mu.Lock()
	entries := l.admit(entry)
	if len(entries) == 0 {
		l.mu.Unlock()
		return
	}
	b := l.waiting
	first := b == nil
	if first {
		b = &batch{written: make(chan struct{})}
		l.waiting = b
	}
	b.entries = append(b.entries, entries...)
	l.mu.Unlock()
	if !first {
		<-b.written
		return
	}
	l.writing <- struct{}{}
	l.mu.Lock()
	l.waiting = nil // later ones make a batch of their own
	l.mu.Unlock()
	l.write(b.entries)
	<-l.writing
	close(b.written)
}

func (l *Log) write(entries []graft.AuditEntry) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	if err := l.store.AppendAudit(ctx, entries); err != nil {
		for _, e := range entries {
			l.log.Error("an entry of the audit log was not saved", "error", err, "principal", e.Principal, "role", e.Role,
				"action", e.Action, "target", e.Target, "from", e.From, "status", e.Status, "count", e.Count)
		}
	}
}

// admit returns what is to be written for an entry: itself, nothing, or also
// what was held back in a window that is over.
func (l *Log) admit(entry graft.AuditEntry) []graft.AuditEntry {
	var entries []graft.AuditEntry
	if now := time.Now(); now.Sub(l.began) >= window {
		entries = l.heldBack()
		l.began = now
	}
	if entry.Status < http.StatusBadRequest {
		return append(entries, entry)
	}
	r := l.refusals[entry.Principal]
	if r == nil {
		r = &refusals{}
		l.refusals[entry.Principal] = r
	}
	if r.n++; r.n <= refusalsKept {
		return append(entries, entry)
	}
	r.last = entry
	r.more++
	return entries
}

// heldBack returns an entry for each principal of whom more was refused than has
// entries, and forgets the refusals.
func (l *Log) heldBack() []graft.AuditEntry {
	var entries []graft.AuditEntry
	for _, r := range l.refusals {
		if r.more > 0 {
			r.last.Count = r.more
			entries = append(entries, r.last)
		}
	}
	clear(l.refusals)
	return entries
}

// Run writes what was held back, every hour and when ctx ends.
func (l *Log) Run(ctx context.Context) error {
	ticker := time.NewTicker(window)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.flush()
		case <-ctx.Done():
			l.flush()
			return nil
		}
	}
}

func (l *Log) flush() {
	l.mu.Lock()
	entries := l.heldBack()
	l.began = time.Now()
	l.mu.Unlock()
	if len(entries) > 0 {
		l.writing <- struct{}{}
		l.write(entries)
		<-l.writing
	}
}

// Audit returns the first entries after an id, up to the limit, in their order.
func (l *Log) Audit(ctx context.Context, after int64, limit int) ([]graft.AuditEntry, error) {
	return l.store.Audit(ctx, after, limit)
}

// LastAudit returns the last entries, up to the limit, in their order.
func (l *Log) LastAudit(ctx context.Context, limit int) ([]graft.AuditEntry, error) {
	return l.store.LastAudit(ctx, limit)
}
