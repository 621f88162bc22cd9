package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
)

const descriptionWidth = 60

func (p *program) searchCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "search [WORD...]",
		Short:   "List the approved addons of the marketplace",
		Long:    "List the approved addons of the marketplace whose name or description has every\nword, the newest first.",
		Example: "  graft search\n  graft search scheduler",
		RunE: func(cmd *cobra.Command, words []string) error {
			c, err := p.marketClient()
			if err != nil {
				return err
			}
			addons, err := c.Addons(cmd.Context(), "")
			if err != nil {
				return err
			}
			addons = slices.DeleteFunc(addons, func(a graft.Addon) bool { return !matches(&a, words) })
			slices.SortStableFunc(addons, func(a, b graft.Addon) int { return byAge(b, a) })
			if addons == nil {
				addons = []graft.Addon{}
			}
			return p.print(addons, func(w io.Writer) { printAddons(w, addons) })
		},
	}
}

func matches(a *graft.Addon, words []string) bool {
	text := strings.ToLower(a.Name + "\n" + a.Description)
	for _, word := range words {
		if !strings.Contains(text, strings.ToLower(word)) {
			return false
		}
	}
	return true
}

func printAddons(w io.Writer, addons []graft.Addon) {
	row(w, "NAME", "VERSION", "ID", "SERVICES", "DESCRIPTION")
	for _, a := range addons {
		var services []string
		for _, s := range a.Services {
			services = append(services, s.Name)
		}
		row(w, a.Name, a.Version, a.ID, strings.Join(services, ", "), shorten(oneLine(a.Description), descriptionWidth))
	}
}
