package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft/internal/driver"
)

// meters are containers, by id, with what they have used until now.
type meters struct {
	used map[string]time.Duration

	mu        sync.Mutex
	now, most int // how many are asked at a time
}

func (m *meters) Usage(_ context.Context, id string) (driver.Usage, error) {
	m.begins(+1)
	defer m.begins(-1)
	time.Sleep(time.Millisecond) // of the bubble
	return driver.Usage{Time: time.Now(), CPU: m.used[id]}, nil
}

func (m *meters) begins(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now += n
	m.most = max(m.most, m.now)
}

// ask measures the containers and returns their rates.
func (m *meters) ask(t *testing.T, u *usage, ids ...string) map[string]float64 {
	t.Helper()
	var running []*measured
	for _, id := range ids {
		running = append(running, &measured{container: &driver.Container{ID: id}})
	}
	if err := u.sample(t.Context(), m, running); err != nil {
		t.Fatal(err)
	}
	rates := map[string]float64{}
	for _, r := range running {
		if rate, ok := r.rate(); ok {
			rates[r.container.ID] = rate
		}
	}
	return rates
}

// Samples are kept of those containers only that were there the last time, some
// are asked at a time, and the difference counts.
func TestSamples(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, u := &meters{used: map[string]time.Duration{}}, &usage{}
		var many []string
		for n := range 30 {
			many = append(many, fmt.Sprint(n))
		}
		if rates := m.ask(t, u, many...); len(rates) != len(many) || rates["0"] != 0 || m.most != usageReaders {
			t.Errorf("%v, %d at a time", rates, m.most)
		}
		time.Sleep(3*time.Second - time.Millisecond) // of the bubble
		m.used["0"], m.used["1"] = 6*time.Second, time.Second
		if rates := m.ask(t, u, "0", "1"); rates["0"] < 1.9 || rates["0"] > 2 || rates["1"] < 0.3 || rates["1"] > 0.34 {
			t.Errorf("%v", rates)
		}
		if kept := slices.Sorted(maps.Keys(u.samples)); !slices.Equal(kept, []string{"0", "1"}) {
			t.Errorf("kept of %v", kept)
		}
	})
}

// One that has used less than before has begun anew, whatever else is told of it.
func TestSamplesOfAnotherLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, u := &meters{used: map[string]time.Duration{"a": time.Hour}}, &usage{}
		m.ask(t, u, "a")
		time.Sleep(2 * time.Second) // of the bubble
		m.used["a"] = time.Second
		if rates := m.ask(t, u, "a"); rates["a"] != 0 || len(rates) != 1 {
			t.Errorf("%v", rates)
		}
	})
}
