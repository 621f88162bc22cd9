package docker

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/graftplatform/graft"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// canJoin tells whether a running container can be connected to a network, or
// whether an address or a host port that it would get there is taken. Docker
// itself finds out too late, and then can't undo what it began.
func (d *Driver) canJoin(ctx context.Context, api *client.Client, c *container.InspectResponse, to *network.Summary,
	settings *network.EndpointSettings,
) error {
	if err := d.addressesFree(ctx, api, c.ID, to, settings.IPAMConfig); err != nil {
		return err
	}
	if to.Internal || publishes(c) {
		return nil
	}
	return d.portsFree(ctx, api, c)
}

// publishes is whether a container's ports are published just now. Another
// network changes nothing about that.
func publishes(c *container.InspectResponse) bool {
	if c.NetworkSettings == nil {
		return false
	}
	for _, bindings := range c.NetworkSettings.Ports {
		if len(bindings) > 0 {
			return true
		}
	}
	return false
}

// addressesFree tells whether nobody else has the configured addresses.
func (d *Driver) addressesFree(ctx context.Context, api *client.Client, id string, to *network.Summary, config *network.EndpointIPAMConfig) error {
	if config == nil || !config.IPv4Address.IsValid() && !config.IPv6Address.IsValid() {
		return nil
	}
	result, err := api.NetworkInspect(ctx, to.ID, client.NetworkInspectOptions{})
	if err != nil {
		return d.failed(api, err, "network %q can't be looked up", to.Name)
	}
	for other, theirs := range result.Network.Containers {
		if other == id {
			continue
		}
		for _, ip := range []string{address(theirs.IPv4Address.Addr()), address(theirs.IPv6Address.Addr())} {
			if ip != "" && (ip == address(config.IPv4Address) || ip == address(config.IPv6Address)) {
				return graft.Errorf(graft.CodeConflict, "container %s can't be connected to network %q: container %q has the address %s",
					short(id), to.Name, theirs.Name, ip)
			}
		}
	}
	return nil
}

// portsFree tells whether no other container publishes a host port that this
// one is configured with.
func (d *Driver) portsFree(ctx context.Context, api *client.Client, c *container.InspectResponse) error {
	if c.HostConfig == nil {
		return nil
	}
	ours := ports(c.HostConfig.PortBindings)
	if len(ours) == 0 {
		return nil
	}
	list, err := api.ContainerList(ctx, client.ContainerListOptions{})
	if err != nil {
		return d.failed(api, err, "the published ports can't be listed")
	}
	for _, other := range list.Items {
		if other.ID == c.ID {
			continue
		}
		for _, p := range ours {
			if slices.ContainsFunc(other.Ports, func(theirs container.PortSummary) bool { return collides(p.HostIP, p.HostPort, p.Protocol, theirs) }) {
				return graft.Errorf(graft.CodeConflict, "container %s can't publish host port %d: container %q has it",
					short(c.ID), p.HostPort, strings.TrimPrefix(strings.Join(other.Names, ", "), "/"))
			}
		}
	}
	return nil
}

func collides(ip string, port uint16, protocol string, theirs container.PortSummary) bool {
	return port != 0 && port == theirs.PublicPort && protocol == theirs.Type &&
		(ip == "" || !theirs.IP.IsValid() || theirs.IP.IsUnspecified() || ip == "0.0.0.0" || ip == "::" || ip == theirs.IP.String())
}

// joinFailed explains why a container could not be connected.
func (d *Driver) joinFailed(api *client.Client, err error, id, name string) error {
	if port := portTaken(err); port != "" {
		return graft.Errorf(graft.CodeConflict, "container %s can't be connected to network %q: %s is already in use: free it",
			short(id), name, hostPort(port))
	}
	if addressTaken(err) {
		return graft.Errorf(graft.CodeConflict, "container %s can't be connected to network %q: its address there is already in use: free it",
			short(id), name)
	}
	return d.failed(api, err, "container %s can't be connected to network %q", short(id), name)
}

// hostPort is what portTaken says in words.
func hostPort(port string) string {
	if _, err := strconv.Atoi(port); err != nil {
		return "one of its host ports"
	}
	return "host port " + port
}

// addressTaken tells whether another endpoint has the address that was wanted.
// Docker spells it like that; a port's address is in lower case.
func addressTaken(err error) bool { return strings.Contains(err.Error(), "Address already in use") }

// leaveFailed explains why a container could not be disconnected. A network that
// is gone is no reason.
func (d *Driver) leaveFailed(api *client.Client, err error, id, name string) error {
	if errdefs.IsNotFound(err) {
		return graft.Errorf(graft.CodeNotFound, "container %s or network %q does not exist", short(id), name)
	}
	return d.failed(api, err, "container %s can't be disconnected from network %q", short(id), name)
}
