package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// assessment is what there is to tell users about an installation for which
// nothing is left to do.
type assessment struct {
	status  graft.InstallationStatus
	details graft.StatusDetails
	// wake is when the answer changes by the mere passing of time; zero: never.
	wake time.Time
}

// assess says how an installation is. It is pure.
func assess(w *world, inst *graft.Installation, now time.Time) assessment {
	a := assessment{details: graft.StatusDetails{Generation: inst.Generation, FailedServices: []string{}}}
	if inst.Details != nil && inst.Details.Generation == inst.Generation {
		a.details.Outcome = inst.Details.Outcome
		a.details.GaveUp, a.details.Withdrawn, a.details.Upgrade = inst.Details.GaveUp, inst.Details.Withdrawn, inst.Details.Upgrade
	}
	if a.details.Upgrade == nil && mayGoBack(inst) { // the spec changed in the middle of it
		a.details.Upgrade = &graft.UpgradeStatus{From: inst.Previous.Version, To: inst.Version}
	}
	switch {
	case inst.Desired != graft.DesiredEnabled:
		a.status, a.details.Outcome = graft.StatusDisabled, graft.OutcomeDone
	case gaveUp(inst):
		a.status, a.details.Reason = graft.StatusFailed, inst.Details.Reason
		a.details.FailedServices, a.details.Services = inst.Details.FailedServices, gone(inst.Details.Services)
		a.details.RetryAt, a.details.Waits = inst.Details.RetryAt, inst.Details.Waits
		if a.details.Outcome != graft.OutcomeRefused {
			a.details.Outcome = graft.OutcomeRestored
		}
	default:
		a.details.Warnings = w.differing(inst)
		a.services(w, inst, now)
	}
	return a
}

// there returns the status of those services that have a container, of an
// installation that is to have none.
func (w *world) there(inst *graft.Installation) []graft.ServiceStatus {
	var a assessment
	var there []graft.ServiceStatus
	for i := range inst.Services {
		if status, _ := a.service(w, inst, &inst.Services[i], time.Time{}); status.ContainerID != "" {
			there = append(there, status)
		}
	}
	return there
}

// gone is what is left to tell of services whose containers were taken away: how
// they ended.
func gone(services []graft.ServiceStatus) []graft.ServiceStatus {
	var left []graft.ServiceStatus
	for _, s := range services {
		ended := graft.ServiceStatus{Name: s.Name, State: graft.ServiceMissing, Reason: s.Reason, ExitCode: s.ExitCode}
		if s.ExitCode != nil {
			ended.State = graft.ServiceExited
		}
		ended.Reason, _, _ = strings.Cut(ended.Reason, restsSuffix)
		left = append(left, ended)
	}
	return left
}

// services looks at the containers of an enabled installation.
func (a *assessment) services(w *world, inst *graft.Installation, now time.Time) {
	var good, pending int
	for i := range inst.Services {
		service := &inst.Services[i]
		status, wake := a.service(w, inst, service, now)
		switch status.State {
		case graft.ServiceRunning, graft.ServiceCompletedState, graft.ServiceSuperseded:
			good++
		case graft.ServiceStarting:
			pending++
		default:
			a.details.FailedServices = append(a.details.FailedServices, service.Name)
			if a.details.Reason == "" {
				a.details.Reason = reasonOf(&status)
			}
		}
		if !wake.IsZero() && (a.wake.IsZero() || wake.Before(a.wake)) {
			a.wake = wake
		}
		a.details.Services = append(a.details.Services, status)
	}
	switch {
	case pending > 0 && !settled(inst):
		a.status = graft.StatusInstalling
		a.details.Step = "waiting for health checks to pass"
		return
	case len(a.details.FailedServices) == 0:
		a.status = graft.StatusActive
	case good+pending > 0:
		a.status = graft.StatusPartiallyActive
	default:
		a.status = graft.StatusFailed
	}
	a.details.Outcome = graft.OutcomeDone
	a.upgraded(w, inst)
	if len(a.details.Withdrawn) > 0 {
		a.details.Outcome = graft.OutcomeRestored
		if slices.ContainsFunc(w.swapsOf(inst.ID), func(s *store.Swap) bool { return withdrawn(inst, s.Service) }) {
			a.details.Outcome = "" // not yet
			if inst.Details.Outcome == graft.OutcomeNotRestored {
				a.details.Outcome = graft.OutcomeNotRestored // still
			}
		}
	}
}

