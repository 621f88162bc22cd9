package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// removal is the outcome of the uninstall command.
type removal struct {
	ID       string            `json:"_id"`
	Name     string            `json:"name"`
	Removed  bool              `json:"removed"`
	Restored []graft.Component `json:"restored"`
}

func (p *program) uninstallCommand() *cobra.Command {
	var w waiting
	cmd := &cobra.Command{
		Use:   "uninstall NAME|ID",
		Short: "Remove an installed addon, and put back what it replaced",
		Long: `Remove an installed addon: it is disabled first, so that the components which
its plugins replaced come back, and then removed.

With --wait=false one that is not disabled is only asked to be; run it again to
remove it.`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.engineClient()
			if err != nil {
				return err
			}
			i, err := p.findInstallation(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			return p.uninstall(cmd.Context(), c, i, &w)
		},
	}
	w.register(cmd)
	return cmd
}

func (p *program) uninstall(ctx context.Context, c *client.Client, i *graft.Installation, w *waiting) error {
	result := removal{ID: i.ID, Name: i.Name, Restored: []graft.Component{}}
	var err error
	if w.wait {
		if err := p.disableFirst(ctx, c, i, w); err != nil {
			return err
		}
	}
	result.Removed, err = c.Delete(ctx, i.ID)
	switch {
	case graft.ErrorCode(err) == graft.CodeNotFound: // somebody else was faster
		result.Removed = true
	case err != nil:
		return err
	case !result.Removed && w.wait:
		return &failedError{graft.Errorf(graft.CodeConflict, "%s was enabled again by somebody else and is not removed: see \"graft status %s\"", i.Name, i.ID)}
	}
	var missing error
	if result.Removed {
		result.Restored, missing = restored(ctx, c, i)
	}
	if err := p.print(result, result.printTable); err != nil {
		return err
	}
	return missing
}

// disableFirst returns once the installation is disabled, or removed.
func (p *program) disableFirst(ctx context.Context, c *client.Client, i *graft.Installation, w *waiting) error {
	if i.Status == graft.StatusDisabled && settled(i) {
		return nil
	}
	last, err := c.Disable(ctx, i.ID)
	if err == nil {
		last, err = p.followInstallation(ctx, c, last, w)
	}
	switch {
	case graft.ErrorCode(err) == graft.CodeNotFound:
		return nil
	case err != nil:
		return err
	case last.Status != graft.StatusDisabled:
		return failure(last)
	}
	return nil
}

func (r removal) printTable(w io.Writer) {
	what := "is being disabled; run this again to remove it"
	if r.Removed {
		what = "is uninstalled"
	}
	fmt.Fprintf(w, "%s %s\n", oneLine(r.Name), what)
	printRestored(w, r.Restored)
}
