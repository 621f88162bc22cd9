package engine

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
)

// memoryEvents is a store of events that can be made to fail or to be slow.
type memoryEvents struct {
	mu     sync.Mutex
	events []graft.Event
	err    error
	slow   time.Duration
	writes int
}

func (m *memoryEvents) attempts() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}

func (m *memoryEvents) AppendEvents(_ context.Context, events []graft.Event) error {
	time.Sleep(m.slow) // by the bubble's clock
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	if m.err != nil {
		return m.err
	}
	for i := range events {
		events[i].ID = int64(len(m.events) + 1)
		m.events = append(m.events, events[i])
	}
	return nil
}

func (m *memoryEvents) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *memoryEvents) Events(_ context.Context, id string, after int64, limit int) ([]graft.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var events []graft.Event
	for _, event := range m.events[min(after, int64(len(m.events))):] {
		if len(events) < limit && (id == "" || id == event.InstallationID) {
			events = append(events, event)
		}
	}
	return events, nil
}

func (m *memoryEvents) EventBefore(context.Context, string, int) (int64, error) { return 0, nil }

func (m *memoryEvents) FirstEventID(context.Context) (int64, error) { return 1, nil }

func (m *memoryEvents) LastEventID(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.events)), nil
}

// journaling calls test with a running journal in a bubble; end ends the
// journal and waits for it.
func journaling(t *testing.T, test func(t *testing.T, j *journal, m *memoryEvents, log *bytes.Buffer, end func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		m := &memoryEvents{}
		j := newJournal(m, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			j.run(ctx)
		}()
		end := func() {
			cancel()
			<-ended
		}
		defer end()
		test(t, j, m, &log, end)
	})
}

func event(id string, n int) graft.Event {
	return graft.Event{Type: graft.EventStep, InstallationID: id, Message: fmt.Sprint(n)}
}

func messages(events []graft.Event) string {
	var all []string
	for _, e := range events {
		all = append(all, e.Message)
	}
	return strings.Join(all, " ")
}

// follow gathers what a stream tells until it is ended.
func follow(j *journal, id string, after int64) (end func() []graft.Event) {
	ctx, cancel := context.WithCancel(context.Background())
	var events []graft.Event
	ended := make(chan error)
	go func() {
		ended <- j.stream(ctx, id, after, func(e graft.Event) error {
			events = append(events, e)
			return nil
		})
	}()
	synctest.Wait()
	return func() []graft.Event {
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			panic(err)
		}
		return events
	}
}

func TestJournalStreams(t *testing.T) {
	t.Parallel()
	journaling(t, func(t *testing.T, j *journal, m *memoryEvents, _ *bytes.Buffer, _ func()) {
		for n := range 3 {
			j.add(event([]string{"a", "b"}[n%2], n))
		}
		synctest.Wait()
		streams := map[string]func() []graft.Event{
			"0 1 2 3 live 4": follow(j, "", 0),
			"2 3 live 4":     follow(j, "", 2),
			"3 live 4":       follow(j, "", -1),
			"0 2 4":          follow(j, "a", 0),
			"3 live":         follow(j, "b", 2),
		}
		ahead := follow(j, "", 4711)
		j.add(event("b", 3))
		synctest.Wait()
		j.live(graft.Event{ID: 9, Type: graft.EventProgress, InstallationID: "b", Message: "live"})
		synctest.Wait()
		j.add(event("a", 4))
		if got := messages(ahead()); got != "3 live 4" {
			t.Errorf("from an id that no event has had: %q", got)
		}
		for want, end := range streams {
			events := end()
			if got := messages(events); got != want {
				t.Errorf("%q, want %q", got, want)
			}
			for _, e := range events {
				if e.Time.IsZero() || e.Time.Location() != time.UTC || (e.ID == 0) != (e.Type == graft.EventProgress) {
					t.Errorf("event %+v", e)
				}
			}
		}
		if len(j.listeners) != 0 || len(m.events) != 5 {
			t.Errorf("%d listeners are left, %d events are kept", len(j.listeners), len(m.events))
		}
	})
}

// However writing and reading fall together, nobody misses an event or gets one
// twice.
func TestJournalHasNoGapsAndNoDuplicates(t *testing.T) {
	t.Parallel()
	journaling(t, func(t *testing.T, j *journal, m *memoryEvents, _ *bytes.Buffer, _ func()) {
		const writers, each = 4, 2000
		var want []string
		var ends []func() []graft.Event
		var adding sync.WaitGroup
		m.slow = time.Millisecond
		for w := range writers {
			adding.Go(func() {
				for n := range each {
					j.add(event("", n*writers+w))
					if n%100 == 0 {
						time.Sleep(time.Millisecond)
					}
				}
			})
		}
		for after := range 5 {
			ends = append(ends, follow(j, "", int64(after*100)))
		}
		adding.Wait()
		j.settle(t.Context())
		for _, e := range m.events {
			want = append(want, e.Message)
		}
		for n, end := range ends {
			got := strings.Fields(messages(end()))
			if len(want) != writers*each || len(got) < len(want)-(n+1)*journalBatch || !slices.Equal(got, want[len(want)-len(got):]) {
				t.Errorf("stream %d: %d events of %d, or in another order", n, len(got), len(want))
			}
		}
		if m.writes > writers*each/10 {
			t.Errorf("%d writes: nothing was gathered", m.writes)
		}
	})
}

