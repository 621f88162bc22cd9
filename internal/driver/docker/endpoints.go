package docker

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// Connect implements driver.Driver.
func (d *Driver) Connect(ctx context.Context, id string, endpoint driver.Endpoint) error {
	settings, err := settings(endpoint)
	if err != nil {
		return err
	}
	return d.addEndpoint(ctx, id, endpoint.Network, settings)
}

// Reconnect implements driver.Driver.
func (d *Driver) Reconnect(ctx context.Context, id string, record json.RawMessage, network string) error {
	settings, err := recordedSettings(id, record, network)
	if err != nil {
		return err
	}
	return d.addEndpoint(ctx, id, network, settings)
}

// recordedSettings returns the settings that a record has of a network.
func recordedSettings(id string, record json.RawMessage, name string) (*network.EndpointSettings, error) {
	b, err := readRecord(record)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(b.endpoints, func(e driver.Endpoint) bool { return e.Network == name })
	if i < 0 {
		return nil, graft.Errorf(graft.CodeInvalid,
			"container %q can't go back to network %q: by its record it was not on it", id, name)
	}
	return b.settings[i], nil
}

// addEndpoint connects a container to a network unless it is on it already.
func (d *Driver) addEndpoint(ctx context.Context, id, name string, settings *network.EndpointSettings) error {
	return d.withContainer(ctx, id, func(api *client.Client, found string) error {
		defer d.cache.changed(id)
		// At a time: a component's clients may be waiting.
		var to *network.Summary
		var result client.ContainerInspectResult
		group, groupCtx := errgroup.WithContext(ctx)
		group.Go(func() (err error) {
			to, err = d.findNetwork(groupCtx, api, name)
			return err
		})
		group.Go(func() (err error) {
			if result, err = api.ContainerInspect(groupCtx, found, client.ContainerInspectOptions{}); err != nil {
				return d.failed(api, err, "container %q can't be connected to network %q", id, name)
			}
			return nil
		})
		if err := group.Wait(); err != nil {
			return err
		}
		c := &result.Container
		if endpointOf(c, name) != nil {
			return nil
		}
		join := func() error { return d.join(ctx, api, c.ID, to.ID, name, settings) }
		switch {
		case restarting(c):
			// Docker would connect what is not there, and never take back the
			// ports that it publishes for it.
			return d.whileStopped(ctx, api, c.ID, join)
		case !running(c):
			return join()
		}
		if err := d.canJoin(ctx, api, c, to, settings); err != nil {
			return err
		}
		err := join()
		if err != nil {
			d.undoJoin(ctx, api, c.ID, name)
		}
		return err
	})
}

// undoJoin removes what is left of an endpoint that a running container could
// not get. Docker 20.10 leaves its address inside of the container, where it
// blocks every later try until the container is started anew.
func (d *Driver) undoJoin(ctx context.Context, api *client.Client, id, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if err := d.leave(ctx, api, id, name); err != nil {
		d.log.Warn("an incomplete endpoint is left behind", "container", id, "network", name, "err", err)
	}
}

// endpointOf returns a container's endpoint on a network, nil if it has none.
func endpointOf(c *container.InspectResponse, name string) *network.EndpointSettings {
	if c.NetworkSettings == nil {
		return nil
	}
	return c.NetworkSettings.Networks[name]
}

// allSettings puts endpoints into Docker's words.
func allSettings(endpoints []driver.Endpoint) ([]*network.EndpointSettings, error) {
	out := make([]*network.EndpointSettings, len(endpoints))
	for i, e := range endpoints {
		var err error
		if out[i], err = settings(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// settings is an endpoint in Docker's words.
func settings(e driver.Endpoint) (*network.EndpointSettings, error) {
	out := &network.EndpointSettings{Aliases: e.Aliases}
	v4, err := parseAddress(e.Network, e.IPv4Address)
	if err != nil {
		return nil, err
	}
	v6, err := parseAddress(e.Network, e.IPv6Address)
	if err != nil {
		return nil, err
	}
	if v4.IsValid() || v6.IsValid() {
		out.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: v4, IPv6Address: v6}
	}
	return out, nil
}

// parseAddress reads a configured address; none is the zero Addr.
func parseAddress(network, text string) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return ip, graft.Errorf(graft.CodeInvalid, "the address %q on network %q is no IP address: write it like 10.0.0.7", text, network)
	}
	return ip, nil
}

