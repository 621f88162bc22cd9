package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

// Upgrade makes another version of its addon, be it newer or older, the one that
// an installation is to run, and returns at once; the engine does the rest. If the
// version does not come up, the one that ran before comes back by itself. What
// somebody agreed to before need not be agreed to again. Errors: those of Install,
// CodeConflict also for another addon.
func (e *Engine) Upgrade(ctx context.Context, id string, request graft.InstallRequest) (*graft.Installation, error) {
	u, err := e.prepareUpgrade(ctx, id, request)
	if err != nil {
		return nil, err
	}
	if err := permitted(u.to, u.decision); err != nil {
		e.log.Info("upgrade refused", "addon", u.to.Name, "by", request.By, "denied", graft.GrantsFor(u.decision.Denied), "missing", graft.GrantsFor(u.decision.Missing))
		return nil, err
	}
	if u.unseen != nil && request.Plan != "" {
		return nil, u.unseen
	}
	if err := e.mayBegin(ctx, u.w, u.to, request); err != nil {
		return nil, err
	}
	return e.setVersion(ctx, u.from, u.to.Pinned(), u.to.Previous, u.to.Details,
		fmt.Sprintf("addon %s is to go from version %s to %s", u.to.Name, u.from.Version, u.to.Version))
}

// PlanUpgrade returns what Upgrade would lead to, and changes nothing.
func (e *Engine) PlanUpgrade(ctx context.Context, id string, request graft.InstallRequest) (*graft.Plan, error) {
	u, err := e.prepareUpgrade(ctx, id, request)
	if err != nil {
		return nil, err
	}
	if u.unseen != nil {
		return nil, u.unseen
	}
	u.w.put(u.to)
	answer, err := e.preview(ctx, u.w, u.to, e.portTaken)
	if err != nil {
		return nil, err
	}
	answer.Upgrade = &graft.PlannedUpgrade{
		From: u.from.Version, To: u.to.Version,
		NewRights:  append([]graft.Right{}, graft.NewRights(u.from.Rights, u.to.Rights)...),
		LostRights: append([]graft.Right{}, graft.NewRights(u.to.Rights, u.from.Rights)...),
	}
	tell(answer, u.to, u.decision)
	return answer, nil
}

// upgrade is what Upgrade is about to do.
type upgrade struct {
	from, to *graft.Installation // as it is, and as it will be
	decision *graft.Decision
	w        *world // nil while the runtime is away: unseen says why
	unseen   error
}

func (e *Engine) prepareUpgrade(ctx context.Context, id string, request graft.InstallRequest) (*upgrade, error) {
	from, err := e.Installation(ctx, id)
	if err != nil {
		return nil, err
	}
	if from.Desired == graft.DesiredRemoved {
		return nil, store.BeingRemoved(from.Name)
	}
	if from.MarketplaceID == request.MarketplaceID {
		return nil, graft.Errorf(graft.CodeExists, "Addon with marketplace-id - %s already exists.", request.MarketplaceID)
	}
	if err := e.store.MayRun(ctx, id, request.MarketplaceID); err != nil {
		return nil, err
	}
	version, err := e.prepare(ctx, request)
	if err != nil {
		return nil, err
	}
	if version.Name != from.Name {
		return nil, graft.Errorf(graft.CodeConflict, "Addon %s can't become %s: that is another addon. Install it beside the other one.", from.Name, version.Name)
	}
	to := *from
	to.Pin(version.Pinned())
	to.Consent = from.Consent
	to.Generation++
	to.Details = &graft.StatusDetails{
		Generation: to.Generation, FailedServices: []string{},
		Upgrade: &graft.UpgradeStatus{From: from.Version, To: to.Version},
	}
	to.Previous = proven(from)
	u := &upgrade{from: from, to: &to}
	u.w, u.unseen = e.world(ctx)
	if err := u.w.passesOn(&to); err != nil {
		return nil, err
	}
	u.decision, err = e.decide(ctx, u.w, u.to, &request)
	return u, err
}

