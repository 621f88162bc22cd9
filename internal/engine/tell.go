package engine

import (
	"context"
	"fmt"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// noted keeps what is told of installations elsewhere.
func (e *Engine) noted(installs []graft.Installation) {
	e.metrics.installationsSeen(installs)
	names := make(map[string]string, len(installs))
	for i := range installs {
		names[installs[i].ID] = installs[i].Name
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.names = names
}

func (e *Engine) addonName(installationID string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.names[installationID]
}

// seen notes whether the runtime answers, and says so when that changes.
func (e *Engine) seen(ctx context.Context, err error) {
	if ctx.Err() != nil { // whoever asked did not wait for the answer
		return
	}
	e.metrics.runtimeSeen(err == nil)
	away := graft.ErrorCode(err) == graft.CodeUnavailable
	if err != nil && !away {
		return
	}
	e.mu.Lock()
	before := e.away
	e.away = away
	e.mu.Unlock()
	if away == before {
		return
	}
	if !away {
		select {
		case e.answers <- struct{}{}:
		default: // nobody waits for that
		}
	}
	event := graft.Event{Type: graft.EventRuntime, Message: "the runtime answers"}
	if away {
		event.Message, event.Reason = "the runtime does not answer; what runs goes on running", graft.ErrorMessage(err)
	}
	e.note(event)
}

// noteStatus tells that the engine saw another status.
func (e *Engine) noteStatus(inst *graft.Installation, status graft.InstallationStatus, details *graft.StatusDetails) {
	event := graft.Event{
		Type: graft.EventStatus, Message: fmt.Sprintf("addon %s: %s → %s", inst.Name, inst.Status, status),
		InstallationID: inst.ID, Addon: inst.Name, Status: status,
	}
	if details != nil {
		event.Reason = details.Reason
		if inst.Details == nil || inst.Details.Outcome != details.Outcome { // else it was told
			event.Outcome = details.Outcome
		}
	}
	if inst.Status == status { // it is the outcome that is new
		event.Message = fmt.Sprintf("addon %s: %s, %s", inst.Name, status, event.Outcome)
	}
	if event.Reason != "" {
		event.Message += ": " + event.Reason
	}
	e.note(event)
}

// noteTakenBack counts and logs that what failed has been taken back, or can't
// be, which is an alarm. It is false if neither is new.
func (e *Engine) noteTakenBack(inst *graft.Installation, details *graft.StatusDetails) bool {
	if details == nil || inst.Details != nil && inst.Details.Outcome == details.Outcome && inst.Details.Generation == details.Generation {
		return false
	}
	log := e.log.With("addon", inst.Name, "installation", inst.ID, "reason", details.Reason)
	switch details.Outcome {
	case graft.OutcomeRestored:
		log.Warn("what failed has been taken back")
	case graft.OutcomeNotRestored:
		log.Error("a component can't be put back, or something can't be removed; somebody has to look")
	default:
		return false
	}
	e.metrics.takenBack(purposeOf(inst), details.Outcome)
	return true
}

// noteEnd tells that a container ended by itself.
func (e *Engine) noteEnd(event driver.Event) {
	id := event.Labels[driver.InstallationLabel]
	if event.Action != "die" || event.Labels[driver.EngineLabel] != e.settings.EngineID || e.atWork(id, event.Labels[driver.ServiceLabel]) {
		return // or somebody is working on it just now
	}
	code := event.ExitCode
	e.note(graft.Event{
		Type: graft.EventEnded, Time: event.Time, InstallationID: id, Addon: e.addonName(id), Service: event.Labels[driver.ServiceLabel], ExitCode: &code,
		Message: fmt.Sprintf("container %s exited with code %d", event.Name, code),
	})
}

// atWork is whether the engine is doing something for a service.
func (e *Engine) atWork(id, service string) bool {
	busy := e.busy()
	return busy.whole[id] || busy.groups[id][service]
}

// noteRestart tells that a container was started again.
func (e *Engine) noteRestart(c *driver.Container) {
	e.metrics.serviceRestarted()
	id := c.Labels[driver.InstallationLabel]
	e.note(graft.Event{
		Type: graft.EventRestarted, InstallationID: id, Addon: e.addonName(id), Service: c.Labels[driver.ServiceLabel],
		Message: fmt.Sprintf("container %s was started again", c.Name),
	})
}

// noteAway tells those who wait for something to be done that the runtime does
// not answer.
func (e *Engine) noteAway(ctx context.Context, cause error) {
	installs, err := e.store.Installations(ctx)
	if err != nil || graft.ErrorCode(cause) != graft.CodeUnavailable {
		return
	}
	busy := e.busy()
	for i := range installs {
		inst := &installs[i]
		if busy.any(inst.ID) {
			continue // it says itself what it is at
		}
		if inst.Status == graft.StatusInstalling || inst.Status == graft.StatusDisabling {
			details := e.detailsOf(inst)
			details.Step = "waits for the container runtime, which does not answer"
			_ = e.write(ctx, inst, inst.Status, details, inst.Logs) // in the log; it is only to be told
		}
	}
}
