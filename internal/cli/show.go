package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
)

func (p *program) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME[@VERSION]|ID",
		Short:   "Show an addon of the marketplace",
		Long:    "Show an addon of the marketplace: by its id whatever its status, by its name the\nlatest approved version, or the highest one in a range.",
		Example: "  graft show hello\n  graft show hello@^1.2\n  graft show -o yaml 6b0342fd771242bc7f1c506c",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.marketClient()
			if err != nil {
				return err
			}
			addon, err := p.findAddon(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			return p.print(addon, func(w io.Writer) { printAddon(w, addon) })
		},
	}
}

// reviewed is a reviewer's decision, in a sentence.
func reviewed(r *graft.Review) string {
	decision := "rejected"
	if r.Approved {
		decision = "approved"
	}
	text := fmt.Sprintf("%s by %s on %s", decision, r.By, date(r.At))
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	return text
}

func printAddon(w io.Writer, a *graft.Addon) {
	field(w, "Name", a.Name)
	field(w, "Version", a.Version)
	field(w, "ID", a.ID)
	field(w, "Revision", strconv.FormatInt(a.Revision, 10))
	field(w, "Status", string(a.Status))
	field(w, "Publisher", a.Publisher)
	field(w, "Kind", string(a.Kind))
	field(w, "Replaces", joined(a.Replaces))
	for _, note := range noticesOf(a.Yanked, a.Deprecated) {
		field(w, "Note", note)
	}
	if r := a.Review; r != nil {
		field(w, "Reviewed", reviewed(r))
	}
	field(w, "Description", a.Description)
	field(w, "Homepage", a.Homepage)
	field(w, "Planes", joined(a.Planes))
	field(w, "Platforms", joined(a.Platforms))
	rights, risk := addonRights(a)
	field(w, "Risk", string(risk))
	field(w, "Published", date(a.CreatedAt))
	for _, warning := range a.Warnings {
		field(w, "Warning", warning.String())
	}
	fmt.Fprintln(w)
	if len(rights) > 0 {
		printRights(w, rights, nil)
		fmt.Fprintln(w)
	}
	printImages(w, a)
	fmt.Fprintln(w)
	row(w, "SERVICE", "PORTS", "VOLUMES", "NETWORKS", "PLATFORMS")
	for _, s := range a.Services {
		var platforms string
		if report := a.Verification.Image(s.Name); report != nil {
			platforms = strings.Join(report.Platforms, ", ")
		}
		row(w, s.Name, ports(&s), strings.Join(s.Volumes, ", "), strings.Join(s.Networks, ", "), platforms)
	}
	printChecks(w, a)
}

// ports are a service's published ports, each host:container.
func ports(s *graft.Service) string {
	if s == nil {
		return ""
	}
	var list []string
	for _, container := range slices.Sorted(maps.Keys(s.Ports)) {
		list = append(list, s.Ports[container]+":"+container)
	}
	return strings.Join(list, ", ")
}

func joined[T ~string](values []T) string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return strings.Join(list, ", ")
}