// passesOn returns an error if a version would give a component's place from one of
// its services to another: in one plan the component can't both come back and step
// aside. w may be nil.
func (w *world) passesOn(to *graft.Installation) error {
	if w == nil {
		return nil
	}
	for _, swap := range w.swapsOf(to.ID) {
		if other := w.claimant(to, w.record(swap)); other != "" && to.Service(swap.Service) == nil {
			return graft.Errorf(graft.CodeConflict, "In version %s of addon %s service %q takes the place of component %q, which service %q has now. Uninstall the addon, then install that version.",
				to.Version, to.Name, other, swap.Component, swap.Service)
		}
	}
	return nil
}

// proven returns the version to which an installation goes back if the next one
// does not come up: the last one that did, if it is to run. On its way back, or as
// long as it can't go back, it is the one that comes back.
func proven(inst *graft.Installation) *graft.Pinned {
	if gaveUp(inst) && !mayGoBack(inst) {
		return nil
	}
	if inst.Previous != nil {
		return inst.Previous
	}
	if wantsUp(inst) && settled(inst) {
		return inst.Pinned()
	}
	return nil
}

// mayGoBack is whether another version comes back if the one that an installation is
// to run does not come up.
func mayGoBack(inst *graft.Installation) bool {
	return inst.Previous != nil && inst.Previous.MarketplaceID != inst.MarketplaceID
}

// comesBack is whether the version that an installation is to run is one that has
// been up before another one.
func comesBack(inst *graft.Installation) bool { return inst.Previous != nil && !mayGoBack(inst) }

// keep leaves the version that comes back as it is, though not all of it came up at
// once: it had been up, so it is repaired from now on, service by service.
func (e *Engine) keep(ctx context.Context, w *world, inst *graft.Installation, reason string) error {
	a := assess(w, inst, time.Now())
	a.details.Outcome, a.details.Reason, a.details.Step = graft.OutcomeDone, reason, ""
	if u := a.details.Upgrade; u != nil && u.Reason != "" && a.status != graft.StatusActive {
		ended := *u
		ended.Outcome = graft.OutcomeNotRestored
		a.details.Upgrade = &ended
	}
	if err := e.write(ctx, inst, a.status, &a.details, e.lastLines(ctx, w, inst, a.details.FailedServices)); err != nil {
		return err
	}
	e.over(inst.ID)
	return nil
}

// failedUpgrade is how an upgrade ended after which no version is left that could
// come back; nil if there was none.
func failedUpgrade(inst *graft.Installation, reason, logs string) *graft.UpgradeStatus {
	if inst.Details == nil || inst.Details.Generation != inst.Generation || inst.Details.Upgrade == nil {
		return nil
	}
	ended := *inst.Details.Upgrade
	if ended.Outcome == "" {
		ended.Outcome, ended.Reason, ended.Logs = graft.OutcomeNotRestored, reason, logs
	}
	return &ended
}

// setVersion changes what an installation is to run.
func (e *Engine) setVersion(ctx context.Context, from *graft.Installation, to, previous *graft.Pinned, details *graft.StatusDetails, why string) (*graft.Installation, error) {
	e.specs.RLock()
	defer e.specs.RUnlock()
	inst, err := e.store.SetVersion(ctx, from.ID, from.Generation, to, previous, details)
	if err != nil {
		return nil, err
	}
	e.log.Info("version changed", "addon", inst.Name, "installation", inst.ID, "from", from.Version, "to", inst.Version)
	e.note(graft.Event{Type: graft.EventDesired, Message: why, InstallationID: inst.ID, Addon: inst.Name, Status: inst.Status})
	e.interrupt(inst.ID)
	e.updated.beat()
	e.poke()
	return inst, nil
}

