package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

// appendEvents appends n events, every third of them of installation "other".
func appendEvents(t *testing.T, s *store.Store, n int) []graft.Event {
	t.Helper()
	events := make([]graft.Event, n)
	for i := range events {
		events[i] = graft.Event{
			Time: time.Now().UTC(), Type: graft.EventStep, InstallationID: "one", Message: fmt.Sprint("step ", i),
		}
		if i%3 == 2 {
			events[i].InstallationID = "other"
		}
	}
	noError(t, s.AppendEvents(t.Context(), events))
	return events
}

func eventBounds(t *testing.T, s *store.Store) [2]int64 {
	t.Helper()
	return [2]int64{must(s.FirstEventID(t.Context()))(t), must(s.LastEventID(t.Context()))(t)}
}

func eventRoundTrip(t *testing.T, s *store.Store) {
	equal(t, eventBounds(t, s), [2]int64{})
	equal(t, len(must(s.Events(t.Context(), "", 0, 10))(t)), 0)
	noError(t, s.AppendEvents(t.Context(), nil))

	code, gap := 3, int64(180)
	full := []graft.Event{{
		ID:   4711, // whatever was there: the store gives ids
		Time: time.Now().UTC(), Type: graft.EventSwapped, Message: "'quoted' ☃", InstallationID: "one",
		Addon: "a", Service: "s", Component: "c", Operation: "o", Step: "start s", Status: graft.StatusActive,
		Outcome: graft.OutcomeDone, Reason: "why", ExitCode: &code, Took: 1, Gap: &gap, Way: graft.SwapWarm,
		Pull: &graft.PullStatus{Image: "i", Layers: 2, Bytes: 1 << 40},
	}}
	noError(t, s.AppendEvents(t.Context(), full))
	equal(t, full[0].ID, int64(1))
	equal(t, must(s.Events(t.Context(), "one", 0, 10))(t), full)
}

func eventsComeInOrder(t *testing.T, s *store.Store) {
	all := append(appendEvents(t, s, 10), appendEvents(t, s, 5)...)
	for i, event := range all {
		equal(t, event.ID, int64(i+1))
	}
	equal(t, eventBounds(t, s), [2]int64{1, 15})
	equal(t, must(s.Events(t.Context(), "", 0, 100))(t), all)
	equal(t, must(s.Events(t.Context(), "", 7, 3))(t), all[7:10])
	equal(t, len(must(s.Events(t.Context(), "", 15, 3))(t)), 0)
	equal(t, len(must(s.Events(t.Context(), "nobody", 0, 3))(t)), 0)
	equal(t, must(s.Events(t.Context(), "other", 3, 2))(t), []graft.Event{all[5], all[8]})
	for _, c := range []struct {
		id   string
		n    int
		want int64
	}{{"", 1, 14}, {"", 14, 1}, {"", 15, 0}, {"", 100, 0}, {"other", 1, 9}, {"other", 2, 6}, {"other", 4, 0}, {"nobody", 1, 0}} {
		equal(t, must(s.EventBefore(t.Context(), c.id, c.n))(t), c.want)
	}
}

// The newest events are kept, some more for a while, and ids go on.
func eventsArePruned(t *testing.T, s *store.Store) {
	const kept, slack, batch = 20_000, 1_000, 500
	for range (kept + slack) / batch {
		appendEvents(t, s, batch)
	}
	equal(t, eventBounds(t, s), [2]int64{1, kept + slack})
	appendEvents(t, s, 1)
	equal(t, eventBounds(t, s), [2]int64{slack + 2, kept + slack + 1})
	equal(t, len(must(s.Events(t.Context(), "", 0, 2*kept))(t)), kept)
	appendEvents(t, s, 1)
	equal(t, eventBounds(t, s), [2]int64{slack + 2, kept + slack + 2})
	equal(t, must(s.Events(t.Context(), "", 5, 1))(t)[0].ID, int64(slack+2))
}

func eventsAllOrNone(t *testing.T, s *store.Store) {
	appendEvents(t, s, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	lost := []graft.Event{{Type: graft.EventStep}, {Type: graft.EventStep}}
	wantCode(t, s.AppendEvents(ctx, lost), graft.CodeUnavailable)
	never := []graft.Event{{Type: graft.EventStep}, {Type: graft.EventStep, Time: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}}
	wantCode(t, s.AppendEvents(t.Context(), never), graft.CodeInternal)
	equal(t, []int64{lost[0].ID, never[0].ID}, []int64{0, 0})
	equal(t, appendEvents(t, s, 1)[0].ID, int64(2))
}
