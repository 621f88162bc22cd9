package words

import "github.com/graftplatform/graft"

// Badge is a state in one word.
type Badge struct {
	Tone string // good, busy, warning, bad, quiet: how it is coloured
	Icon string
	Text string
}

// AddonBadge is how far an addon is in the marketplace.
func AddonBadge(a *graft.Addon) Badge {
	switch {
	case a.Yanked != nil:
		return Badge{"bad", "triangle-alert", "Yanked"}
	case a.Status == graft.AddonVerificationFailed:
		return Badge{"bad", "circle-alert", "Verification failed"}
	case a.Status == graft.AddonUnderReview && a.Verification != nil && a.Verification.WaitsForReview:
		return Badge{"warning", "clipboard-check", "Waits for a reviewer"}
	case a.Status == graft.AddonUnderReview:
		return Badge{"busy", "refresh-cw", "Being verified"}
	case a.Deprecated != nil:
		return Badge{"warning", "triangle-alert", "Deprecated"}
	}
	return Badge{"good", "circle-check", "Approved"}
}

// InstallationBadge is how an installation is just now.
func InstallationBadge(i *graft.Installation) Badge {
	removed := i.Desired == graft.DesiredRemoved
	switch i.Status {
	case graft.StatusInstalling:
		if i.Details != nil && i.Details.Upgrade != nil && i.Details.Upgrade.Outcome == "" {
			return Badge{"busy", "refresh-cw", "Upgrading"}
		}
		return Badge{"busy", "refresh-cw", "Installing"}
	case graft.StatusActive:
		return Badge{"good", "circle-check", "Active"}
	case graft.StatusPartiallyActive:
		return Badge{"warning", "triangle-alert", "Partially active"}
	case graft.StatusFailed:
		return Badge{"bad", "circle-alert", "Failed"}
	case graft.StatusDisabling:
		if removed {
			return Badge{"busy", "refresh-cw", "Uninstalling"}
		}
		return Badge{"busy", "refresh-cw", "Disabling"}
	case graft.StatusDisabled:
		return Badge{"quiet", "power-off", "Disabled"}
	}
	return Badge{"quiet", "circle-help", string(i.Status)}
}

// OutcomeBadge is what came of the last change of an installation.
func OutcomeBadge(o graft.Outcome) Badge {
	switch o {
	case graft.OutcomeDone:
		return Badge{"good", "circle-check", "Done"}
	case graft.OutcomeRefused:
		return Badge{"warning", "shield-alert", "Refused: nothing was touched"}
	case graft.OutcomeRestored:
		return Badge{"warning", "rotate-ccw", "Restored: all is as before"}
	case graft.OutcomeNotRestored:
		return Badge{"bad", "circle-alert", "Not restored: a person is needed"}
	}
	return Badge{"quiet", "info", string(o)}
}

// ServiceBadge is how a service is just now.
func ServiceBadge(s graft.ServiceState) Badge {
	switch s {
	case graft.ServiceRunning:
		return Badge{"good", "circle-check", "Running"}
	case graft.ServiceCompletedState:
		return Badge{"good", "circle-check", "Completed"}
	case graft.ServiceStarting:
		return Badge{"busy", "refresh-cw", "Starting"}
	case graft.ServiceRestarting:
		return Badge{"busy", "refresh-cw", "Restarting"}
	case graft.ServiceCreated:
		return Badge{"busy", "box", "Created"}
	case graft.ServiceUnhealthy:
		return Badge{"bad", "circle-alert", "Unhealthy"}
	case graft.ServiceExited:
		return Badge{"bad", "circle-alert", "Exited"}
	case graft.ServicePaused:
		return Badge{"warning", "pause", "Paused"}
	case graft.ServiceSuperseded:
		return Badge{"quiet", "arrow-left-right", "Superseded by another addon"}
	case graft.ServiceWithdrawn:
		return Badge{"warning", "rotate-ccw", "Withdrawn: the component is back"}
	case graft.ServiceMissing:
		return Badge{"quiet", "box", "No container"}
	}
	return Badge{"quiet", "circle-help", string(s)}
}

// RiskBadge is how much an addon may do to a host.
func RiskBadge(l graft.RiskLevel) Badge {
	switch l {
	case graft.RiskCritical:
		return Badge{"bad", "shield-alert", "Critical rights"}
	case graft.RiskHigh:
		return Badge{"bad", "shield-alert", "High-risk rights"}
	case graft.RiskMedium:
		return Badge{"warning", "shield", "Medium-risk rights"}
	case graft.RiskLow:
		return Badge{"quiet", "shield", "Low-risk rights"}
	case graft.RiskNone:
		return Badge{"good", "shield-check", "No rights on the host"}
	}
	return Badge{"quiet", "shield", "Rights not known"}
}

// CheckBadge is what came of a check.
func CheckBadge(c graft.CheckStatus) Badge {
	switch c {
	case graft.CheckPassed:
		return Badge{"good", "circle-check", "Passed"}
	case graft.CheckWarning:
		return Badge{"warning", "triangle-alert", "Warning"}
	case graft.CheckReview:
		return Badge{"warning", "clipboard-check", "A reviewer decides"}
	case graft.CheckFailed:
		return Badge{"bad", "circle-alert", "Failed"}
	case graft.CheckPending:
		return Badge{"busy", "refresh-cw", "Tried again by itself"}
	}
	return Badge{"quiet", "circle-help", string(c)}
}

// EventBadge is an event's kind, coloured by what it means.
func EventBadge(e graft.Event) Badge {
	switch e.Type {
	case graft.EventOutcome:
		b := OutcomeBadge(e.Outcome)
		b.Text = "Outcome"
		return b
	case graft.EventEnded, graft.EventUnhealthy:
		return Badge{"bad", "circle-alert", "Trouble"}
	case graft.EventDrift, graft.EventComponent:
		return Badge{"warning", "triangle-alert", "Changed by somebody"}
	case graft.EventRestarted:
		return Badge{"warning", "rotate-ccw", "Restart"}
	case graft.EventSwapped:
		return Badge{"good", "arrow-left-right", "Component replaced"}
	case graft.EventRestored:
		return Badge{"good", "undo-2", "Component restored"}
	case graft.EventStatus:
		return Badge{"quiet", "activity", "Status"}
	case graft.EventOperation:
		return Badge{"quiet", "play", "Operation"}
	case graft.EventInstalled, graft.EventDesired, graft.EventRemoved:
		return Badge{"quiet", "user", "Wish"}
	}
	return Badge{"quiet", "chevron-right", "Step"}
}
