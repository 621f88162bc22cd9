package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/graftplatform/graft"
)

// Bounds of the journal.
const (
	journalBatch   = 256                    // events in one transaction, and in one read
	journalPending = 8192                   // events that wait for the store
	journalLive    = 64                     // live events that a slow listener is behind
	journalRetry   = 100 * time.Millisecond // first pause after the store failed
	journalPause   = 30 * time.Second       // longest
	journalFlush   = 5 * time.Second        // for what is left at the end
	journalSettle  = time.Second            // how long a reader waits for what was just added
)

// eventStore is where a journal keeps its events.
type eventStore interface {
	AppendEvents(ctx context.Context, events []graft.Event) error
	Events(ctx context.Context, installationID string, after int64, limit int) ([]graft.Event, error)
	EventBefore(ctx context.Context, installationID string, n int) (int64, error)
	FirstEventID(ctx context.Context) (int64, error)
	LastEventID(ctx context.Context) (int64, error)
}

// journal writes events down in their order and tells them to those who listen.
// Who adds an event never waits for the disk: one goroutine, run, writes what
// has gathered while it wrote the last time.
type journal struct {
	store  eventStore
	log    *slog.Logger
	wake   chan struct{} // there is something to write
	stored *pulse        // something was written

	mu        sync.Mutex
	pending   []graft.Event
	added     uint64 // events so far
	done      uint64 // those of them that were written, or lost
	lost      int    // since the store failed
	listeners map[*listener]struct{}
}

// listener is somebody who wants live events.
type listener struct {
	installationID string // empty: of all
	live           chan graft.Event
}

func newJournal(store eventStore, log *slog.Logger) *journal {
	return &journal{
		store: store, log: log, wake: make(chan struct{}, 1), stored: newPulse(),
		listeners: map[*listener]struct{}{},
	}
}

// add writes an event down, soon. Without a time it happens now. While the
// store fails for long, the oldest of those that wait are lost.
func (j *journal) add(event graft.Event) {
	if event.Time.IsZero() {
		event.Time = time.Now()
	}
	event.Time = event.Time.UTC()
	j.mu.Lock()
	if len(j.pending) >= journalPending {
		j.pending = j.pending[1:]
		j.done++
		j.lost++
	}
	j.pending = append(j.pending, event)
	j.added++
	j.mu.Unlock()
	select {
	case j.wake <- struct{}{}:
	default: // it is awake
	}
}

// live tells an event to those who listen just now. It is not kept; who is slow
// misses the oldest.
func (j *journal) live(event graft.Event) {
	if event.Time.IsZero() {
		event.Time = time.Now()
	}
	event.ID, event.Time = 0, event.Time.UTC()
	j.mu.Lock()
	defer j.mu.Unlock()
	for l := range j.listeners {
		if l.installationID != "" && l.installationID != event.InstallationID {
			continue
		}
		if len(l.live) == cap(l.live) {
			select {
			case <-l.live:
			default: // it was read meanwhile
			}
		}
		l.live <- event // has room: nobody else sends
	}
}

// run writes what was added until ctx ends, and what is left then. What is
// added later is lost: end it after those who add.
func (j *journal) run(ctx context.Context) {
	for {
		select {
		case <-j.wake:
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), journalFlush)
			defer cancel()
			j.flush(ctx)
			j.mu.Lock()
			defer j.mu.Unlock()
			if len(j.pending) > 0 {
				j.log.Error("events were not written", "lost", len(j.pending))
			}
			return
		}
		j.flush(ctx)
	}
}

// flush writes until nothing is left or ctx ends.
func (j *journal) flush(ctx context.Context) {
	for ctx.Err() == nil {
		batch := j.take()
		if len(batch) == 0 {
			return
		}
		if !j.write(ctx, batch) {
			j.putBack(batch)
			return
		}
		j.mu.Lock()
		j.done += uint64(len(batch))
		j.mu.Unlock()
		j.stored.beat()
	}
}

// take removes the next events to write.
func (j *journal) take() []graft.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := min(len(j.pending), journalBatch)
	batch := j.pending[:n:n]
	j.pending = j.pending[n:]
	return batch
}

func (j *journal) putBack(batch []graft.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pending = append(batch, j.pending...)
}

