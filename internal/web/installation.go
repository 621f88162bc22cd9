package web

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/words"
)

// eventsShown is how many of an installation's last events its page has.
const eventsShown = 60

// installation is what the page of one shows.
type installation struct {
	installedAddon
	Outdated string // why it may be otherwise by now; empty: it is so
	Plan     *graft.Plan
	NoPlan   string        // why there is none
	Events   []graft.Event // the last one first
	Aside    []graft.Component
	Newer    *graft.Version // that could be installed in its place; nil: none is known
	Diagram  *diagram
}

// installationNow makes the page of an installation, or of what was one.
func (d *dashboard) installationNow(ctx context.Context, s *session, id string, usage usageNow) (view, error) {
	shown, err := showInstallation(ctx, s, id, usage)
	if graft.ErrorCode(err) == graft.CodeNotFound && was(ctx, s.engine, id) {
		return view{"uninstalled", words.Uninstalled, nil}, nil
	}
	if err != nil {
		return view{}, err
	}
	return view{"installation", shown.Name, shown}, nil
}

// was is whether there was an installation, as events tell that are kept: who
// uninstalls one may be shown its page only when it is gone. Any event will do, as the
// last one is missing where the engine was killed just before it.
func was(ctx context.Context, engine *client.Client, id string) bool {
	events, err := lastEvents(ctx, engine, id)
	return err == nil && len(events) > 0
}

func showInstallation(ctx context.Context, s *session, id string, usage usageNow) (*installation, error) {
	inst, err := s.engine.Installation(ctx, id)
	if err != nil {
		return nil, err
	}
	used := usage()
	shown := &installation{installedAddon: withUsage(inst, used.of, s), Outdated: used.problem}
	if shown.Plan, err = s.engine.Plan(ctx, id); err != nil {
		shown.NoPlan = reason(err)
	}
	if shown.Events, err = lastEvents(ctx, s.engine, id); err != nil {
		return nil, err
	}
	if components, err := s.engine.Components(ctx); err == nil { // without them the picture has less
		for _, c := range components {
			if c.ReplacedBy != nil && c.ReplacedBy.InstallationID == id {
				shown.Aside = append(shown.Aside, c)
			}
		}
	}
	shown.Newer = newer(ctx, s.market, inst)
	shown.Diagram = drawInstalled(inst)
	return shown, nil
}

// newerTime is how long a page waits for the marketplace to name a newer version.
const newerTime = time.Second

// newer returns the latest version of an addon if that is higher than the installed
// one. Without the marketplace there is none.
func newer(ctx context.Context, market *client.Client, inst *graft.Installation) *graft.Version {
	ctx, cancel := context.WithTimeout(ctx, newerTime)
	defer cancel()
	versions, err := market.Versions(ctx, inst.Name)
	if err != nil {
		return nil
	}
	for i := range versions { // the highest first
		switch {
		case versions[i].ID == inst.MarketplaceID:
			return nil
		case versions[i].Latest:
			return &versions[i]
		}
	}
	return nil
}

// lastEvents returns what happened to an installation, the last first.
func lastEvents(ctx context.Context, engine *client.Client, id string) ([]graft.Event, error) {
	var events []graft.Event
	err := engine.Events(ctx, client.EventsOptions{InstallationID: id, Tail: eventsShown}, func(e graft.Event) error {
		if e.Type != graft.EventProgress {
			events = append(events, e)
		}
		return nil
	})
	slices.Reverse(events)
	return events, err
}

// environment is what a service is started with.
type environment struct {
	Service   string
	Variables []variable
}

// variable is one of a service's environment.
type variable struct {
	Name, Value string
	Secret      bool // its value is not in the page at all
}

// Environments returns what the services are started with, of those that have
// variables, these in the order of their names.
func (i installedAddon) Environments() []environment {
	var all []environment
	for _, s := range i.Descriptor.Services {
		var variables []variable
		for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
			v := variable{Name: name, Value: s.Environment[name]}
			if isSecret(name, v.Value) {
				v.Secret, v.Value = true, ""
			}
			variables = append(variables, v)
		}
		if variables != nil {
			all = append(all, environment{s.Name, variables})
		}
	}
	return all
}
