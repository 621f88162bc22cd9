package docker

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// CreateNetwork implements driver.Driver.
func (d *Driver) CreateNetwork(ctx context.Context, spec driver.NetworkSpec) error {
	api, err := d.connect(ctx)
	if err != nil {
		return err
	}
	existing, err := d.networksNamed(ctx, api, spec.Name)
	if err != nil {
		return err
	}
	if len(existing) > 0 {
		return sameLabels("network", spec.Name, spec.Labels, existing[0].Labels)
	}
	options := client.NetworkCreateOptions{
		Driver: spec.Driver, EnableIPv6: &spec.EnableIPv6, Internal: spec.Internal, Labels: spec.Labels,
	}
	created, err := api.NetworkCreate(ctx, spec.Name, options)
	if err != nil && strings.Contains(err.Error(), "IPv6 address pool") { // Docker before 27 has none by default
		options.IPAM = &network.IPAM{Config: []network.IPAMConfig{{Subnet: localIPv6(spec.Name)}}}
		created, err = api.NetworkCreate(ctx, spec.Name, options)
	}
	switch {
	case errdefs.IsConflict(err): // newer Engines; somebody was faster
		return d.settleNetwork(ctx, api, spec, "")
	case errdefs.IsNotFound(err) && strings.Contains(err.Error(), "plugin"):
		return graft.Errorf(graft.CodeInvalid, "network %q wants the network driver %q, which this Docker does not have", spec.Name, spec.Driver)
	case err != nil:
		return d.failed(api, err, "network %q can't be created", spec.Name)
	}
	return d.settleNetwork(ctx, api, spec, created.ID)
}

// localIPv6 returns a unique local subnet (RFC 4193) for a network: as good as
// random, and the same for the same name.
func localIPv6(name string) netip.Prefix {
	sum := sha256.Sum256([]byte(name))
	address := [16]byte{0: 0xfd}
	copy(address[1:8], sum[:])
	return netip.PrefixFrom(netip.AddrFrom16(address), 64)
}

// RemoveNetwork implements driver.Driver.
func (d *Driver) RemoveNetwork(ctx context.Context, idOrName string) error {
	api, err := d.connect(ctx)
	if err != nil {
		return err
	}
	networks, err := d.networksToRemove(ctx, api, idOrName)
	if err != nil {
		return err
	}
	for _, n := range networks {
		_, err := api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
		switch {
		case err == nil || errdefs.IsNotFound(err):
		case strings.Contains(err.Error(), "active endpoints"):
			return graft.Errorf(graft.CodeConflict, "network %q is still in use: %s", n.Name, words(err))
		default:
			return d.failed(api, err, "network %q can't be removed", n.Name)
		}
	}
	return nil
}

// networksToRemove returns the one network with that id or else all that have
// that name.
func (d *Driver) networksToRemove(ctx context.Context, api *client.Client, idOrName string) ([]network.Summary, error) {
	list, err := api.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return nil, d.failed(api, err, "Docker's networks can't be listed")
	}
	if i := slices.IndexFunc(list.Items, func(n network.Summary) bool { return n.ID == idOrName }); i >= 0 {
		return list.Items[i : i+1], nil
	}
	return slices.DeleteFunc(list.Items, func(n network.Summary) bool { return n.Name != idOrName }), nil
}

// CreateVolume implements driver.Driver.
func (d *Driver) CreateVolume(ctx context.Context, spec driver.VolumeSpec) error {
	api, err := d.connect(ctx)
	if err != nil {
		return err
	}
	existing, err := api.VolumeInspect(ctx, spec.Name, client.VolumeInspectOptions{})
	if err == nil {
		return sameLabels("volume", spec.Name, spec.Labels, existing.Volume.Labels)
	}
	if !errdefs.IsNotFound(err) {
		return d.failed(api, err, "volume %q can't be looked up", spec.Name)
	}
	if err := d.checkVolumeDriver(ctx, api, spec); err != nil {
		return err
	}
	created, err := api.VolumeCreate(ctx, client.VolumeCreateOptions{
		Name: spec.Name, Driver: spec.Driver, DriverOpts: spec.DriverOpts, Labels: spec.Labels,
	})
	if err != nil {
		return d.failed(api, err, "volume %q can't be created", spec.Name)
	}
	// Docker returns the volume that somebody else created meanwhile.
	return sameLabels("volume", spec.Name, spec.Labels, created.Volume.Labels)
}

// checkVolumeDriver refuses a driver that Docker does not have: Docker itself
// would look for it for 15 seconds.
func (d *Driver) checkVolumeDriver(ctx context.Context, api *client.Client, spec driver.VolumeSpec) error {
	if spec.Driver == "" || spec.Driver == "local" {
		return nil
	}
	info, err := api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return d.failed(api, err, "Docker's volume drivers can't be listed")
	}
	drivers := info.Info.Plugins.Volume
	if slices.Contains(drivers, spec.Driver) || slices.Contains(drivers, spec.Driver+":latest") {
		return nil
	}
	return graft.Errorf(graft.CodeInvalid, "volume %q wants the volume driver %q, which this Docker does not have: it has %s",
		spec.Name, spec.Driver, strings.Join(drivers, ", "))
}

// RemoveVolume implements driver.Driver.
func (d *Driver) RemoveVolume(ctx context.Context, name string) error {
	api, err := d.connect(ctx)
	if err != nil {
		return err
	}
	_, err = api.VolumeRemove(ctx, name, client.VolumeRemoveOptions{})
	switch {
	case err == nil || errdefs.IsNotFound(err):
		return nil
	case errdefs.IsConflict(err):
		return graft.Errorf(graft.CodeConflict, "volume %q is still in use: %s", name, words(err))
	}
	return d.failed(api, err, "volume %q can't be removed", name)
}

// sameLabels tells whether what exists may be taken for what was asked for.
func sameLabels(kind, name string, want, have map[string]string) error {
	for key, value := range want {
		if got, ok := have[key]; !ok || got != value {
			return graft.Errorf(graft.CodeConflict, "a %s %q exists already and is not ours: its label %s is %q, not %q",
				kind, name, key, got, value)
		}
	}
	return nil
}