// upgraded says how the upgrade of an installation ended whose version is up, unless
// that waits for its turn, or has it and is not in its place yet: then it stays there
// or goes back.
func (a *assessment) upgraded(w *world, inst *graft.Installation) {
	u := a.details.Upgrade
	waits := func(s graft.ServiceStatus) bool {
		return s.State == graft.ServiceSuperseded ||
			mayGoBack(inst) && slices.Contains(a.details.FailedServices, s.Name) && w.hasPlace(inst, s.Name)
	}
	if u == nil || u.Outcome != "" || slices.ContainsFunc(a.details.Services, waits) {
		return
	}
	ended := *u
	ended.Outcome = graft.OutcomeDone
	if ended.Reason != "" { // the other one did not come up
		ended.Outcome = graft.OutcomeRestored
	}
	a.details.Upgrade = &ended
}

// hasPlace is whether a service is a plugin, in its place or not.
func (w *world) hasPlace(inst *graft.Installation, service string) bool {
	return w.swapOf(inst.ID, service) != nil || w.aside(service) != nil || w.component(service) != nil
}

// withdrawal is the status of a service that made room for its component.
func withdrawal(inst *graft.Installation, service string) graft.ServiceStatus {
	status := graft.ServiceStatus{Name: service, State: graft.ServiceWithdrawn}
	for _, x := range inst.Details.Withdrawn {
		if x.Service == service {
			status.Reason = x.Reason
		}
	}
	return status
}

// reasonOf says why a service failed. That of a withdrawal is a sentence.
func reasonOf(status *graft.ServiceStatus) string {
	if status.State == graft.ServiceWithdrawn {
		return status.Reason
	}
	return fmt.Sprintf("service %q %s", status.Name, status.Reason)
}

// service looks at the container of one service, and says when to look again.
func (a *assessment) service(w *world, inst *graft.Installation, service *graft.Service, now time.Time) (graft.ServiceStatus, time.Time) {
	current := currentOf(w.containersOf(inst.ID), service, inst.Images[service.Name])
	status, wake := assessService(service, current, previous(inst, service.Name), now)
	if why := w.probes[status.ContainerID]; why != "" && status.State == graft.ServiceUnhealthy {
		status.Reason += ": " + why
	}
	rival := w.before(inst, service.Name)
	switch {
	case rival != nil:
		return graft.ServiceStatus{
			Name: service.Name, State: graft.ServiceSuperseded, Reason: fmt.Sprintf("addon %q is in its place", rival.Name),
		}, time.Time{}
	case withdrawn(inst, service.Name):
		return withdrawal(inst, service.Name), time.Time{}
	case current != nil && !w.resting[current.ID].IsZero():
		wake = a.rest(&status, w.resting[current.ID])
	}
	swap := w.swapOf(inst.ID, service.Name)
	if swap != nil {
		status.Replaces = swap.Component
	}
	switch {
	case swap != nil && status.State == graft.ServiceCompletedState: // a component's place is not left
		status.State, status.Reason = graft.ServiceExited, endReason(current)
	case settled(inst) && (status.State == graft.ServiceRunning || status.State == graft.ServiceStarting) && isIncoming(current):
		status.State, status.Reason = graft.ServiceCreated, "is not in its component's place yet"
	}
	return status, wake
}

// restsSuffix is before the time when something that rests is tried again.
const restsSuffix = " and was started again too often; it is tried again at "

// rest says that a container is left alone for a while, and until when.
func (a *assessment) rest(status *graft.ServiceStatus, until time.Time) time.Time {
	status.State = graft.ServiceExited
	status.Reason += restsSuffix + until.UTC().Format(time.TimeOnly)
	if a.details.RetryAt == nil || until.Before(*a.details.RetryAt) {
		at := until.UTC().Round(time.Millisecond)
		a.details.RetryAt = &at
	}
	return until
}

