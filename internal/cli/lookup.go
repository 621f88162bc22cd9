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

// findAddon returns an addon by its id, whatever its status, or the approved one
// that NAME, the latest, or NAME@VERSION chooses, where VERSION may be a range.
func (p *program) findAddon(ctx context.Context, c *client.Client, nameOrID string) (*graft.Addon, error) {
	if _, ok := graft.ParseID(nameOrID); ok {
		addon, err := c.Addon(ctx, nameOrID)
		if graft.ErrorCode(err) != graft.CodeNotFound {
			return addon, err
		}
	}
	name, version, ranged := strings.Cut(nameOrID, "@")
	addon, err := c.Choose(ctx, name, version)
	switch code := graft.ErrorCode(err); {
	case code == graft.CodeInvalid && ranged:
		return nil, &usageError{err}
	case code != graft.CodeNotFound:
		return addon, err
	}
	if ranged {
		return nil, p.noSuchVersion(ctx, c, name, version)
	}
	return p.findByList(ctx, c, name)
}

// findVersion returns an addon whatever its status, by its id or as NAME@VERSION.
// NAME alone will do where there is one version: nobody decides about another one
// than he means.
func (p *program) findVersion(ctx context.Context, c *client.Client, what string) (*graft.Addon, error) {
	if _, ok := graft.ParseID(what); ok {
		return c.Addon(ctx, what)
	}
	name, version, exact := strings.Cut(what, "@")
	versions, err := c.Versions(ctx, name)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(versions, func(v graft.Version) bool { return v.Version == version })
	switch {
	case !exact && len(versions) == 1:
		i = 0
	case !exact:
		return nil, usagef("%q has %s: say which, as %s@VERSION or by its id\n\"graft versions %s\" lists them", name, plural(len(versions), "version"), name, name)
	case i < 0:
		return nil, graft.Errorf(graft.CodeNotFound, "%q has no version %s\n\"graft versions %s\" lists those that there are", name, version, name)
	}
	return c.Addon(ctx, versions[i].ID)
}

// noSuchVersion says which versions there are.
func (p *program) noSuchVersion(ctx context.Context, c *client.Client, name, version string) error {
	versions, err := c.Versions(ctx, name)
	if graft.ErrorCode(err) == graft.CodeNotFound {
		_, err = p.findByList(ctx, c, name)
	}
	if err != nil {
		return err
	}
	var approved []string
	for _, v := range versions {
		if v.Status == graft.AddonApproved && v.Yanked == nil {
			approved = append(approved, v.Version)
		}
	}
	there := "none is approved"
	if len(approved) > 0 {
		there = "there are " + strings.Join(approved[:min(len(approved), 10)], ", ")
	}
	return graft.Errorf(graft.CodeNotFound, "no approved version of %q is in the range %s: %s\n\"graft versions %s\" lists them all",
		name, version, there, name)
}

// hintLetters is how much of a name counts when others are looked for that are
// like it.
const hintLetters = 2

// findByList finds an addon in the list of all, which the old marketplace has,
// too; and says which names are like one that is not there.
func (p *program) findByList(ctx context.Context, c *client.Client, name string) (*graft.Addon, error) {
	addons, err := c.Addons(ctx, name)
	if err != nil {
		return nil, err
	}
	// The old marketplace answered other names, too, when it was asked for none.
	addons = slices.DeleteFunc(addons, func(a graft.Addon) bool { return a.Name != name })
	if len(addons) > 0 {
		newest := slices.MaxFunc(addons, byAge)
		return &newest, nil
	}
	var names []string
	// Names that begin alike are enough for a hint, and without one it goes, too.
	if page, err := c.Search(ctx, graft.AddonQuery{Text: name[:min(len(name), hintLetters)], Latest: true}); err == nil {
		for _, a := range page.Addons {
			names = append(names, a.Name)
		}
	}
	return nil, graft.Errorf(graft.CodeNotFound,
		"no approved addon in the marketplace at %s is called %q, and none has that id%s\n\"graft search\" lists them",
		p.flags.marketplaceURL(), name, didYouMean(name, names))
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
