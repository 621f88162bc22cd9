// Package outage tells a log of what fails again and again, such as a database that
// is away: when it begins, now and then while it lasts, and when it is over.
package outage

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Pause is how long a log is left alone after it was told.
const Pause = time.Minute

// Log is told each time whether something worked, and passes on little of it.
type Log struct {
	log *slog.Logger

	mu     sync.Mutex
	next   time.Time // when it may be told that it fails
	began  time.Time // of what it was told last; zero: that it works again
	failed int       // times since it was told
}

// New returns the Log of one thing.
func New(log *slog.Logger) *Log { return &Log{log: log} }

// Failed tells that it does not work, with how often since that was told before.
func (l *Log) Failed(ctx context.Context, message string, err error, attributes ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed++
	now := time.Now()
	if now.Before(l.next) {
		return
	}
	if l.began.IsZero() {
		l.began = now
	}
	attributes = append(attributes, "error", err, "times", l.failed)
	l.next, l.failed = now.Add(Pause), 0
	l.log.WarnContext(ctx, message, attributes...)
}

// Works tells that it works again, if it was told that it does not.
func (l *Log) Works(ctx context.Context, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.began.IsZero() {
		return
	}
	l.log.InfoContext(ctx, message, "after", time.Since(l.began).Round(time.Second))
	l.began, l.failed = time.Time{}, 0
}
