package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/audit"
)

// memory is a store that takes its time.
type memory struct {
	mu      sync.Mutex
	entries []graft.AuditEntry
	writes  int
	err     error
}

func (m *memory) AppendAudit(_ context.Context, entries []graft.AuditEntry) error {
	time.Sleep(time.Millisecond) // of the bubble's clock
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	if m.err == nil {
		m.entries = append(m.entries, entries...)
	}
	return m.err
}

func (m *memory) Audit(context.Context, int64, int) ([]graft.AuditEntry, error) {
	return m.kept(), nil
}

func (m *memory) LastAudit(context.Context, int) ([]graft.AuditEntry, error) { return m.kept(), nil }

func (m *memory) kept() []graft.AuditEntry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.entries)
}

// Entries that come together are written together, and each is there when
// Record returns.
func TestManyAtOnceShareWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const many = 100
		m := &memory{}
		l := audit.New(m, slog.New(slog.DiscardHandler))
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() {
				target := fmt.Sprint(i)
				l.Record(graft.AuditEntry{Target: target, Status: 200})
				if !slices.ContainsFunc(m.kept(), func(e graft.AuditEntry) bool { return e.Target == target }) {
					t.Errorf("%s is not there", target)
				}
			})
		}
		all.Wait()
		if len(m.entries) != many || m.writes > 3 {
			t.Errorf("%d entries in %d writes", len(m.entries), m.writes)
		}
	})
}

// Nobody fills the log with what is refused to him, nor hides in the crowd what
// others did.
func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		l := audit.New(m, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		refuse := func(principal string, n int) {
			for range n {
				l.Record(graft.AuditEntry{Principal: principal, Status: 401, ErrorCode: graft.CodeUnauthorized})
			}
		}
		refuse("", 1000)
		refuse("ann", 10)
		for range 100 {
			l.Record(graft.AuditEntry{Principal: "bob", Status: 201})
		}
		if got, want := count(m.kept()), "60, ann 10, bob 100"; got != want {
			t.Errorf("entries %q, want %q", got, want)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if got, want := count(m.kept()), "1000, ann 10, bob 100"; got != want || len(m.kept()) != 60+1+10+100 {
			t.Errorf("an hour later %d entries stand for %q, want %q", len(m.kept()), got, want)
		}
		refuse("", 70)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got, want := count(m.kept()), "1070, ann 10, bob 100"; got != want {
			t.Errorf("at the end %q, want %q", got, want)
		}
	})
}

// count tells how many requests of whom entries stand for.
func count(entries []graft.AuditEntry) string {
	counts := map[string]int64{}
	for _, e := range entries {
		counts[e.Principal] += max(e.Count, 1)
	}
	return fmt.Sprintf("%d, ann %d, bob %d", counts[""], counts["ann"], counts["bob"])
}

func TestWhatIsNotSavedIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	l := audit.New(&memory{err: errors.New("disk full")}, slog.New(slog.NewTextHandler(&log, nil)))
	l.Record(graft.AuditEntry{Principal: "ann", Action: "DELETE /x", Status: 204})
	for _, want := range []string{"disk full", "principal=ann", "DELETE /x"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, &log)
		}
	}
}
