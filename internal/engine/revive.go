package engine

import (
	"context"
	"slices"
	"time"

	"github.com/graftplatform/graft"
)

// again is when to look again after something was to be written down: at once,
// for which the loop was woken, or in a while if the store failed.
func again(err error) time.Time {
	if err != nil {
		return time.Now().Add(storeRetry)
	}
	return time.Time{}
}

// revive tries an installation again that failed, when its time has come or what
// was in its way is gone, and returns when that will be; zero: unknown.
func (e *Engine) revive(ctx context.Context, w *world, inst *graft.Installation) time.Time {
	if inst.Desired != graft.DesiredEnabled || !gaveUp(inst) {
		return time.Time{}
	}
	if u := inst.Details.Upgrade; mayGoBack(inst) && u != nil { // somebody had installed the version before
		if e.store.MayRun(ctx, inst.ID, inst.Previous.MarketplaceID) != nil {
			return time.Time{}
		}
		return again(e.goBack(ctx, inst, u.Reason, u.Logs))
	}
	switch at := inst.Details.RetryAt; {
	case at != nil && time.Now().Before(*at):
		return *at
	case at != nil && w.waitsBehind(inst):
		return time.Time{} // there is no place to try in
	case at != nil:
	case !inst.Details.Waits, planUp(w, inst).refusal != "":
		return time.Time{}
	}
	err := e.write(ctx, inst, graft.StatusInstalling, &graft.StatusDetails{
		Generation: inst.Generation, FailedServices: []string{}, Upgrade: anew(inst.Details.Upgrade),
	}, inst.Logs)
	if err == nil {
		e.poke()
	}
	return again(err)
}

// anew is an upgrade that is tried again.
func anew(u *graft.UpgradeStatus) *graft.UpgradeStatus {
	if u == nil || u.Outcome != graft.OutcomeNotRestored {
		return u
	}
	return &graft.UpgradeStatus{From: u.From, To: u.To}
}

// waitsBehind is whether an installation, tried again, would only wait for newer
// ones that supersede it.
func (w *world) waitsBehind(inst *graft.Installation) bool {
	anew := *inst
	anew.Details = nil
	return !slices.ContainsFunc(w.wants(&anew), func(v *want) bool { return v.behind == nil })
}

// sooner returns the earlier of two times; zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
