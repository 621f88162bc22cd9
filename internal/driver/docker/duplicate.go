package docker

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// yieldTimeout is how long the creator of a network waits for the creators of
// others of that name to remove theirs.
const yieldTimeout = 2 * time.Second

// settleNetwork makes sure that one network of a name stays. Engines before API
// 1.44 let two clients create one each at the same time; every client then
// looks again and removes its own unless it is the oldest. A client that looked
// before another network could be seen keeps its own in good faith, even if
// that is the younger one; the oldest then gives way, after some time.
func (d *Driver) settleNetwork(ctx context.Context, api *client.Client, spec driver.NetworkSpec, own string) error {
	networks, err := d.networksNamed(ctx, api, spec.Name)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(networks), func(n network.Summary) bool { return n.ID == own })
	if len(others) < len(networks) { // own is there
		if len(others) == 0 || networks[0].ID == own && d.vanish(ctx, api, others) {
			return nil
		}
		if _, err := api.NetworkRemove(ctx, own, client.NetworkRemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
			return d.failed(api, err, "the second network %q can't be removed", spec.Name)
		}
	}
	if len(others) == 0 {
		return graft.Errorf(graft.CodeUnavailable, "network %q was removed while it was created: try again", spec.Name)
	}
	return sameLabels("network", spec.Name, spec.Labels, others[0].Labels)
}

// vanish waits for networks to be removed, and tells whether they were.
func (d *Driver) vanish(ctx context.Context, api *client.Client, networks []network.Summary) bool {
	ctx, cancel := context.WithTimeout(ctx, yieldTimeout)
	defer cancel()
	left := map[string]bool{}
	since := networks[0].Created
	for _, n := range networks {
		left[n.ID] = true
	}
	stream := api.Events(ctx, client.EventsListOptions{
		Since:   unixTime(since), // the removal may have come before the request
		Filters: client.Filters{}.Add("type", "network").Add("event", "destroy"),
	})
	for {
		select {
		case message := <-stream.Messages:
			delete(left, message.Actor.ID)
			if len(left) == 0 {
				return true
			}
		case err := <-stream.Err:
			d.log.Debug("other networks of the name stay", "network", networks[0].Name, "err", err)
			return false
		}
	}
}

// networksNamed returns the networks of exactly that name, the oldest first.
func (d *Driver) networksNamed(ctx context.Context, api *client.Client, name string) ([]network.Summary, error) {
	list, err := api.NetworkList(ctx, client.NetworkListOptions{Filters: client.Filters{}.Add("name", name)})
	if err != nil {
		return nil, d.failed(api, err, "Docker's networks can't be listed")
	}
	named := slices.DeleteFunc(list.Items, func(n network.Summary) bool { return n.Name != name })
	slices.SortFunc(named, func(a, b network.Summary) int {
		if order := a.Created.Compare(b.Created); order != 0 {
			return order
		}
		return strings.Compare(a.ID, b.ID)
	})
	return named, nil
}
