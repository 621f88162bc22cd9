package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/words"
)

// installedList is what the page of installed addons shows.
type installedList struct {
	Rows     []installedAddon
	Outdated string // why it may be otherwise by now; empty: it is so
	Me       *session
}

// installedAddon is an installation and what its containers use.
type installedAddon struct {
	*graft.Installation
	Services []runningService
	Me       *session
}

// runningService is what the engine saw of a service, and what it uses now.
type runningService struct {
	graft.ServiceStatus
	Usage *graft.ServiceUsage // nil: not known
}

// Possible actions. Templates ask for them, the engine decides.

// CanDisable is whether there is something to disable.
func (i installedAddon) CanDisable() bool { return i.Desired == graft.DesiredEnabled }

// CanEnable is whether it was disabled.
func (i installedAddon) CanEnable() bool { return i.Desired == graft.DesiredDisabled }

// Leaves is whether it is being uninstalled, which can't be taken back.
func (i installedAddon) Leaves() bool { return i.Desired == graft.DesiredRemoved }

// CanRetry is whether the engine waits for somebody to say that it shall try again.
func (i installedAddon) CanRetry() bool {
	return i.Desired == graft.DesiredEnabled && (i.Status == graft.StatusFailed ||
		i.Details != nil && (i.Details.GaveUp || slices.ContainsFunc(i.Details.Withdrawn, func(w graft.Withdrawal) bool { return !w.Blocked })))
}

// Replaces are the components that its plugins stand in for.
func (i installedAddon) Replaces() []string {
	var names []string
	for _, s := range i.Services {
		if s.Replaces != "" {
			names = append(names, s.Replaces)
		}
	}
	return names
}

// Since is when the youngest of its containers was started, zero if none runs.
func (i installedAddon) Since() time.Time {
	var since time.Time
	for _, s := range i.Services {
		if s.StartedAt != nil && s.StartedAt.After(since) {
			since = *s.StartedAt
		}
	}
	return since
}

// Restarts is how often its services were restarted.
func (i installedAddon) Restarts() int {
	sum := 0
	for _, s := range i.Services {
		sum += s.Restarts
	}
	return sum
}

// Usage is what its containers use together, nil if that is not known.
func (i installedAddon) Usage() *graft.ServiceUsage {
	var sum *graft.ServiceUsage
	for _, s := range i.Services {
		if s.Usage == nil {
			continue
		}
		if sum == nil {
			sum = &graft.ServiceUsage{}
		}
		sum.CPUs += s.Usage.CPUs
		sum.Memory += s.Usage.Memory
	}
	return sum
}

// installedNow makes the page of what is installed.
func (d *dashboard) installedNow(ctx context.Context, s *session, _ string, usage usageNow) (view, error) {
	all, err := s.engine.Installations(ctx, "")
	if err != nil {
		return view{}, err
	}
	slices.SortFunc(all, func(a, b graft.Installation) int { return strings.Compare(a.Name, b.Name) })
	used := usage()
	list := &installedList{Outdated: used.problem, Me: s}
	for i := range all {
		list.Rows = append(list.Rows, withUsage(&all[i], used.of, s))
	}
	return view{"installed", words.Installed, list}, nil
}

func withUsage(inst *graft.Installation, usage map[string]*graft.ServiceUsage, s *session) installedAddon {
	row := installedAddon{Installation: inst, Me: s}
	if inst.Details != nil {
		for _, service := range inst.Details.Services {
			row.Services = append(row.Services, runningService{service, usage[service.ContainerID]})
		}
	}
	return row
}

// change does what a button of an installation says, and shows it.
func (d *dashboard) change(do func(*client.Client, context.Context, string) (*graft.Installation, error)) handler {
	return func(w http.ResponseWriter, r *http.Request, s *session) error {
		if _, err := do(s.engine, r.Context(), r.PathValue("id")); err != nil {
			return err
		}
		goTo(w, r, "/installed/"+r.PathValue("id"))
		return nil
	}
}
