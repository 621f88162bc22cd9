package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// restored looks for the components that an installation, as it was, had
// replaced. It is an error when one of them is neither in place again nor
// replaced by another addon, which was there before or has come on top.
func restored(ctx context.Context, c *client.Client, before *graft.Installation) ([]graft.Component, error) {
	back, names := []graft.Component{}, replaced(before)
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
		case component.ReplacedBy != nil && component.ReplacedBy.InstallationID == before.ID:
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
		if by := c.ReplacedBy; by != nil {
			fmt.Fprintf(w, "%s is now replaced by %s of %s\n", oneLine(c.Name), oneLine(by.Service), oneLine(by.Addon))
			continue
		}
		fmt.Fprintf(w, "%s is back: %s\n", oneLine(c.Name), oneLine(c.State))
	}
}
