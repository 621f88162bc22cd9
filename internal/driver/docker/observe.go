package docker

import (
	"context"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// inspections is how many containers are inspected at a time.
const inspections = 8

// Observe implements driver.Driver.
func (d *Driver) Observe(ctx context.Context) (*driver.Snapshot, error) {
	api, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	snapshot := &driver.Snapshot{}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		snapshot.Containers, err = d.observeContainers(groupCtx, api)
		return err
	})
	group.Go(func() (err error) {
		snapshot.Networks, err = observeNetworks(groupCtx, api)
		return err
	})
	group.Go(func() (err error) {
		snapshot.Volumes, err = observeVolumes(groupCtx, api)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, d.failed(api, err, "Docker can't be observed")
	}
	return snapshot, nil
}

func (d *Driver) observeContainers(ctx context.Context, api *client.Client) ([]driver.Container, error) {
	mark := d.cache.begin()
	list, err := api.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return nil, err
	}
	containers := make([]*driver.Container, len(list.Items))
	ids := make(map[string]bool, len(list.Items))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(inspections)
	for i, item := range list.Items {
		ids[item.ID] = true
		summary := summarize(&item)
		if c, ok := d.cache.get(item.ID, summary); ok {
			containers[i] = &c
			continue
		}
		group.Go(func() error {
			c, err := inspect(groupCtx, api, item.ID)
			if err != nil || c == nil {
				return err
			}
			containers[i] = c
			d.cache.put(mark, summary, *c)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	d.cache.retain(ids)
	var observed []driver.Container
	for _, c := range containers {
		if c != nil {
			observed = append(observed, *c)
		}
	}
	if err := d.addDigests(ctx, api, mark, observed); err != nil {
		return nil, err
	}
	slices.SortFunc(observed, func(a, b driver.Container) int { return strings.Compare(a.Name, b.Name) })
	return observed, nil
}

// inspect returns a container, nil if it has vanished.
func inspect(ctx context.Context, api *client.Client, id string) (*driver.Container, error) {
	result, err := api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) {
		return nil, nil //nolint:nilnil // gone is no error, and there is nothing to return
	}
	if err != nil {
		return nil, err
	}
	c := convert(&result.Container)
	c.Record = result.Raw
	return &c, nil
}

// summarize puts into one string what the list says of a container and what, if
// it is different, tells that the container has changed.
func summarize(item *container.Summary) string {
	parts := append([]string{string(item.State), mark(item.Status)}, item.Names...)
	if item.NetworkSettings != nil {
		var networks []string
		for name, endpoint := range item.NetworkSettings.Networks {
			if endpoint != nil {
				name += "=" + endpoint.NetworkID + " " + endpoint.EndpointID + " " + address(endpoint.IPAddress)
			}
			networks = append(networks, name)
		}
		slices.Sort(networks)
		parts = append(parts, networks...)
	}
	return strings.Join(parts, "\n")
}

// mark returns the part of a status such as "Up 2 minutes (healthy)" or "Exited
// (1) 3 hours ago" that does not change by itself.
func mark(status string) string {
	_, rest, _ := strings.Cut(status, "(")
	inside, _, _ := strings.Cut(rest, ")")
	return inside
}

func observeNetworks(ctx context.Context, api *client.Client) ([]driver.Network, error) {
	list, err := api.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return nil, err
	}
	networks := make([]driver.Network, len(list.Items))
	for i, n := range list.Items {
		networks[i] = driver.Network{ID: n.ID, Name: n.Name, Driver: n.Driver, Internal: n.Internal, EnableIPv6: n.EnableIPv6, Labels: n.Labels}
	}
	slices.SortFunc(networks, func(a, b driver.Network) int { return strings.Compare(a.Name+"\n"+a.ID, b.Name+"\n"+b.ID) })
	return networks, nil
}

func observeVolumes(ctx context.Context, api *client.Client) ([]driver.Volume, error) {
	list, err := api.VolumeList(ctx, client.VolumeListOptions{})
	if err != nil {
		return nil, err
	}
	volumes := make([]driver.Volume, len(list.Items))
	for i, v := range list.Items {
		volumes[i] = driver.Volume{Name: v.Name, Driver: v.Driver, DriverOpts: v.Options, Labels: v.Labels}
	}
	slices.SortFunc(volumes, func(a, b driver.Volume) int { return strings.Compare(a.Name, b.Name) })
	return volumes, nil
}
