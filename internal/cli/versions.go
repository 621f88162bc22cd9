package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
)

func (p *program) versionsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "versions NAME",
		Short:   "List the versions of an addon, the highest first",
		Example: "  graft versions hello\n  graft install hello@^1.2",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.marketClient()
			if err != nil {
				return err
			}
			versions, err := c.Versions(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.print(versions, func(w io.Writer) { printVersions(w, versions) })
		},
	}
}

func printVersions(w io.Writer, versions []graft.Version) {
	row(w, "VERSION", "ID", "STATUS", "PUBLISHED", "NOTES")
	for _, v := range versions {
		row(w, v.Version, v.ID, string(v.Status), date(v.CreatedAt), oneLine(versionNotes(&v)))
	}
}

// versionNotes are what somebody should know before he installs a version.
func versionNotes(v *graft.Version) string {
	var notes []string
	if v.Latest {
		notes = append(notes, "latest")
	}
	return joined(append(notes, noticesOf(v.Yanked, v.Deprecated)...))
}

// noticesOf says that a version was yanked or deprecated, and why.
func noticesOf(yanked, deprecated *graft.Notice) []string {
	var notes []string
	note := func(word string, notice *graft.Notice) {
		switch {
		case notice == nil:
		case notice.Message == "":
			notes = append(notes, word)
		default:
			notes = append(notes, word+": "+notice.Message)
		}
	}
	note("yanked", yanked)
	note("deprecated", deprecated)
	return notes
}