func TestJournalSurvivesItsStore(t *testing.T) {
	t.Parallel()
	journaling(t, func(t *testing.T, j *journal, m *memoryEvents, log *bytes.Buffer, _ func()) {
		m.fail(errors.New("the disk is full"))
		end := follow(j, "", 0)
		for n := range journalPending + journalBatch {
			j.add(event("", n))
			if n == 0 {
				synctest.Wait() // it is being written
			}
		}
		time.Sleep(time.Hour)
		if n := strings.Count(log.String(), "the disk is full"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, log)
		}
		if n := m.attempts(); n > 200 {
			t.Errorf("%d attempts in an hour", n)
		}
		m.fail(nil)
		time.Sleep(journalPause)
		got := strings.Fields(messages(end()))
		last := fmt.Sprint(journalPending + journalBatch - 1)
		if len(got) != journalPending+1 || got[0] != "0" || got[1] != fmt.Sprint(journalBatch) || got[len(got)-1] != last {
			t.Errorf("%d events, the first are %v", len(got), got[:min(3, len(got))])
		}
		if !strings.Contains(log.String(), fmt.Sprintf("lost=%d", journalBatch-1)) {
			t.Errorf("the loss is not told:\n%s", log)
		}
	})
}

func TestJournalWritesWhatIsLeft(t *testing.T) {
	t.Parallel()
	journaling(t, func(t *testing.T, j *journal, m *memoryEvents, _ *bytes.Buffer, end func()) {
		m.fail(errors.New("locked"))
		for n := range 1000 {
			j.add(event("", n))
		}
		synctest.Wait()
		time.AfterFunc(time.Second, func() { m.fail(nil) })
		end()
		if len(m.events) != 1000 {
			t.Errorf("%d events were written", len(m.events))
		}
	})
}

func TestJournalEndsWithAStoreThatFails(t *testing.T) {
	t.Parallel()
	journaling(t, func(t *testing.T, j *journal, m *memoryEvents, log *bytes.Buffer, end func()) {
		m.fail(errors.New("gone"))
		j.add(event("", 1))
		start := time.Now()
		end()
		if took := time.Since(start); took > journalFlush || !strings.Contains(log.String(), "lost=1") {
			t.Errorf("it took %s:\n%s", took, log)
		}
	})
}

// A listener that is slow holds up nobody, and misses the oldest live events.
func TestJournalSlowListener(t *testing.T) {
	t.Parallel()
	journaling(t, func(t *testing.T, j *journal, _ *memoryEvents, _ *bytes.Buffer, _ func()) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var got []graft.Event
		enough := errors.New("enough")
		ended := make(chan error)
		read := make(chan struct{})
		go func() {
			ended <- j.stream(ctx, "", -1, func(e graft.Event) error {
				<-read
				if got = append(got, e); e.Message == "last" {
					return enough
				}
				return nil
			})
		}()
		synctest.Wait()
		j.live(event("", 0))
		synctest.Wait()
		for n := range 3 * journalLive {
			j.live(event("", n+1))
		}
		j.add(graft.Event{Type: graft.EventStep, Message: "last"})
		synctest.Wait()
		close(read)
		if err := <-ended; !errors.Is(err, enough) {
			t.Errorf("the stream ended with %v", err)
		}
		if len(got) != journalLive+2 || got[1].Message != fmt.Sprint(2*journalLive+1) || got[len(got)-1].Message != "last" {
			t.Errorf("%d events: %s", len(got), messages(got))
		}
	})
}

func TestJournalSettles(t *testing.T) {
	t.Parallel()
	journaling(t, func(t *testing.T, j *journal, m *memoryEvents, _ *bytes.Buffer, _ func()) {
		m.slow = 100 * time.Millisecond
		j.add(event("", 1))
		if j.settle(t.Context()); len(m.events) != 1 {
			t.Error("it did not wait for what was added before")
		}
		m.fail(errors.New("gone"))
		j.add(event("", 2))
		start := time.Now()
		if j.settle(t.Context()); time.Since(start) != journalSettle {
			t.Errorf("it waited %s for a store that fails", time.Since(start))
		}
	})
}
