package market

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
	"github.com/graftplatform/graft/internal/verify"
)

// judgement is what a round of questions means for an addon.
type judgement struct {
	status graft.AddonStatus
	result *graft.Verification
}

// answer is what a registry said about one image.
type answer struct {
	result verify.Result
	err    error
}

// resolveAll asks for the images of an addon, those excepted that had passed
// before, each only once. It returns a report per service and how long
// registries asked to be left alone.
func (m *Market) resolveAll(ctx context.Context, addon *graft.Addon) ([]graft.ImageReport, time.Duration) {
	reports := make([]graft.ImageReport, len(addon.Services))
	answers := map[string]*answer{}
	for i, service := range addon.Services {
		if before := addon.Verification.Image(service.Name); before != nil && before.Digest != "" {
			reports[i] = *before
			continue
		}
		answers[service.Image] = &answer{}
	}
	m.askAll(ctx, answers)
	var after time.Duration
	for i, service := range addon.Services {
		if a := answers[service.Image]; a != nil && reports[i].Digest == "" {
			reports[i] = report(service, a)
			after = max(after, verify.RetryAfter(a.err))
		}
	}
	return reports, after
}

// roundTime bounds one round of questions for an addon, so that registries that
// hang do not keep others from being asked for their addons.
const roundTime = 2 * time.Minute

// askAll fills in the answers, several at a time. Those that do not come within
// the round are temporary failures.
func (m *Market) askAll(ctx context.Context, answers map[string]*answer) {
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	var wg sync.WaitGroup
	slots := make(chan struct{}, m.Images)
	for image, a := range answers {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if a.result, a.err = m.ask(ctx, image); a.err != nil && ctx.Err() != nil {
				a.err = graft.WrapError(graft.CodeUnavailable, a.err,
					"Image %s: its registry, or one that was asked before it, is too slow.", image)
			}
		})
	}
	wg.Wait()
}

// ask resolves one image. Strangers write manifests and registries: should one
// of them make a parser panic, only its own addon fails.
func (m *Market) ask(ctx context.Context, image string) (result verify.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			m.Log.Error("verification panicked", "image", image, "panic", p, "stack", string(debug.Stack()))
			err = graft.Errorf(graft.CodeInternal, "Image %s could not be verified because of a fault in the marketplace; its log says more.", image)
		}
	}()
	return m.Resolver.Resolve(ctx, image)
}

func report(service graft.Service, a *answer) graft.ImageReport {
	r := graft.ImageReport{Service: service.Name, Image: service.Image}
	if a.err == nil {
		r.Digest, r.Platforms, r.Sizes = a.result.Digest, a.result.Platforms, a.result.Sizes
		return r
	}
	r.Temporary = graft.ErrorCode(a.err) == graft.CodeUnavailable
	if r.Reason = graft.ErrorMessage(a.err); r.Reason == "" {
		r.Reason = a.err.Error()
	}
	return r
}

// judge approves an addon when every image passed and fails it when one was
// refused for good. Temporary failures alone are tried again until it is time
// to give up.
func (m *Market) judge(v *store.Verification, images []graft.ImageReport, after time.Duration, now time.Time) judgement {
	now = now.UTC().Truncate(time.Microsecond) // as the store keeps it
	result := &graft.Verification{Images: images, Attempts: v.Attempts, CheckedAt: now}
	status := graft.AddonApproved
	for _, image := range images {
		switch {
		case image.Reason != "" && !image.Temporary:
			return judgement{graft.AddonVerificationFailed, result}
		case image.Reason != "":
			status = graft.AddonUnderReview
		}
	}
	if status == graft.AddonApproved {
		return judgement{status, result}
	}
	deadline := v.CreatedAt.Add(m.GiveUp)
	if !now.Before(deadline) {
		m.giveUp(result)
		return judgement{graft.AddonVerificationFailed, result}
	}
	next := now.Add(max(m.backoff(v.Attempts), after))
	if next.After(deadline) {
		next = deadline
	}
	next = next.Truncate(time.Microsecond)
	result.NextAttempt = &next
	return judgement{status, result}
}

// giveUp makes temporary reasons final.
func (m *Market) giveUp(result *graft.Verification) {
	for i := range result.Images {
		if image := &result.Images[i]; image.Temporary {
			image.Temporary = false
			image.Reason += fmt.Sprintf(" Given up after %s and %d attempts; publish the addon again.", m.GiveUp, result.Attempts)
		}
	}
}

// backoff is the pause after so many attempts: anything between the minimum and
// a bound that doubles every time.
func (m *Market) backoff(attempts int) time.Duration {
	bound := m.MaxBackoff
	if attempts < 20 { // beyond, it would overflow
		bound = min(bound, m.MinBackoff<<attempts)
	}
	return m.MinBackoff + time.Duration(m.Jitter()*float64(bound-m.MinBackoff))
}
