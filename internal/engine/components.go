package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// Components returns the components of this engine's plane, those whose place
// a plugin has taken included, by name.
func (e *Engine) Components(ctx context.Context) ([]graft.Component, error) {
	w, err := e.world(ctx)
	if err != nil {
		return nil, err
	}
	components := []graft.Component{}
	for i := range w.snapshot.Containers {
		if c := &w.snapshot.Containers[i]; w.isComponent(c) {
			components = append(components, publicComponent(c))
		}
	}
	for i := range w.swaps {
		swap := &w.swaps[i]
		was, err := recorded(swap)
		if err != nil {
			return nil, err
		}
		component := publicComponent(was)
		component.State = "missing"
		if now := w.container(swap.ContainerID); now != nil {
			component.State = string(now.State)
		}
		component.ReplacedBy = &graft.Replacement{
			InstallationID: swap.InstallationID, Addon: w.addonName(swap.InstallationID), Service: swap.Service,
		}
		components = append(components, component)
	}
	slices.SortFunc(components, func(a, b graft.Component) int { return strings.Compare(a.Name, b.Name) })
	return components, nil
}

func publicComponent(c *driver.Container) graft.Component {
	component := graft.Component{
		Name: c.Labels[driver.ComposeServiceLabel], ContainerName: c.Name, ContainerID: c.ID, Image: c.Image,
		State: string(c.State), Ports: portTexts(c.Ports), Networks: []string{},
	}
	if component.Name == "" {
		component.Name = c.Name
	}
	for _, endpoint := range c.Endpoints {
		component.Networks = append(component.Networks, endpoint.Network)
	}
	return component
}

// portTexts writes ports as host:container/protocol.
func portTexts(ports []driver.Port) []string {
	texts := []string{}
	for _, p := range ports {
		texts = append(texts, fmt.Sprintf("%d:%d/%s", p.HostPort, p.ContainerPort, p.Protocol))
	}
	return texts
}
