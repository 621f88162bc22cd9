package docker

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
)

// blueprint is what a container is made again from: the part of its record that
// was asked for, without what Docker made of it.
type blueprint struct {
	config  *container.Config
	host    *container.HostConfig
	imageID string
	mounts  []container.MountPoint

	// The primary endpoint is the first of both. Host, none and another
	// container's network have no endpoints.
	endpoints []driver.Endpoint
	settings  []*network.EndpointSettings
}

// readRecord reads what inspect put into a driver.Container.
func readRecord(record json.RawMessage) (*blueprint, error) {
	var was container.InspectResponse
	if err := json.Unmarshal(record, &was); err != nil {
		return nil, graft.WrapError(graft.CodeInvalid, err, "the record of the container can't be read: it is not what Docker says of one")
	}
	if was.Config == nil || was.HostConfig == nil {
		return nil, graft.Errorf(graft.CodeInvalid, "the record of container %q can't be used: its configuration is not in it",
			strings.TrimPrefix(was.Name, "/"))
	}
	b := &blueprint{config: was.Config, host: was.HostConfig, imageID: was.Image, mounts: was.Mounts}
	b.clean(was.ID)
	if was.NetworkSettings != nil {
		b.connect(was.ID, was.NetworkSettings.Networks)
	}
	return b, nil
}

// clean removes from the configuration what Docker put there by itself, and
// would not take back.
func (b *blueprint) clean(id string) {
	mode := b.host.NetworkMode
	if generated(id, b.config.Hostname) || b.host.UTSMode.IsHost() || mode.IsContainer() {
		b.config.Hostname = ""
	}
	if mode.IsContainer() {
		b.config.ExposedPorts = nil // the image's; they belong to the other container
	}
	if len(b.config.Entrypoint) == 0 {
		b.config.Entrypoint = []string{""} // none, and not the image's
	}
}

// generated tells whether a host name or an alias is the short id that Docker
// gave the container.
func generated(id, name string) bool {
	return len(name) >= 12 && strings.HasPrefix(id, name)
}

// connect takes over the networks, the primary one first. Operational data and
// the MAC address stay behind.
func (b *blueprint) connect(id string, networks map[string]*network.EndpointSettings) {
	mode := b.host.NetworkMode
	if mode.IsHost() || mode.IsNone() || mode.IsContainer() {
		return
	}
	b.endpoints = endpoints(id, networks)
	if primary := slices.IndexFunc(b.endpoints, func(e driver.Endpoint) bool { return leadsTo(mode, e.Network, networks[e.Network]) }); primary >= 0 {
		first := b.endpoints[primary]
		b.endpoints = slices.Insert(slices.Delete(b.endpoints, primary, primary+1), 0, first)
	}
	for _, e := range b.endpoints {
		settings := &network.EndpointSettings{Aliases: e.Aliases}
		if was := networks[e.Network]; was != nil {
			settings.Links, settings.DriverOpts, settings.GwPriority = was.Links, was.DriverOpts, was.GwPriority
			settings.IPAMConfig = was.IPAMConfig
			// In their own order: the container is to be what it was.
			settings.Aliases = slices.DeleteFunc(slices.Clone(was.Aliases), func(alias string) bool { return generated(id, alias) })
		}
		b.settings = append(b.settings, settings)
	}
	if len(b.endpoints) > 0 && !leadsTo(mode, b.endpoints[0].Network, nil) { // an id, or a network that it has left
		b.host.NetworkMode = container.NetworkMode(b.endpoints[0].Network)
	}
}

// leadsTo is whether a mode means that network, whose settings may be nil.
func leadsTo(mode container.NetworkMode, name string, settings *network.EndpointSettings) bool {
	if mode == "" || mode.IsDefault() {
		return name == network.NetworkBridge
	}
	return string(mode) == name || settings != nil && settings.NetworkID == string(mode)
}

// networking is the primary endpoint, as the creation of a container wants it.
func (b *blueprint) networking() *network.NetworkingConfig {
	if len(b.endpoints) == 0 {
		return nil
	}
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
		b.endpoints[0].Network: b.settings[0],
	}}
}

// anonymous returns the volumes whose names Docker chose, so that no part of
// the configuration has them.
func (b *blueprint) anonymous() []container.MountPoint {
	named := map[string]bool{}
	for _, bind := range b.host.Binds {
		if _, rest, ok := strings.Cut(bind, ":"); ok {
			target, _, _ := strings.Cut(rest, ":")
			named[path.Clean(target)] = true
		}
	}
	for _, m := range b.host.Mounts {
		if m.Source != "" {
			named[path.Clean(m.Target)] = true
		}
	}
	var out []container.MountPoint
	for _, m := range b.mounts {
		if m.Type == mount.TypeVolume && m.Name != "" && !named[path.Clean(m.Destination)] {
			out = append(out, m)
		}
	}
	return out
}

// keep names an anonymous volume, so that the container gets that one and not a
// new one.
func (b *blueprint) keep(volume container.MountPoint) {
	target := path.Clean(volume.Destination)
	for i, m := range b.host.Mounts {
		if path.Clean(m.Target) == target {
			b.host.Mounts[i].Source = volume.Name
			return
		}
	}
	b.host.Binds = slices.DeleteFunc(b.host.Binds, func(bind string) bool { return path.Clean(bind) == target })
	b.host.Mounts = append(b.host.Mounts, mount.Mount{
		Type: mount.TypeVolume, Source: volume.Name, Target: target, ReadOnly: !volume.RW,
	})
}