// goBack makes the version that ran before the one that an installation is to run,
// as the other one did not come up.
func (e *Engine) goBack(ctx context.Context, inst *graft.Installation, reason, logs string) error {
	ended := graft.UpgradeStatus{From: inst.Previous.Version, To: inst.Version}
	if inst.Details != nil && inst.Details.Upgrade != nil {
		ended = *inst.Details.Upgrade
	}
	ended.Outcome, ended.Reason, ended.Logs = "", reason, logs // the outcome is known once it is back
	taken := e.store.MayRun(ctx, inst.ID, inst.Previous.MarketplaceID)
	if graft.ErrorCode(taken) == graft.CodeExists || graft.ErrorCode(taken) == graft.CodeConflict {
		return e.stay(ctx, inst, ended, taken)
	}
	e.metrics.takenBack(purposeUpgrade, graft.OutcomeRestored)
	_, err := e.setVersion(ctx, inst, inst.Previous, inst.Previous, &graft.StatusDetails{Upgrade: &ended, FailedServices: []string{}},
		fmt.Sprintf("addon %s did not come up in version %s, and goes back to %s: %s", inst.Name, inst.Version, inst.Previous.Version, reason))
	if err != nil {
		e.log.Error("a version was not taken back", "installation", inst.ID, "error", err)
	}
	return err
}

// stay gives an upgrade up whose version before can't come back, as somebody has
// installed that meanwhile. What failed is taken back, so that components answer
// again; volumes stay. The version before comes back when it is free (revive).
func (e *Engine) stay(ctx context.Context, inst *graft.Installation, ended graft.UpgradeStatus, taken error) error {
	e.log.Error("a version can't be taken back; somebody has to look", "addon", inst.Name, "installation", inst.ID, "reason", taken)
	e.metrics.takenBack(purposeUpgrade, graft.OutcomeNotRestored)
	ended.Outcome = graft.OutcomeNotRestored
	details := e.detailsOf(inst)
	details.Step, details.Pulls, details.RetryAt = "", nil, nil
	details.GaveUp, details.Waits, details.Upgrade = true, true, &ended
	details.Reason = fmt.Sprintf("%s. The version that ran before can't come back, as it is another installation by now. Uninstall that one, and this one goes back by itself.",
		strings.TrimSuffix(ended.Reason, "."))
	if w, err := e.world(ctx); err == nil {
		a := assess(w, inst, time.Now())
		details.FailedServices, details.Services = a.details.FailedServices, a.details.Services
	}
	if err := e.write(ctx, inst, graft.StatusFailed, details, ended.Logs); err != nil {
		return err
	}
	e.over(inst.ID)
	return nil
}

// put makes an installation the one of its id that a plan sees.
func (w *world) put(inst *graft.Installation) {
	w.installs = slices.Clone(w.installs)
	for i := range w.installs {
		if w.installs[i].ID == inst.ID {
			w.installs[i] = *inst
			return
		}
	}
	w.installs = append(w.installs, *inst)
}

// carried is the consent to an upgrade: what was agreed to before and is needed
// still, and what is agreed to now. With nothing new, it is the one that was given.
func carried(before, now *graft.Consent, agreed []graft.Right) *graft.Consent {
	switch {
	case len(agreed) == 0:
		return nil
	case before == nil:
		return now
	case len(graft.NewRights(before.Rights, agreed)) == 0:
		kept := *before
		kept.Rights = agreed
		return &kept
	}
	both := *now
	both.Grants = slices.Concat(before.Grants, now.Grants)
	slices.Sort(both.Grants)
	both.Grants = slices.Compact(both.Grants)
	return &both
}

// outgoingName is what a container is called that makes room for one of another
// version of its addon. No service can be called that.
func outgoingName(name, id string) string { return name + outgoingInfix + short(id) }

// endedName is what one is called that had ended by itself by then.
func endedName(name, id string) string { return name + endedInfix + short(id) }

const (
	outgoingInfix = ".graft-old-"
	endedInfix    = ".graft-ended-"
)

func isOutgoing(name string) bool { return strings.Contains(name, outgoingInfix) }
