package market

import (
	"context"
	"sync"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

// databasePause is how long Run waits when the database fails.
const databasePause = time.Second

// Run verifies what is under review until ctx ends. What it is at then is done
// again at the next start.
func (m *Market) Run(ctx context.Context) error {
	if err := m.Store.ReclaimVerifications(ctx, m.Owner, time.Now()); err != nil {
		m.Log.Error("verifications of the last run wait for their leases to end", "error", err)
	}
	var workers sync.WaitGroup
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
	if err != nil && ctx.Err() == nil {
		m.Log.Error("the database gave no verification to do", "error", err)
	}
	return work
}

// rest waits until something is due, something is published, or ctx ends.
func (m *Market) rest(ctx context.Context) {
	next, due, err := m.Store.NextVerification(ctx)
	var alarm <-chan time.Time
	switch {
	case err != nil:
		alarm = time.After(databasePause)
	case due:
		alarm = time.After(time.Until(next))
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
	addon, err := m.Store.Addon(ctx, v.AddonID)
	if err == nil {
		images, after := m.resolveAll(ctx, addon)
		if ctx.Err() != nil {
			return
		}
		j := m.judge(v, images, after, time.Now())
		if err = m.save(ctx, addon, v, j); err == nil {
			m.verified(j.status, time.Since(start))
		}
	}
	switch graft.ErrorCode(err) {
	case "", graft.CodeConflict, graft.CodeNotFound: // saved; or deleted meanwhile
	default:
		if ctx.Err() == nil {
			m.Log.Error("a verification is not saved and is done again when its lease ends", "id", v.AddonID, "error", err)
		}
	}
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

func (m *Market) save(ctx context.Context, addon *graft.Addon, v *store.Verification, j judgement) error {
	log := m.Log.With("id", addon.ID, "name", addon.Name, "attempts", v.Attempts)
	var err error
	if j.status == graft.AddonUnderReview {
		err = m.Store.RetryVerification(ctx, v, *j.result.NextAttempt, j.result)
		log = log.With("next_attempt", *j.result.NextAttempt)
	} else {
		err = m.Store.FinishVerification(ctx, v, j.status, j.result)
	}
	if err != nil {
		return err
	}
	for _, image := range j.result.Images {
		if image.Reason != "" {
			log.Warn("image not verified", "service", image.Service, "image", image.Image, "reason", image.Reason)
		}
	}
	log.Info("addon verified", "status", j.status)
	m.hub.announce(addon.ID)
	m.poke() // the next attempt may be earlier than the end of the lease
	return nil
}
