package graft

import "time"

// EventType says what happened. The set is closed.
type EventType string

const (
	EventInstalled EventType = "installation.created"
	EventDesired   EventType = "installation.desired" // somebody changed the spec
	EventStatus    EventType = "installation.status"  // the engine saw another status
	EventRemoved   EventType = "installation.removed"
	EventOperation EventType = "operation.started"
	EventStep      EventType = "operation.step" // one operation of a plan is done
	EventOutcome   EventType = "operation.ended"
	EventProgress  EventType = "operation.progress" // of a pull; never stored, has no id
	EventEnded     EventType = "service.ended"      // a container's process ended by itself
	EventUnhealthy EventType = "service.unhealthy"
	EventRestarted EventType = "service.restarted"
	EventDrift     EventType = "service.drift" // somebody changed a container
	EventSwapped   EventType = "component.replaced"
	EventRestored  EventType = "component.restored"
	EventComponent EventType = "component.drift" // somebody touched what stepped aside
	EventRuntime   EventType = "runtime.changed" // Docker went away or came back
	EventLost      EventType = "events.lost"     // those that were asked for are kept no longer; has no id
)

// Event is something that happened. Events are history: what is true now is in
// the installations.
type Event struct {
	// ID grows with every event of an engine; clients resume after the last one
	// they saw. Zero for events that are only told while they happen.
	ID   int64     `json:"id,omitempty"`
	Time time.Time `json:"time"`
	Type EventType `json:"type"`
	// Message is the event for people, in one line.
	Message string `json:"message"`

	InstallationID string `json:"installation_id,omitempty"`
	Addon          string `json:"addon,omitempty"`
	Service        string `json:"service_name,omitempty"`
	Component      string `json:"component,omitempty"`
	// Operation identifies one execution of a plan; logs and traces carry it too.
	Operation string             `json:"operation,omitempty"`
	Step      string             `json:"step,omitempty"`
	Status    InstallationStatus `json:"status,omitempty"`
	// Outcome is how an operation or one of its steps ended. Beside the outcomes
	// of installations there are "failed", which is tried again or taken back,
	// and "interrupted", after which all is planned anew.
	Outcome  Outcome `json:"outcome,omitempty"`
	Reason   string  `json:"reason,omitempty"`
	ExitCode *int    `json:"exit_code,omitempty"`
	// Took is how long it took, and Gap how long nobody answered to a
	// component's name, both in milliseconds.
	Took int64       `json:"took_ms,omitempty"`
	Gap  *int64      `json:"gap_ms,omitempty"`
	Way  SwapWay     `json:"way,omitempty"`
	Pull *PullStatus `json:"pull,omitempty"`
}