func (d *Driver) join(ctx context.Context, api *client.Client, id, networkID, name string, settings *network.EndpointSettings) error {
	_, err := api.NetworkConnect(ctx, networkID, client.NetworkConnectOptions{Container: id, EndpointConfig: settings})
	if err != nil {
		return d.joinFailed(api, err, id, name)
	}
	return nil
}

// Disconnect implements driver.Driver.
func (d *Driver) Disconnect(ctx context.Context, id, name string) error {
	return unlessGone(d.withContainer(ctx, id, func(api *client.Client, found string) error {
		defer d.cache.changed(id)
		return d.leave(ctx, api, found, name)
	}))
}

// leave takes a container off a network, which may be gone.
func (d *Driver) leave(ctx context.Context, api *client.Client, id, name string) error {
	result, err := api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return d.leaveFailed(api, err, id, name)
	}
	endpoint := endpointOf(&result.Container, name)
	if endpoint == nil {
		return nil
	}
	byName := func() error {
		_, err := api.NetworkDisconnect(ctx, name, client.NetworkDisconnectOptions{Container: id, Force: true})
		if err != nil && !notConnected(err) {
			return d.leaveFailed(api, err, id, name)
		}
		return nil
	}
	switch {
	case restarting(&result.Container): // Docker refuses, since no endpoint is there just now
		return d.whileStopped(ctx, api, id, byName)
	case !running(&result.Container) || endpoint.NetworkID == "":
		return byName()
	}
	// The id, since another network may have the same name.
	_, err = api.NetworkDisconnect(ctx, endpoint.NetworkID, client.NetworkDisconnectOptions{Container: id, Force: true})
	if err != nil && notConnected(err) {
		// It has ended meanwhile, or the endpoint is one that never came to be.
		return d.whileStopped(ctx, api, id, byName)
	}
	if err != nil {
		return d.leaveFailed(api, err, id, name)
	}
	return nil
}

func notConnected(err error) bool { return strings.Contains(err.Error(), "is not connected to") }

// whileStopped calls fn while a container does not run, and then starts it again
// if it did or was about to.
func (d *Driver) whileStopped(ctx context.Context, api *client.Client, id string, fn func() error) error {
	result, err := api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return d.failed(api, err, "container %s can't be looked up", short(id))
	}
	if !running(&result.Container) && !restarting(&result.Container) {
		return fn()
	}
	if host := result.Container.HostConfig; host != nil && host.AutoRemove {
		return graft.Errorf(graft.CodeConflict,
			"the networks of container %s can't be changed without stopping it, and it is removed when it stops", short(id))
	}
	if _, err := api.ContainerStop(ctx, id, client.ContainerStopOptions{}); err != nil {
		return d.failed(api, err, "container %s can't be stopped to change its networks", short(id))
	}
	changed := fn()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if _, err := api.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		// It is as if its next restart had failed; that is to be seen in its state.
		d.log.Warn("a container that was stopped to change its networks does not start again", "container", id, "err", err)
	}
	return changed
}

// running is whether a container's process is there, so that its endpoints are.
// Docker calls those running, too, that wait for their restart.
func running(c *container.InspectResponse) bool {
	return c.State != nil && c.State.Running && !c.State.Restarting
}

// restarting is whether a container waits for its restart.
func restarting(c *container.InspectResponse) bool { return c.State != nil && c.State.Restarting }

// findNetwork returns the network of that name.
func (d *Driver) findNetwork(ctx context.Context, api *client.Client, name string) (*network.Summary, error) {
	list, err := api.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return nil, d.failed(api, err, "Docker's networks can't be listed")
	}
	return networkIn(list.Items, name)
}

// networkIDs returns the ids of the endpoints' networks.
func (d *Driver) networkIDs(ctx context.Context, api *client.Client, endpoints []driver.Endpoint) ([]string, error) {
	list, err := api.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return nil, d.failed(api, err, "Docker's networks can't be listed")
	}
	ids := make([]string, len(endpoints))
	for i, endpoint := range endpoints {
		n, err := networkIn(list.Items, endpoint.Network)
		if err != nil {
			return nil, err
		}
		ids[i] = n.ID
	}
	return ids, nil
}

func networkIn(list []network.Summary, name string) (*network.Summary, error) {
	i := slices.IndexFunc(list, func(n network.Summary) bool { return n.Name == name })
	if i < 0 {
		return nil, graft.Errorf(graft.CodeNotFound, "there is no network %q: create it first", name)
	}
	return &list[i], nil
}
