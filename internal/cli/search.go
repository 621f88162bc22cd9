package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

const descriptionWidth = 60

func (p *program) searchCommand() *cobra.Command {
	var query graft.AddonQuery
	var versions bool
	var limit int
	cmd := &cobra.Command{
		Use:   "search [WORD...]",
		Short: "Find approved addons of the marketplace",
		Long: `Find approved addons of the marketplace that have every word in their name,
description, readme, publisher, services or components; the last word may be the
beginning of one. The newest come first.`,
		Example: "  graft search\n  graft search scheduler --kind plugin --plane cluster",
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return usagef("--limit %d: use 1 or more", limit)
			}
			c, err := p.marketClient()
			if err != nil {
				return err
			}
			query.Text, query.Latest = strings.Join(args, " "), !versions && query.Status == ""
			addons, more, err := findAll(cmd.Context(), c, query, limit)
			if err != nil {
				return err
			}
			err = p.print(addons, func(w io.Writer) { printAddons(w, addons) })
			if more && p.flags.output == outputTable {
				fmt.Fprintln(p.stderr, "there are more: narrow the search, or raise --limit")
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar((*string)(&query.Kind), "kind", "", "only `plugin`s or extensions")
	flags.StringVar(&query.Replaces, "replaces", "", "only what takes the place of this `component`")
	flags.StringVar((*string)(&query.Plane), "for-plane", "", "only what can be installed on this `plane`")
	flags.StringVar(&query.Platform, "platform", "", "only what is made for this `platform`, such as arm64")
	flags.StringVar(&query.Publisher, "publisher", "", "only what this `publisher` published")
	flags.StringVar((*string)(&query.Status), "status", "", "only what has this `status`, approved or not")
	flags.StringVar((*string)(&query.Sort), "sort", "", "`order`: oldest or name (default newest)")
	flags.BoolVar(&versions, "versions", false, "all versions, not only the latest")
	flags.IntVar(&limit, "limit", 1000, "at most so `many`")
	return cmd
}

// findAll returns what a query finds, up to a limit, and whether there is more.
func findAll(ctx context.Context, c *client.Client, query graft.AddonQuery, limit int) (found []graft.Addon, more bool, err error) {
	found = []graft.Addon{}
	for {
		query.Limit = min(graft.MaxPage, limit-len(found))
		page, err := c.Search(ctx, query)
		if err != nil {
			return nil, false, err
		}
		found = append(found, page.Addons...)
		if query.Cursor = page.Next; page.Next == "" || len(found) >= limit {
			return found, page.Next != "", nil
		}
	}
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
