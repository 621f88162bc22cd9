package market

import (
	"context"
	"sync"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

// shortPause is for work that is due and can't be had.
const shortPause = 50 * time.Millisecond

// databasePause is how long Run waits when the database fails.
const databasePause = time.Second

// Run verifies what is under review until ctx ends. What it is at then is done
// again at the next start.
func (m *Market) Run(ctx context.Context) error {
	if err := m.Store.ReclaimVerifications(ctx, m.Owner, time.Now()); err != nil {
		m.Log.Error("verifications of the last run wait for their leases to end", "error", err)
	}
	var workers sync.WaitGroup
	if m.Poll > 0 {
		defer m.handBack(ctx)
		workers.Go(func() { m.watch(ctx) })
	}
	defer workers.Wait()
	slots := make(chan struct{}, m.Workers)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return nil
		case slots <- struct{}{}:
		}
		work := m.claim(ctx)
		if work == nil {
			<-slots
			m.rest(ctx)
			continue
		}
		workers.Go(func() {
			defer func() { <-slots }()
			m.work(ctx, work)
		})
	}
	return nil
}

// claim returns the verification that is due, nil if none is or can be had.
func (m *Market) claim(ctx context.Context) *store.Verification {
	work, err := m.Store.ClaimVerification(ctx, m.Owner, time.Now(), m.Lease)
	switch {
	case err == nil:
		m.claims.Works(ctx, "the database gives verifications to do again")
	case ctx.Err() == nil:
		m.claims.Failed(ctx, "the database gives no verification to do", err)
	}
	return work
}

// rest waits until something is due, something is published, or ctx ends.
func (m *Market) rest(ctx context.Context) {
	next, due, err := m.Store.NextVerification(ctx)
	var alarm <-chan time.Time
	switch pause := time.Until(next); {
	case err != nil:
		alarm = time.After(databasePause)
	case m.Poll > 0 && (!due || pause > m.Poll): // others publish, too
		alarm = time.After(m.Poll)
	case due:
		alarm = time.After(max(pause, shortPause)) // what is due may be another one's just now
	}
	select {
	case <-ctx.Done():
	case <-m.wake:
	case <-alarm:
	}
}

// work does one verification and saves what came of it. If ctx ends, or the
// claim is lost, nothing is saved.
func (m *Market) work(ctx context.Context, v *store.Verification) {
	ctx, cancel := context.WithCancel(ctx)
	var keeper sync.WaitGroup
	defer keeper.Wait()
	defer cancel()
	keeper.Go(func() { m.keep(ctx, cancel, v) })

	start := time.Now()
	addon, err := m.verify(ctx, v)
	if err == nil {
		m.verified(addon, time.Since(start))
	}
	switch graft.ErrorCode(err) {
	case "", graft.CodeConflict, graft.CodeNotFound: // saved; or deleted meanwhile
	default:
		if ctx.Err() == nil {
			m.Log.Error("a verification is not saved and is done again when its lease ends", "id", v.AddonID, "error", err)
		}
	}
}

// verify does one verification and returns the addon as it is then; nil if it is
// to be tried again.
func (m *Market) verify(ctx context.Context, v *store.Verification) (*graft.Addon, error) {
	addon, err := m.Store.Addon(ctx, v.AddonID)
	if err != nil {
		return nil, err
	}
	images, after := m.resolveAll(ctx, addon, v.Attempts)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	similar, err := m.Store.Lookalikes(ctx, addon.Name)
	if err != nil {
		return nil, err
	}
	return m.save(ctx, addon, v, m.judge(addon, v, images, similar, after, time.Now()))
}

// keep renews the lease until ctx ends, and ends the work when the claim is
// lost.
func (m *Market) keep(ctx context.Context, lost context.CancelFunc, v *store.Verification) {
	ticker := time.NewTicker(m.Lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := m.Store.RenewVerification(ctx, v, time.Now().Add(m.Lease))
		if graft.ErrorCode(err) == graft.CodeConflict {
			lost()
			return
		}
	}
}

func (m *Market) save(ctx context.Context, addon *graft.Addon, v *store.Verification, j judgement) (*graft.Addon, error) {
	log := m.Log.With("id", addon.ID, "name", addon.Name, "version", addon.Version, "attempts", v.Attempts)
	var saved *graft.Addon
	var err error
	if next := j.result.NextAttempt; next != nil {
		err = m.Store.RetryVerification(ctx, v, *next, j.result)
		log = log.With("next_attempt", *next)
	} else {
		saved, err = m.Store.FinishVerification(ctx, v, func(addon *graft.Addon) error { return m.apply(j, addon) })
	}
	if err != nil {
		return nil, err
	}
	for _, c := range j.result.Checks {
		if len(c.Messages) > 0 {
			log.Warn("check of an addon", "check", c.Name, "status", c.Status, "found", c.Messages)
		}
	}
	if saved != nil {
		addon = saved
	}
	log.Info("addon verified", "status", addon.Status)
	m.hub.announce(addon.ID)
	m.poke() // the next attempt may be earlier than the end of the lease
	return saved, nil
}
