package market

import (
	"context"
	"time"
)

// watch tells those who wait for addons what other replicas did to them, until
// ctx ends. It asks the database for the revisions of all that anybody waits for,
// in one go: that costs the same for one client and for a thousand, and needs no
// connection of its own that could break unnoticed.
func (m *Market) watch(ctx context.Context) {
	ticker := time.NewTicker(m.Poll)
	defer ticker.Stop()
	known := map[string]int64{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		waited := m.hub.waited()
		now, err := m.Store.Revisions(ctx, waited)
		if err != nil {
			continue // whoever waits goes on waiting
		}
		for _, id := range waited {
			// What is new here may have changed since it was read by who waits for it.
			if before, seen := known[id]; !seen || before != now[id] {
				m.hub.announce(id)
			}
		}
		known = now
	}
}

// handBackTime bounds how long the end of Run waits for the database.
const handBackTime = 2 * time.Second

// handBack lets other replicas have at once what this one does not finish.
func (m *Market) handBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handBackTime)
	defer cancel()
	if err := m.Store.ReclaimVerifications(ctx, m.Owner, time.Now()); err != nil {
		m.Log.Warn("verifications that were cut off wait for their leases to end", "error", err)
	}
}
