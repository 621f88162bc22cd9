package web

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/words"
)

// componentList is what the page of the orchestrator's parts shows.
type componentList struct {
	Components []shownComponent
	Plane      graft.Plane
	Replaced   int
	Me         *session
}

// shownComponent is a component, and who stands in for it since when.
type shownComponent struct {
	graft.Component
	Since        time.Time           // zero: not known, or it is in place itself
	Installation *graft.Installation // of the plugin; nil: there is none
}

// CanRestore is whether it can be asked for: nobody did yet.
func (c shownComponent) CanRestore() bool {
	return c.ReplacedBy != nil && (c.Installation == nil || c.Installation.Desired == graft.DesiredEnabled)
}

// componentsNow makes the page of the components.
func (d *dashboard) componentsNow(ctx context.Context, s *session, _ string, _ usageNow) (view, error) {
	components, err := s.engine.Components(ctx)
	if err != nil {
		return view{}, err
	}
	installations, err := s.engine.Installations(ctx, "")
	if err != nil {
		return view{}, err
	}
	byID := map[string]*graft.Installation{}
	for i := range installations {
		byID[installations[i].ID] = &installations[i]
	}
	list := &componentList{Plane: d.Plane, Me: s}
	for _, c := range components {
		shown := shownComponent{Component: c}
		if by := c.ReplacedBy; by != nil {
			list.Replaced++
			inst := byID[by.InstallationID]
			if shown.Since, err = standsInSince(ctx, s.engine, by, inst); err != nil && graft.ErrorCode(err) != graft.CodeNotFound {
				return view{}, err
			}
			shown.Installation = inst
		}
		list.Components = append(list.Components, shown)
	}
	slices.SortFunc(list.Components, func(a, b shownComponent) int { return strings.Compare(a.Name, b.Name) })
	return view{"components", words.Components, list}, nil
}

// standsInSince returns since when a service stands in for a component, as its
// addon's events tell as far as they are kept, else when its container was started.
func standsInSince(ctx context.Context, engine *client.Client, by *graft.Replacement, inst *graft.Installation) (time.Time, error) {
	events, err := lastEvents(ctx, engine, by.InstallationID)
	if err != nil {
		return time.Time{}, err
	}
	for _, e := range events {
		if e.Type == graft.EventSwapped && e.Service == by.Service {
			return e.Time, nil
		}
	}
	if inst != nil && inst.Details != nil {
		for _, s := range inst.Details.Services {
			if s.Name == by.Service && s.StartedAt != nil {
				return *s.StartedAt, nil
			}
		}
	}
	return time.Time{}, nil
}