// write tries until the store takes the batch; false when ctx ended before. A
// write that has begun is not given up for that: nobody would know whether it
// took place.
func (j *journal) write(ctx context.Context, batch []graft.Event) bool {
	pause := journalRetry
	for failed := false; ; failed = true {
		err := j.store.AppendEvents(context.WithoutCancel(ctx), batch)
		if err == nil {
			if failed {
				j.log.Info("events are written again", "lost", j.forgive())
			}
			return true
		}
		if !failed {
			j.log.Warn("events can't be written; they wait", "error", err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		pause = min(2*pause, journalPause)
	}
}

// forgive returns how many events were lost while the store failed.
func (j *journal) forgive() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	lost := j.lost
	j.lost = 0
	return lost
}

// errRemoved is why a stream of one installation's events is over.
var errRemoved = errors.New("the installation is removed")

// stream calls fn for the events of an installation, of all when its id is
// empty: first for those that are stored after that id, then for those that
// come, live ones between them. A negative id, or one that was never given,
// means from now on. It returns nil when ctx ends or the installation is
// removed, else why it can't go on.
func (j *journal) stream(ctx context.Context, installationID string, after int64, tell func(graft.Event) error) error {
	fn := func(event graft.Event) error {
		err := tell(event)
		if err == nil && installationID != "" && event.Type == graft.EventRemoved {
			return errRemoved
		}
		return err
	}
	l := j.listen(installationID)
	defer j.leave(l)
	after, err := j.position(ctx, after)
	for err == nil && ctx.Err() == nil {
		stored := j.stored.C()
		if err = l.drain(fn); err != nil {
			break
		}
		if after, err = j.read(ctx, installationID, after, fn); err != nil {
			break
		}
		select {
		case <-stored:
		case event := <-l.live:
			err = fn(event)
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil || errors.Is(err, errRemoved) {
		return nil // that is how following ends
	}
	return err
}

// position is where a stream begins that was asked to begin after that id.
func (j *journal) position(ctx context.Context, after int64) (int64, error) {
	last, err := j.store.LastEventID(ctx)
	if after < 0 || after > last {
		after = last
	}
	return after, err
}

// read calls fn for all events that are stored after that id, and returns the
// last one's.
func (j *journal) read(ctx context.Context, installationID string, after int64, fn func(graft.Event) error) (int64, error) {
	for {
		events, err := j.store.Events(ctx, installationID, after, journalBatch)
		if err != nil {
			return after, err
		}
		for _, event := range events {
			if err := fn(event); err != nil {
				return after, err
			}
			after = event.ID
		}
		if len(events) < journalBatch {
			return after, nil
		}
	}
}

// settle waits until everything is stored that was added before, but not long:
// the store may be failing.
func (j *journal) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, journalSettle)
	defer cancel()
	j.mu.Lock()
	target := j.added
	j.mu.Unlock()
	for {
		stored := j.stored.C()
		j.mu.Lock()
		reached := j.done >= target
		j.mu.Unlock()
		if reached {
			return
		}
		select {
		case <-stored:
		case <-ctx.Done():
			return
		}
	}
}

func (j *journal) listen(installationID string) *listener {
	l := &listener{installationID: installationID, live: make(chan graft.Event, journalLive)}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.listeners[l] = struct{}{}
	return l
}

func (j *journal) leave(l *listener) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.listeners, l)
}

// drain calls fn for the live events that are there, so that a slow listener
// does not see them after what they led to.
func (l *listener) drain(fn func(graft.Event) error) error {
	for {
		select {
		case event := <-l.live:
			if err := fn(event); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// Events calls fn for the events of an installation, of all when its id is
// empty: those that are kept after that id, then those that come, until the
// installation is removed or ctx ends (nil), or fn fails. A negative id, or one
// that no event has had yet, means from now on. Events of a pull's progress come
// only while they happen, without an id. Errors: CodeNotFound for an
// installation that is unknown, or no more and of which no event is kept.
func (e *Engine) Events(ctx context.Context, installationID string, after int64, fn func(graft.Event) error) error {
	// First, so that a removal comes after it or is seen.
	after, err := e.journal.position(ctx, after)
	if err != nil {
		return err
	}
	end, err := e.endOfEvents(ctx, installationID)
	if err != nil {
		return err
	}
	if end > 0 {
		_, err := e.journal.read(ctx, installationID, after, fn)
		return err
	}
	return e.journal.stream(ctx, installationID, after, fn)
}

// PastEvents is Events for those that are kept, and no more.
func (e *Engine) PastEvents(ctx context.Context, installationID string, after int64, fn func(graft.Event) error) error {
	if _, err := e.endOfEvents(ctx, installationID); err != nil {
		return err
	}
	e.journal.settle(ctx)
	_, err := e.journal.read(ctx, installationID, after, fn)
	return err
}

// EventRange returns the ids of the oldest and the newest event that are kept,
// of whatever installation; zero when there is none. Of an installation that is
// no more, end is the id of its last event; zero while others may come. Errors:
// as Events.
func (e *Engine) EventRange(ctx context.Context, installationID string) (oldest, newest, end int64, err error) {
	if end, err = e.endOfEvents(ctx, installationID); err != nil {
		return 0, 0, 0, err
	}
	if oldest, err = e.journal.store.FirstEventID(ctx); err != nil {
		return 0, 0, 0, err
	}
	newest, err = e.journal.store.LastEventID(ctx)
	return oldest, newest, end, err
}

// EventBefore returns the id after which the last n events come that are kept of
// an installation, of all when its id is empty.
func (e *Engine) EventBefore(ctx context.Context, installationID string, n int) (int64, error) {
	e.journal.settle(ctx)
	return e.journal.store.EventBefore(ctx, installationID, n)
}

// endOfEvents returns the id of the last event of an installation that is no
// more, zero while others may come. Errors: as Events.
func (e *Engine) endOfEvents(ctx context.Context, installationID string) (int64, error) {
	if installationID == "" {
		return 0, nil
	}
	_, err := e.store.Installation(ctx, installationID)
	if graft.ErrorCode(err) != graft.CodeNotFound {
		return 0, err
	}
	e.journal.settle(ctx)
	end, readErr := e.journal.read(ctx, installationID, 0, func(graft.Event) error { return nil })
	if readErr != nil {
		return 0, readErr
	}
	if end == 0 {
		return 0, err
	}
	return end, nil
}
