package fake

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// Connect implements driver.Driver.
func (d *Driver) Connect(ctx context.Context, id string, endpoint driver.Endpoint) error {
	return d.call(ctx, "connect", d.nameOf(id)+" "+endpoint.Network, func() error {
		return d.connect(id, endpoint)
	})
}

// Reconnect implements driver.Driver.
func (d *Driver) Reconnect(ctx context.Context, id string, written json.RawMessage, network string) error {
	return d.call(ctx, "reconnect", d.nameOf(id)+" "+network, func() error {
		r, err := readRecord(written)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(r.Endpoints, func(e driver.Endpoint) bool { return e.Network == network })
		if i < 0 {
			return graft.Errorf(graft.CodeInvalid, "container %q can't go back to network %q: by its record it was not on it", id, network)
		}
		return d.connect(id, r.Endpoints[i])
	})
}

func (d *Driver) connect(id string, endpoint driver.Endpoint) error {
	c, err := d.mustFind(id)
	if err != nil {
		return err
	}
	network, ok := d.networks[endpoint.Network]
	if !ok {
		return errNoNetwork(endpoint.Network)
	}
	if c.endpoint(endpoint.Network) >= 0 {
		return nil
	}
	if _, err := netip.ParseAddr(cmp.Or(endpoint.IPv4Address, "0.0.0.0")); err != nil {
		return graft.Errorf(graft.CodeInvalid, "the address %q on network %q is no IP address", endpoint.IPv4Address, endpoint.Network)
	}
	endpoint = endpointOf(endpoint)
	if c.Running() {
		if err := d.canJoin(c, []driver.Endpoint{endpoint}); err != nil {
			return err
		}
		d.join(c, endpoint)
	}
	c.Endpoints = append(c.Endpoints, endpoint)
	d.emit("network", "connect", network.ID, network.Name)
	return nil
}

// Disconnect implements driver.Driver.
func (d *Driver) Disconnect(ctx context.Context, id, network string) error {
	return d.call(ctx, "disconnect", d.nameOf(id)+" "+network, func() error {
		c := d.find(id)
		if c == nil {
			return nil
		}
		if i := c.endpoint(network); i >= 0 {
			c.Endpoints = slices.Delete(c.Endpoints, i, i+1)
			delete(c.live, network)
			delete(c.lastOn, network)
			// Ports that are published stay so on any network that is left,
			// even on an internal one.
			c.published = c.published && len(c.live) > 0
			d.emit("network", "disconnect", d.networks[network].ID, network)
		}
		return nil
	})
}

func (c *container) endpoint(network string) int {
	return slices.IndexFunc(c.Endpoints, func(e driver.Endpoint) bool { return e.Network == network })
}

// endpointOf returns e as it is reported: aliases sorted.
func endpointOf(e driver.Endpoint) driver.Endpoint {
	e.Aliases = slices.Clone(e.Aliases)
	slices.Sort(e.Aliases)
	e.Aliases = slices.Compact(e.Aliases)
	return e
}

// canJoin tells whether a container can be on these networks while it runs: they
// are there, and what it would get is free.
func (d *Driver) canJoin(c *container, endpoints []driver.Endpoint) error {
	publish := false
	for _, e := range endpoints {
		network, ok := d.networks[e.Network]
		if !ok {
			return errNoNetwork(e.Network)
		}
		if by := d.holder(c, e); by != nil {
			return graft.Errorf(graft.CodeConflict, "container %q can't be on network %q: container %q has the address %s",
				c.Name, e.Network, by.Name, e.IPv4Address)
		}
		publish = publish || publishes(network)
	}
	if !publish || c.published {
		return nil
	}
	return d.portsFree(c)
}

// publishes is whether containers publish their ports when they join it.
func publishes(n driver.Network) bool {
	return !n.Internal && n.Driver != "host" && n.Driver != "null"
}

// holder returns the other container that has the address that an endpoint is
// configured with.
func (d *Driver) holder(c *container, e driver.Endpoint) *container {
	if e.IPv4Address == "" {
		return nil
	}
	for _, other := range d.containers {
		if other != c && other.live[e.Network] == e.IPv4Address {
			return other
		}
	}
	return nil
}

func (d *Driver) portsFree(c *container) error {
	for _, other := range d.containers {
		if other == c || !other.published {
			continue
		}
		for _, theirs := range other.Ports {
			for _, ours := range c.Ports {
				if collide(ours, theirs) {
					return graft.Errorf(graft.CodeConflict, "host port %d is already in use: container %q has it",
						ours.HostPort, other.Name)
				}
			}
		}
	}
	return nil
}

func collide(a, b driver.Port) bool {
	everywhere := func(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "::" }
	return a.HostPort != 0 && a.HostPort == b.HostPort && cmp.Or(a.Protocol, "tcp") == cmp.Or(b.Protocol, "tcp") &&
		(a.HostIP == b.HostIP || everywhere(a.HostIP) || everywhere(b.HostIP))
}

// join gives a running container what it gets on a network.
func (d *Driver) join(c *container, e driver.Endpoint) {
	if c.live == nil {
		c.live = map[string]string{}
	}
	if c.lastOn == nil {
		c.lastOn = map[string]string{}
	}
	network := d.networks[e.Network]
	c.lastOn[e.Network] = network.ID
	c.live[e.Network] = "" // host and none have no addresses
	if network.Driver != "host" && network.Driver != "null" {
		c.live[e.Network] = cmp.Or(e.IPv4Address, d.newAddress())
	}
	c.published = c.published || publishes(network)
}

// newAddress returns one that no endpoint has.
func (d *Driver) newAddress() string {
	for {
		d.addresses++
		address := fmt.Sprintf("10.%d.%d.%d", d.addresses>>16&0xff, d.addresses>>8&0xff, d.addresses&0xff)
		taken := func(c *container) bool {
			return slices.Contains(slices.Collect(maps.Values(c.live)), address)
		}
		if !slices.ContainsFunc(slices.Collect(maps.Values(d.containers)), taken) {
			return address
		}
	}
}

// Owners returns the names of the running containers that answer to a name on a
// network: it is theirs, or an alias of their endpoint.
func (d *Driver) Owners(network, name string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var owners []string
	for _, c := range d.containers {
		if _, on := c.live[network]; !on {
			continue
		}
		if c.Name == name || slices.Contains(c.Endpoints[c.endpoint(network)].Aliases, name) {
			owners = append(owners, c.Name)
		}
	}
	slices.Sort(owners)
	return owners
}

// Publishers returns the names of the containers that publish a host port just
// now.
func (d *Driver) Publishers(hostPort uint16) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var publishers []string
	for _, c := range d.containers {
		if c.published && slices.ContainsFunc(c.Ports, func(p driver.Port) bool { return p.HostPort == hostPort }) {
			publishers = append(publishers, c.Name)
		}
	}
	slices.Sort(publishers)
	return publishers
}

func errNoNetwork(name string) error {
	return graft.Errorf(graft.CodeNotFound, "there is no network %q: create it first", name)
}
