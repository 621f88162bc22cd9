package web

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web/words"
)

// addonsShown is how many addons a page of the marketplace has.
const addonsShown = 30

// catalogue is what the marketplace's page shows.
type catalogue struct {
	Query      graft.AddonQuery
	Table      bool // not cards
	Addons     []listed
	More       string // address of the next page; empty: that is all
	Filtered   bool
	Components []string // what an addon can replace
	Me         *session
	// NoEngine is why it is not known what is installed; empty: it is, or nobody
	// asked.
	NoEngine string
}

// listed is an addon in a list, and what of it is installed.
type listed struct {
	*graft.Addon
	Installed *graft.Installation
}

// Newer is whether another version is installed than the listed one.
func (l listed) Newer() bool { return l.Installed != nil && l.Installed.MarketplaceID != l.ID }

func (d *dashboard) marketplace(w http.ResponseWriter, r *http.Request, s *session) error {
	values := r.URL.Query()
	c := catalogue{Query: readQuery(values), Table: values.Get("view") == "table", Me: s}
	c.Filtered = filtered(values)
	for _, plane := range []graft.Plane{graft.PlaneRoot, graft.PlaneCluster} {
		if c.Query.Plane == "" || c.Query.Plane == plane {
			c.Components = append(c.Components, graft.WellKnownComponents(plane)...)
		}
	}
	var found *graft.AddonPage
	var err error
	var installed map[string]*graft.Installation
	var both sync.WaitGroup
	both.Go(func() {
		ctx, cancel := context.WithTimeout(r.Context(), makeTime)
		defer cancel()
		found, err = s.market.Search(ctx, c.Query)
	})
	var noEngine error
	both.Go(func() { installed, noEngine = d.installed(r.Context(), s) })
	both.Wait()
	if err != nil {
		return err
	}
	if noEngine != nil {
		c.NoEngine = reason(noEngine)
	}
	for i := range found.Addons {
		addon := &found.Addons[i]
		c.Addons = append(c.Addons, listed{addon, installed[addon.Name]})
	}
	if found.Next != "" {
		values.Set("cursor", found.Next)
		c.More = "/?" + values.Encode()
	}
	switch {
	case !partial(r):
		return d.show(w, r, s, "marketplace", words.Marketplace, c)
	case c.Query.Cursor != "":
		return d.showPart(w, r, "marketplace", "items", c)
	}
	return d.showPart(w, r, "marketplace", "results", c)
}

// readQuery reads what the search form sends.
func readQuery(values url.Values) graft.AddonQuery {
	q := graft.AddonQuery{
		Text: values.Get("q"), Kind: graft.Kind(values.Get("kind")), Replaces: values.Get("replaces"),
		Plane: graft.Plane(values.Get("plane")), Platform: values.Get("platform"), Publisher: values.Get("publisher"),
		Status: graft.AddonStatus(values.Get("status")), Sort: graft.AddonSort(values.Get("sort")),
		Cursor: values.Get("cursor"), Limit: addonsShown,
	}
	q.Latest = q.Status == "" // of those that are no good every version is of interest
	return q
}

// filtered is whether anything else than all addons was asked for.
func filtered(values url.Values) bool {
	rest := maps.Clone(values)
	for _, name := range []string{"view", "sort", "cursor"} {
		rest.Del(name)
	}
	return slices.ContainsFunc(slices.Collect(maps.Values(rest)), func(v []string) bool { return v[0] != "" })
}

// installed returns what is installed, by the names of the addons, or why that is
// not known. Who may not know it gets nothing.
func (d *dashboard) installed(ctx context.Context, s *session) (map[string]*graft.Installation, error) {
	if d.Engine.URL == "" || !s.Can(client.Engine, graft.PermitRead) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	all, err := s.engine.Installations(ctx, "")
	if err != nil {
		return nil, err
	}
	named := map[string]*graft.Installation{}
	for i := range all {
		named[all[i].Name] = &all[i]
	}
	return named, nil
}
