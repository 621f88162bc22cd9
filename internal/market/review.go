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
	found  graft.CheckStatus // the worst of the checks
	result *graft.Verification
}

// answer is what a registry said about one image.
type answer struct {
	result verify.Result
	err    error
}

// resolveAll asks for the images of an addon, each only once, and returns a
// report per service and how long registries asked to be left alone. Of those
// that passed before it is found out whether they are still there; but not at
// every attempt of one verification.
func (m *Market) resolveAll(ctx context.Context, addon *graft.Addon, attempt int) ([]graft.ImageReport, time.Duration) {
	reports := make([]graft.ImageReport, len(addon.Services))
	answers := map[string]*answer{}
	for i, service := range addon.Services {
		before := addon.Verification.Image(service.Name)
		passed := before != nil && before.Digest != ""
		again := passed && (attempt == 1 || before.Reason != "")
		if passed {
			reports[i] = *before
		}
		if again {
			answers[pinned(before)] = &answer{}
		}
		if !passed || again {
			answers[service.Image] = &answer{}
		}
	}
	m.askAll(ctx, answers)
	var after time.Duration
	for i, service := range addon.Services {
		switch now := answers[service.Image]; {
		case now == nil:
			continue
		case reports[i].Digest != "" && answers[pinned(&reports[i])] == nil: // another service has its image
			continue
		case reports[i].Digest == "":
			reports[i] = report(service, now)
			after = max(after, verify.RetryAfter(now.err))
		default:
			approved := answers[pinned(&reports[i])]
			reports[i] = compare(reports[i], approved, now)
			after = max(after, verify.RetryAfter(approved.err))
		}
	}
	return reports, after
}

// pinned returns the reference of what was verified.
func pinned(image *graft.ImageReport) string {
	reference, err := graft.PinImage(image.Image, image.Digest)
	if err != nil { // it resolved once
		return image.Image
	}
	return reference
}

// compare returns the report on an image that was approved before, by what its
// registry says by now of that one and of its reference.
func compare(before graft.ImageReport, approved, now *answer) graft.ImageReport {
	before.MovedTo = ""
	before.Reason, before.Temporary = reasonOf(approved.err)
	if now.err == nil && now.result.Digest != before.Digest {
		before.MovedTo = now.result.Digest
	}
	return before
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
		r.Digest, r.Platforms, r.Sizes, r.Labels = a.result.Digest, a.result.Platforms, a.result.Sizes, a.result.Labels
		return r
	}
	r.Reason, r.Temporary = reasonOf(a.err)
	return r
}

// reasonOf tells why an image did not resolve, and whether that may go away.
func reasonOf(err error) (reason string, temporary bool) {
	if err == nil {
		return "", false
	}
	if reason = graft.ErrorMessage(err); reason == "" {
		reason = err.Error()
	}
	return reason, graft.ErrorCode(err) == graft.CodeUnavailable
}

// judge holds what was found against the checks. Where only temporary failures
// are in the way, they are tried again until it is time to give up.
func (m *Market) judge(addon *graft.Addon, v *store.Verification, images []graft.ImageReport, similar []string, after time.Duration, now time.Time) judgement {
	now = now.UTC().Truncate(time.Microsecond) // as the store keeps it
	deadline := v.CreatedAt.Add(m.GiveUp)
	result := &graft.Verification{Images: images, Attempts: v.Attempts, CheckedAt: now}
	result.Checks = checks(addon, images, similar)
	found := worst(result.Checks)
	switch {
	case found != graft.CheckPending:
	case now.Before(deadline):
		next := now.Add(max(m.backoff(v.Attempts), after))
		if next.After(deadline) {
			next = deadline
		}
		next = next.Truncate(time.Microsecond)
		result.NextAttempt = &next
	case addon.Status != graft.AddonApproved: // that it can't be asked takes no approval back
		m.giveUp(result)
		result.Checks = checks(addon, images, similar)
		found = worst(result.Checks)
	}
	return judgement{found, result}
}

// apply writes a final judgement into an addon, which it may have changed since.
// What a person has to decide waits for that, unless it was approved before; and
// what a reviewer rejected stays so.
func (m *Market) apply(j judgement, addon *graft.Addon) error {
	addon.Verification, j.result.WaitsForReview = j.result, false
	switch reviewed := addon.Review != nil; {
	case j.found == graft.CheckFailed, reviewed && !addon.Review.Approved:
		addon.Status = graft.AddonVerificationFailed
	case addon.Status == graft.AddonApproved, reviewed, j.found != graft.CheckReview && !m.Manual:
		addon.Status = graft.AddonApproved
	default:
		addon.Status, addon.Verification.WaitsForReview = graft.AddonUnderReview, true
	}
	return nil
}

// giveUp makes temporary reasons final.
func (m *Market) giveUp(result *graft.Verification) {
	for i := range result.Images {
		if image := &result.Images[i]; image.Temporary {
			image.Temporary = false
			image.Reason += fmt.Sprintf(" Given up after %s and %d attempts; have the addon verified again.", m.GiveUp, result.Attempts)
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
