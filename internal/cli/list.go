package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
)

func (p *program) listCommand() *cobra.Command {
	var status string
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the installed addons",
		Args:    noArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if status != "" && !slices.Contains(statuses(), graft.InstallationStatus(status)) {
				return usagef("there is no status %q: use one of %s", status, joined(statuses()))
			}
			c, err := p.engineClient()
			if err != nil {
				return err
			}
			installations, err := c.Installations(cmd.Context(), graft.InstallationStatus(status))
			if err != nil {
				return err
			}
			if installations == nil {
				installations = []graft.Installation{}
			}
			return p.print(installations, func(w io.Writer) { printInstallations(w, installations) })
		},
	}
	cmd.Flags().StringVar(&status, "status", "", "only those in this `status`: "+joined(statuses()))
	return cmd
}

func statuses() []graft.InstallationStatus {
	return []graft.InstallationStatus{
		graft.StatusInstalling, graft.StatusActive, graft.StatusPartiallyActive,
		graft.StatusFailed, graft.StatusDisabling, graft.StatusDisabled,
	}
}

func printInstallations(w io.Writer, installations []graft.Installation) {
	row(w, "NAME", "VERSION", "ID", "STATUS", "RUNNING", "REPLACES", "REASON")
	for _, i := range installations {
		running := 0
		for _, s := range services(&i) {
			if s.State == graft.ServiceRunning || s.State == graft.ServiceCompletedState {
				running++
			}
		}
		row(w, i.Name, i.Version, i.ID, string(i.Status), fmt.Sprintf("%d/%d", running, len(i.Services)),
			strings.Join(replaced(&i), ", "), strings.TrimPrefix(because(&i), ": "))
	}
}

// replaced are the components that an installation's plugins replace.
func replaced(i *graft.Installation) []string {
	var names []string
	for _, s := range services(i) {
		if s.Replaces != "" {
			names = append(names, s.Replaces)
		}
	}
	return names
}
