package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

// Of many versions of a name that are approved at the same moment one is the
// latest, the highest. Each approval writes another row: only a lock on the name
// keeps them apart.
func latestIsOne(t *testing.T, s *store.Store) {
	const many, rounds = 3, 40
	for round := range rounds {
		name := fmt.Sprint("addon-", round)
		ids := make([]string, many)
		for i := range many {
			ids[i] = published(t, s, name, fmt.Sprintf("1.%d.0", i), "ann").ID
		}
		atOnce(many, func(i int) {
			if i == many-1 { // the highest goes away meanwhile
				noErrorOf(t, s.DeleteAddon(t.Context(), ids[i]))
				return
			}
			_, err := s.ChangeAddon(t.Context(), ids[i], func(addon *graft.Addon) error {
				addon.Status = graft.AddonApproved
				return nil
			})
			noErrorOf(t, err)
		})
		latest := []string{}
		for _, v := range must(s.Versions(t.Context(), name))(t) {
			if v.Latest {
				latest = append(latest, v.Version)
			}
		}
		equal(t, latest, []string{fmt.Sprintf("1.%d.0", many-2)})
	}
}

// Whoever asks for what comes after the newest event that he saw misses none,
// although many write.
func eventsInOrderOfManyWriters(t *testing.T, s *store.Store) {
	const writers, each = 8, 25
	var seen []int64
	var reader sync.WaitGroup
	done := make(chan struct{})
	reader.Go(func() {
		for last := false; !last; {
			select {
			case <-done:
				last = true // one more look, at all
			default:
			}
			var after int64
			if len(seen) > 0 {
				after = seen[len(seen)-1]
			}
			events, err := s.Events(t.Context(), "", after, writers*each)
			noErrorOf(t, err)
			for _, event := range events {
				seen = append(seen, event.ID)
			}
		}
	})
	atOnce(writers, func(int) {
		for range each {
			noErrorOf(t, s.AppendEvents(t.Context(), []graft.Event{{Type: graft.EventStep, Time: time.Now()}}))
		}
	})
	close(done)
	reader.Wait()
	equal(t, len(seen), writers*each)
	equal(t, slices.IsSorted(seen), true)
}

// atOnce runs f for 0 to n-1, all at the same moment.
func atOnce(n int, f func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	all.Wait()
}

// noErrorOf is noError for goroutines, which can't end the test.
func noErrorOf(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("unexpected error: %v", err)
	}
}