// before returns who is in the place of the component that a service would
// replace, and may be; nil if nobody is.
func (w *world) before(inst *graft.Installation, service string) *graft.Installation {
	component := w.aside(service)
	if component == nil {
		return nil
	}
	if standing, rival := w.standingOf(inst, component); standing == queued {
		return rival
	}
	return nil
}

// previous returns what was last told about a service.
func previous(inst *graft.Installation, service string) *graft.ServiceStatus {
	if inst.Details == nil {
		return nil
	}
	for i := range inst.Details.Services {
		if inst.Details.Services[i].Name == service {
			return &inst.Details.Services[i]
		}
	}
	return nil
}

// assessService says how one service is, and when to look again.
func assessService(service *graft.Service, c *driver.Container, before *graft.ServiceStatus, now time.Time) (graft.ServiceStatus, time.Time) {
	status := graft.ServiceStatus{Name: service.Name}
	if c == nil {
		status.State, status.Reason = graft.ServiceMissing, "has no container"
		return status, time.Time{}
	}
	status.Container, status.ContainerID, status.Image, status.Restarts = c.Name, c.ID, c.Image, c.Restarts
	if len(c.Ports) > 0 { // as it comes back from the store, or it would be written again and again
		status.Ports = portTexts(c.Ports)
	}
	if c.Running() && !c.StartedAt.IsZero() {
		at := c.StartedAt.UTC().Truncate(time.Millisecond) // as it comes back from the store
		status.StartedAt = &at
	}
	switch c.State {
	case driver.StateCreated:
		status.State, status.Reason = graft.ServiceCreated, "did not start"
		if c.Error != "" {
			status.Reason += ": " + c.Error
		}
	case driver.StateRunning:
		return assessRunning(status, c, before, now)
	case driver.StatePaused:
		status.State, status.Reason = graft.ServicePaused, "is paused"
	case driver.StateRestarting:
		exitCode := c.ExitCode
		status.State, status.ExitCode, status.Reason = graft.ServiceRestarting, &exitCode, endReason(c)
	default:
		assessEnded(&status, c)
	}
	return status, time.Time{}
}

// assessEnded is for a container whose process is gone for good, unless
// somebody starts it again.
func assessEnded(status *graft.ServiceStatus, c *driver.Container) {
	exitCode := c.ExitCode
	status.ExitCode = &exitCode
	if c.ExitCode == 0 && (c.RestartPolicy == "no" || strings.HasPrefix(c.RestartPolicy, "on-failure")) {
		status.State = graft.ServiceCompletedState
		return
	}
	status.State, status.Reason = graft.ServiceExited, endReason(c)
}

func endReason(c *driver.Container) string {
	reason := fmt.Sprintf("exited with code %d", c.ExitCode)
	if c.OOMKilled {
		reason += " (out of memory)"
	}
	if c.Error != "" {
		reason += ": " + c.Error
	}
	return reason
}

// assessRunning tells a container that runs well from one that the runtime has
// just started again: it counts as failing until it has run for a while or its
// health check has passed.
func assessRunning(status graft.ServiceStatus, c *driver.Container, before *graft.ServiceStatus, now time.Time) (graft.ServiceStatus, time.Time) {
	stableAt := c.StartedAt.Add(stableAfter)
	switch {
	case c.Health == "unhealthy":
		status.State, status.Reason = graft.ServiceUnhealthy, "is unhealthy: its health check fails"
	case c.Restarts > 0 && c.Health != "healthy" && now.Before(stableAt):
		exitCode := c.ExitCode
		if exitCode == 0 && before != nil && before.ContainerID == c.ID && before.ExitCode != nil {
			exitCode = *before.ExitCode // known before this engine's time
		}
		status.State, status.ExitCode = graft.ServiceRestarting, &exitCode
		status.Reason = fmt.Sprintf("exited with code %d and was restarted (%d×)", exitCode, c.Restarts)
		return status, stableAt
	case c.Health == "starting":
		status.State = graft.ServiceStarting
	default:
		status.State = graft.ServiceRunning
	}
	return status, time.Time{}
}
