package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// findAddon returns the addon of that id, whatever its status, else the newest
// approved one of exactly that name.
func (p *program) findAddon(ctx context.Context, c *client.Client, nameOrID string) (*graft.Addon, error) {
	if _, ok := graft.ParseID(nameOrID); ok {
		addon, err := c.Addon(ctx, nameOrID)
		if graft.ErrorCode(err) != graft.CodeNotFound {
			return addon, err
		}
	}
	addons, err := c.Addons(ctx, nameOrID)
	if err != nil {
		return nil, err
	}
	// The old marketplace answered other names, too, when it was asked for none.
	addons = slices.DeleteFunc(addons, func(a graft.Addon) bool { return a.Name != nameOrID })
	if len(addons) > 0 {
		newest := slices.MaxFunc(addons, byAge)
		return &newest, nil
	}
	all, err := c.Addons(ctx, "")
	if err != nil {
		return nil, err
	}
	names := make([]string, len(all))
	for i, a := range all {
		names[i] = a.Name
	}
	return nil, graft.Errorf(graft.CodeNotFound,
		"no approved addon in the marketplace at %s is called %q, and none has that id%s\n\"graft search\" lists them",
		p.flags.marketplaceURL(), nameOrID, didYouMean(nameOrID, names))
}

// byAge orders addons from the oldest to the newest. Ids begin with the time;
// the old marketplace sent nothing else to go by.
func byAge(a, b graft.Addon) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
}

// findInstallation returns the installation of that id or name.
func (p *program) findInstallation(ctx context.Context, c *client.Client, nameOrID string) (*graft.Installation, error) {
	if _, ok := graft.ParseID(nameOrID); ok {
		i, err := c.Installation(ctx, nameOrID)
		if graft.ErrorCode(err) != graft.CodeNotFound {
			return i, err
		}
	}
	all, err := c.Installations(ctx, "")
	if err != nil {
		return nil, err
	}
	var found []graft.Installation
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
		if i.Name == nameOrID || strings.EqualFold(i.MarketplaceID, nameOrID) {
			found = append(found, i)
		}
	}
	switch len(found) {
	case 0:
		return nil, graft.Errorf(graft.CodeNotFound,
			"nothing installed at %s is called %q or has that id%s\n\"graft list\" lists what is installed",
			p.flags.engineURL(), nameOrID, didYouMean(nameOrID, names))
	case 1:
		return &found[0], nil
	}
	var list strings.Builder
	for _, i := range found {
		fmt.Fprintf(&list, "\n  %s  %s %s, %s", i.ID, i.Name, i.Version, i.Status)
	}
	return nil, usagef("%s are called %q: say which by its id%s",
		plural(len(found), "installation"), nameOrID, list.String())
}
