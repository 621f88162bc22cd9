package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// restored looks for components that are to be in place again. It is an error
// when one of them is not.
func restored(ctx context.Context, c *client.Client, names []string) ([]graft.Component, error) {
	back := []graft.Component{}
	if len(names) == 0 {
		return back, nil
	}
	components, err := c.Components(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		component := findComponent(components, name)
		switch {
		case component == nil:
			return back, graft.Errorf(graft.CodeUpstream, "ATTENTION: the component %s is not back: there is no such container; \"graft components\" lists them", name)
		case component.ReplacedBy != nil:
			return back, graft.Errorf(graft.CodeUpstream, "ATTENTION: the component %s is not back: %s of %s is in its place", name, component.ReplacedBy.Service, component.ReplacedBy.Addon)
		}
		back = append(back, *component)
	}
	return back, nil
}

func findComponent(components []graft.Component, name string) *graft.Component {
	for n := range components {
		if components[n].Name == name || components[n].ContainerName == name {
			return &components[n]
		}
	}
	return nil
}

func printRestored(w io.Writer, components []graft.Component) {
	for _, c := range components {
		fmt.Fprintf(w, "%s is back: %s\n", oneLine(c.Name), oneLine(c.State))
	}
}
