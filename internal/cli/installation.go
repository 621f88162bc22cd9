package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// followInstallation waits until the engine is done with what users want.
func (p *program) followInstallation(ctx context.Context, c *client.Client, i *graft.Installation, w *waiting) (*graft.Installation, error) {
	waitCtx, cancel := w.context(ctx)
	defer cancel()
	f := follower[graft.Installation]{
		next: func(ctx context.Context, since int64) (*graft.Installation, error) {
			return c.WaitInstallation(ctx, i.ID, since)
		},
		revision: func(i *graft.Installation) int64 { return i.Revision },
		settled:  settled,
		say:      installationLine,
		pulls:    pullsOf,
	}
	last, err := f.follow(waitCtx, p.progress(), i)
	err = w.unfinished(err, last.Name, string(last.Status), because(last), "graft status "+last.ID)
	if graft.ErrorCode(err) == graft.CodeNotFound {
		err = graft.Errorf(graft.CodeNotFound, "%s is gone: it was uninstalled", i.Name)
	}
	return last, err
}

// settled is whether the engine has seen the newest spec and is done with it.
func settled(i *graft.Installation) bool {
	if i.Details != nil && i.Details.Generation < i.Generation {
		return false
	}
	switch i.Status {
	case graft.StatusInstalling:
		return false
	case graft.StatusDisabling:
		// The engine tries it again and again, but it takes a person.
		return i.Details != nil && i.Details.Outcome == graft.OutcomeNotRestored
	case graft.StatusFailed:
		// An engine that gave up still takes everything back, and then says
		// whether it could. Those of the old system give no details.
		return i.Details == nil || !i.Details.GaveUp || i.Details.Outcome != ""
	}
	return true
}

// pullsOf returns the pulls that are under way for an installation.
func pullsOf(i *graft.Installation) []graft.PullStatus {
	if i.Details == nil {
		return nil
	}
	return i.Details.Pulls
}

// installationLine is the progress of an installation, its pulls apart.
func installationLine(i *graft.Installation) string {
	line := fmt.Sprintf("%s %s: %s", i.Name, i.ID, i.Status)
	switch {
	case len(pullsOf(i)) > 0:
		line += ": pulling"
	case i.Details != nil && i.Details.Step != "":
		line += ": " + i.Details.Step
	}
	return line + because(i)
}

// because is the reason for an installation's status, to be appended to it.
func because(i *graft.Installation) string {
	if i.Details == nil || i.Details.Reason == "" {
		return ""
	}
	return ": " + i.Details.Reason
}

// finishInstallation prints an installation that was to become status, and
// returns an error unless it did.
func (p *program) finishInstallation(i *graft.Installation, status graft.InstallationStatus, waited error) error {
	if err := p.print(i, func(w io.Writer) { printInstallation(w, i) }); err != nil {
		return err
	}
	if waited != nil {
		return waited
	}
	if i.Status == status {
		return nil
	}
	if i.Logs != "" && p.flags.output == outputTable {
		fmt.Fprintf(p.stderr, "logs of %s:\n%s\n", clean(i.Name), strings.TrimRight(i.Logs, "\n"))
	}
	return failure(i)
}

// failure is the error for an installation that is not what users want.
func failure(i *graft.Installation) error {
	message := fmt.Sprintf("%s is %s%s", i.Name, i.Status, because(i))
	d := i.Details
	if d == nil {
		return graft.Errorf(graft.CodeUpstream, "%s", message)
	}
	for _, s := range d.Services {
		if s.Reason != "" && !strings.Contains(d.Reason, s.Reason) {
			message += fmt.Sprintf("\nservice %s (%s) %s", s.Name, s.State, s.Reason)
		}
	}
	switch d.Outcome {
	case graft.OutcomeRefused:
		message += "\nnothing was touched"
		if d.Waits {
			message += "; it is installed by itself when that is gone: \"graft uninstall " + i.ID + "\" gives it up"
		}
		return graft.Errorf(graft.CodeRefused, "%s", message)
	case graft.OutcomeRestored:
		message += "\neverything is as it was before"
	case graft.OutcomeNotRestored:
		message += "\nATTENTION: what was there before could not be put back, or not all of it removed: see \"graft status " + i.ID + "\" and \"graft components\"; it is tried again by itself"
	}
	return graft.Errorf(graft.CodeUpstream, "%s", message)
}

// printInstallation writes everything that matters to an operator.
func printInstallation(w io.Writer, i *graft.Installation) {
	field(w, "Name", i.Name)
	field(w, "Version", i.Version)
	field(w, "ID", i.ID)
	field(w, "Marketplace ID", i.MarketplaceID)
	field(w, "Status", string(i.Status))
	if d := i.Details; d != nil {
		field(w, "Step", d.Step)
		field(w, "Reason", d.Reason)
		if i.Status != graft.StatusFailed || d.Outcome != graft.OutcomeDone { // it failed after that
			field(w, "Last outcome", string(d.Outcome))
		}
		field(w, "Upgrade", upgradeText(d.Upgrade))
		for _, warning := range d.Warnings {
			field(w, "Warning", warning)
		}
	}
	field(w, "Risk", string(i.Risk))
	if c := i.Consent; c != nil {
		field(w, "Consent", fmt.Sprintf("%s, by %s on %s", strings.Join(graft.GrantsFor(c.Rights), ", "), c.By, date(c.At)))
	}
	field(w, "Installed", date(i.CreatedAt))
	fmt.Fprintln(w)
	row(w, "SERVICE", "STATE", "RESTARTS", "PORTS", "REPLACES", "REASON")
	for _, s := range services(i) {
		row(w, s.Name, state(s), strconv.Itoa(s.Restarts), published(i, s), s.Replaces, s.Reason)
	}
}

// published are the ports of a service's container, which may have inherited
// some; of one that has no container, those of its descriptor.
func published(i *graft.Installation, s graft.ServiceStatus) string {
	if len(s.Ports) > 0 {
		return strings.Join(s.Ports, ", ")
	}
	return ports(i.Service(s.Name))
}

// state is a service's state, with the exit code once there is one.
func state(s graft.ServiceStatus) string {
	if s.ExitCode == nil || s.State == graft.ServiceRunning {
		return string(s.State)
	}
	return fmt.Sprintf("%s (%d)", s.State, *s.ExitCode)
}

// services is what is known of each service, be it the name only.
func services(i *graft.Installation) []graft.ServiceStatus {
	if i.Details != nil && len(i.Details.Services) > 0 {
		return i.Details.Services
	}
	list := make([]graft.ServiceStatus, len(i.Services))
	for n, s := range i.Services {
		list[n] = graft.ServiceStatus{Name: s.Name}
	}
	return list
}
