package client

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/graftplatform/graft"
)

const addonsPath = "/api/v1/marketplace/addons"

// Publish sends a descriptor, as JSON, to the marketplace. The addon comes back
// under review; WaitAddon tells what became of it.
func (c *Client) Publish(ctx context.Context, descriptor []byte) (*graft.Addon, error) {
	// A nil body would be sent as none at all.
	r := send(Marketplace, http.MethodPost, addonsPath, append([]byte{}, descriptor...))
	return c.addon(ctx, r, "")
}

// Addon returns an addon, whatever its status.
func (c *Client) Addon(ctx context.Context, id string) (*graft.Addon, error) {
	path, err := idPath(addonsPath, "addon", id)
	if err != nil {
		return nil, err
	}
	return c.addon(ctx, get(Marketplace, path, nil), id)
}

// Addons returns the approved addons of that name, all approved ones when it is
// empty.
func (c *Client) Addons(ctx context.Context, name string) ([]graft.Addon, error) {
	query := url.Values{}
	if name != "" {
		query.Set("name", name)
	}
	r := get(Marketplace, addonsPath, query)
	r.limit = maxList
	var addons []graft.Addon
	if _, err := c.call(ctx, r, &addons); err != nil {
		return nil, err
	}
	return addons, nil
}

// Search returns a page of the addons that a query chooses; its Limit is 0 for as
// many as a page can have.
func (c *Client) Search(ctx context.Context, q graft.AddonQuery) (*graft.AddonPage, error) {
	query := url.Values{"limit": {strconv.Itoa(cmp.Or(q.Limit, graft.MaxPage))}}
	for name, value := range map[string]string{
		"q": q.Text, "name": q.Name, "kind": string(q.Kind), "replaces": q.Replaces, "plane": string(q.Plane),
		"platform": q.Platform, "publisher": q.Publisher, "status": string(q.Status), "sort": string(q.Sort), "cursor": q.Cursor,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if q.Latest {
		query.Set("latest", "true")
	}
	if q.Waiting {
		query.Set("waiting", "true")
	}
	r := get(Marketplace, addonsPath, query)
	r.limit = maxList
	var page graft.AddonPage
	_, header, err := c.exchange(ctx, r, &page.Addons)
	if err != nil {
		return nil, err
	}
	page.Next = nextCursor(header.Get("Link"))
	return &page, nil
}

// nextCursor returns the cursor in a header such as <…?cursor=abc>; rel="next".
func nextCursor(link string) string {
	address, ok := strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	if !ok {
		return ""
	}
	next, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return next.Query().Get("cursor")
}

// WaitAddon returns the addon as soon as its revision is beyond since, or as it
// is after half a minute.
func (c *Client) WaitAddon(ctx context.Context, id string, since int64) (*graft.Addon, error) {
	path, err := idPath(addonsPath, "addon", id)
	if err != nil {
		return nil, err
	}
	return poll(ctx, func(ctx context.Context) (*graft.Addon, int64, error) {
		addon, err := c.addon(ctx, long(get(Marketplace, path, nil), since), id)
		if err != nil {
			return nil, 0, err
		}
		return addon, addon.Revision, nil
	}, since)
}

// DeleteAddon removes an addon from the marketplace. Installations of it stay.
func (c *Client) DeleteAddon(ctx context.Context, id string) error {
	path, err := idPath(addonsPath, "addon", id)
	if err != nil {
		return err
	}
	var nothing any
	_, err = c.call(ctx, send(Marketplace, http.MethodDelete, path, nil), &nothing)
	return err
}

// addon sends r and checks that the answer is an addon, and the one of that id
// unless id is empty.
func (c *Client) addon(ctx context.Context, r request, id string) (*graft.Addon, error) {
	var addon graft.Addon
	if _, err := c.call(ctx, r, &addon); err != nil {
		return nil, err
	}
	if _, ok := graft.ParseID(addon.ID); !ok || id != "" && !strings.EqualFold(addon.ID, id) {
		return nil, graft.Errorf(graft.CodeUpstream, "the %s answers with something else than that addon: check its URL", c.where(r.server))
	}
	return &addon, nil
}

// idPath is the path of one document. An id that can't be one is not sent: it
// would lead to other paths.
func idPath(collection, kind, id string) (string, error) {
	parsed, ok := graft.ParseID(id)
	if !ok {
		return "", graft.Errorf(graft.CodeNotFound, "there is no %s %q: ids have 24 hex digits", kind, id)
	}
	return collection + "/" + parsed, nil
}
