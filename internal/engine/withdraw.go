package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// awaited returns the services whose plugin is in a component's place, or is to
// take it from one that goes, and does not run: somebody waits for each of them
// to make room.
func (w *world) awaited(inst *graft.Installation) []string {
	var services []string
	for i := range w.swaps {
		swap := &w.swaps[i]
		if swap.InstallationID != inst.ID {
			owner := w.installation(swap.InstallationID)
			if owner == nil || !wantsUp(owner) || withdrawn(owner, swap.Service) {
				if service := w.claimant(inst, w.record(swap)); service != "" {
					services = append(services, service)
				}
			}
			continue
		}
		if withdrawn(inst, swap.Service) {
			continue
		}
		service := inst.Service(swap.Service)
		if service == nil {
			continue // its component comes back
		}
		c := currentOf(w.containersOf(inst.ID), service, inst.Images[swap.Service])
		if c == nil || c.State != driver.StateRunning || c.Health == "unhealthy" {
			services = append(services, swap.Service)
		}
	}
	return services
}

// notInPlace returns the services whose component is still, or again, in its own
// place.
func (w *world) notInPlace(inst *graft.Installation) []string {
	var services []string
	for _, v := range w.wants(inst) {
		if v.component != nil && v.swap == nil && v.former == nil {
			services = append(services, v.service.Name)
		}
	}
	return services
}

// outOfPlace returns the withdrawals of the plugins that are not in their
// component's place for good, for the reason that how has.
func (w *world) outOfPlace(inst *graft.Installation, how graft.Withdrawal) []graft.Withdrawal {
	up := *inst
	up.Details = &graft.StatusDetails{Generation: inst.Generation, Outcome: graft.OutcomeDone}
	p := planUp(w, &up)
	var out []graft.Withdrawal
	for _, v := range w.wants(&up) {
		how.Service = v.service.Name
		touched := slices.ContainsFunc(p.operations, func(o operation) bool { return o.group == how.Service })
		if v.blocked != nil && w.isPlugin(inst, v) || v.component != nil && (v.swap == nil || touched) {
			out = append(out, how)
		}
	}
	return out
}

// isPlugin is whether a service has to do with a component, be it that it can't
// replace it.
func (w *world) isPlugin(inst *graft.Installation, v *want) bool {
	return v.component != nil || w.hasPlace(inst, v.service.Name)
}

// makeRoom withdraws plugins that do not stay up in their component's place. It
// is false if there is none.
func (e *Engine) makeRoom(ctx context.Context, w *world, inst *graft.Installation, busy map[string]bool) (bool, error) {
	if !wantsUp(inst) || !settled(inst) {
		return false, nil
	}
	for _, swap := range w.swapsOf(inst.ID) {
		service := inst.Service(swap.Service)
		if service == nil || withdrawn(inst, swap.Service) || busy[swap.Service] {
			continue
		}
		c := currentOf(w.containersOf(inst.ID), service, inst.Images[swap.Service])
		if c == nil {
			continue
		}
		var reason string
		switch never := restartPolicy(inst, service) == "no"; {
		case !w.resting[c.ID].IsZero():
			reason = fmt.Sprintf("was started again %d times within %v and did not stay up", e.observer.budget.retries, budgetWindow)
		case c.State == driver.StateExited && startCause(w, &want{service: service, current: c, policy: restartPolicy(inst, service)}) == "":
			reason = endReason(c) + " and is not to be started again"
		case never && c.Health == "unhealthy":
			reason = "is unhealthy and is not to be started again"
		default:
			continue
		}
		reason = fmt.Sprintf("service %q %s: component %s comes back", swap.Service, reason, swap.Component)
		return true, e.withdraw(ctx, w, inst, []string{swap.Service}, graft.Withdrawal{Reason: reason})
	}
	return false, nil
}

// withdraw lets plugins make room for their components, for the reason that how
// has, and the rest of the addon go on, if there is any.
func (e *Engine) withdraw(ctx context.Context, w *world, inst *graft.Installation, services []string, how graft.Withdrawal) error {
	details := e.detailsOf(inst)
	details.Step, details.Pulls, details.Reason = "", nil, how.Reason
	rest := slices.ContainsFunc(inst.Services, func(s graft.Service) bool {
		return !slices.Contains(services, s.Name) && !withdrawn(inst, s.Name)
	})
	if mayGoBack(inst) { // it had to wait for its turn, and could not keep it
		return e.goBack(ctx, inst, how.Reason, e.lastLines(ctx, w, inst, services))
	}
	if !rest {
		details.Withdrawn, details.RetryAt = nil, how.RetryAt
		if how.Blocked {
			details.Outcome, details.Waits = graft.OutcomeRefused, true
		}
		return e.giveUp(ctx, inst, details)
	}
	for _, how.Service = range services {
		details.Withdrawn = append(slices.Clip(details.Withdrawn), how)
	}
	logs := e.lastLines(ctx, w, inst, services)
	after := *inst
	after.Details = details
	a := assess(w, &after, time.Now())
	a.details.Reason = how.Reason
	err := e.write(ctx, inst, a.status, &a.details, logs)
	if err == nil {
		e.poke()
	}
	return err
}

// readmit lets a plugin try again that was withdrawn, when its time has come or
// what was in its way is gone. It is true if there is one; else it returns when
// there will be, zero: unknown.
func (e *Engine) readmit(ctx context.Context, w *world, inst *graft.Installation) (bool, time.Time) {
	if !wantsUp(inst) || !settled(inst) {
		return false, time.Time{}
	}
	var next time.Time
	for i, x := range inst.Details.Withdrawn {
		if w.swapOf(inst.ID, x.Service) != nil || x.RetryAt == nil && !x.Blocked {
			continue
		}
		if x.RetryAt != nil && time.Now().Before(*x.RetryAt) {
			next = sooner(next, *x.RetryAt)
			continue
		}
		anew, details := *inst, *inst.Details
		anew.Details = &details
		details.Withdrawn = slices.Delete(slices.Clone(details.Withdrawn), i, i+1)
		if len(details.Withdrawn) == 0 {
			details.Outcome = graft.OutcomeDone
		}
		free := func(v *want) bool { return v.service.Name == x.Service && v.blocked == nil }
		if slices.ContainsFunc(w.wants(&anew), free) {
			err := e.write(ctx, inst, inst.Status, &details, inst.Logs)
			if err == nil {
				e.poke()
			}
			return true, again(err)
		}
	}
	return false, next
}
