package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// topEvery is how often the table of one who follows is made anew.
const topEvery = 2 * time.Second

// addonUsage is what a service uses, with its addon's name.
type addonUsage struct {
	Addon string `json:"addon"`
	graft.ServiceUsage
}

func (p *program) topCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show what the installed addons use of processors and memory",
		Long: `Show what the services of the installed addons use just now: of the processors,
100 % being one core, and of memory, with how much of that they may have. Only
containers that run are shown.`,
		Args: noArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.engineClient()
			if err != nil {
				return err
			}
			if follow {
				return p.followTop(cmd.Context(), c)
			}
			found, err := top(cmd.Context(), c)
			if err != nil {
				return err
			}
			return p.print(found, func(w io.Writer) { printTop(w, found) })
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "show it again and again, on a terminal")
	return cmd
}

// top asks what is used, by addon and service.
func top(ctx context.Context, c *client.Client) ([]addonUsage, error) {
	usage, err := c.Stats(ctx)
	if graft.ErrorCode(err) == graft.CodeNotFound {
		return nil, graft.WrapError(graft.CodeNotFound, err, "the engine can't tell what addons use: it may be an older Graft")
	}
	if err != nil {
		return nil, err
	}
	installations, err := c.Installations(ctx, "")
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, i := range installations {
		names[i.ID] = i.Name
	}
	found := []addonUsage{}
	for _, u := range usage {
		found = append(found, addonUsage{names[u.InstallationID], u})
	}
	slices.SortStableFunc(found, func(a, b addonUsage) int {
		return cmp.Or(cmp.Compare(a.Addon, b.Addon), cmp.Compare(a.Service, b.Service))
	})
	return found, nil
}

func printTop(w io.Writer, found []addonUsage) {
	row(w, "ADDON", "SERVICE", "CPU", "MEMORY", "LIMIT")
	for _, u := range found {
		limit := ""
		if u.MemoryLimit > 0 {
			limit = mebibytes(u.MemoryLimit)
		}
		row(w, u.Addon, u.Service, fmt.Sprintf("%.1f %%", 100*u.CPUs), mebibytes(u.Memory), limit)
	}
}

// mebibytes writes a size of memory, which is limited in powers of two.
func mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// followTop shows what is used until ctx ends.
func (p *program) followTop(ctx context.Context, c *client.Client) error {
	f, ok := p.stdout.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || p.flags.output != outputTable {
		return usagef("--follow shows a table that changes, and needs a terminal: leave it out")
	}
	ticker := time.NewTicker(topEvery)
	defer ticker.Stop()
	s := screen{w: f, size: func() (width, height int, err error) { return term.GetSize(int(f.Fd())) }}
	return s.follow(ctx, ticker.C, func(w io.Writer) error {
		found, err := top(ctx, c)
		if err != nil {
			return err
		}
		return writeTable(w, func(w io.Writer) { printTop(w, found) })
	})
}
