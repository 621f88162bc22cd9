package fake

import (
	"context"
	"maps"
	"slices"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// Pull implements driver.Driver.
func (d *Driver) Pull(ctx context.Context, image string, progress func(driver.PullProgress)) error {
	pulled := false
	err := d.call(ctx, "pull", image, func() error {
		if d.present[image] {
			return nil
		}
		_, known := d.images[image]
		if _, all := d.images[AnyImage]; !known && !all {
			return graft.Errorf(graft.CodeNotFound, "image %s does not exist in its registry", image)
		}
		d.present[image], pulled = true, true
		return nil
	})
	if err == nil && pulled && progress != nil {
		progress(driver.PullProgress{LayersDone: 1, Layers: 1, BytesDone: 1, Bytes: 1})
	}
	return err
}

// RemoveImage removes an image that was pulled, as "docker image prune" does.
func (d *Driver) RemoveImage(image string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.present, image)
}

// AddNetwork puts a network there that nobody created through the driver, and
// returns its id.
func (d *Driver) AddNetwork(n driver.Network) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n.ID == "" {
		n.ID = d.newID()
	}
	d.networks[n.Name] = n
	d.emit("network", "create", n.ID, n.Name)
	return n.ID
}

// CreateNetwork implements driver.Driver.
func (d *Driver) CreateNetwork(ctx context.Context, spec driver.NetworkSpec) error {
	return d.call(ctx, "create-network", spec.Name, func() error {
		if n, ok := d.networks[spec.Name]; ok {
			return sameLabels("network", spec.Name, spec.Labels, n.Labels)
		}
		n := driver.Network{ID: d.newID(), Name: spec.Name, Driver: spec.Driver, Internal: spec.Internal, EnableIPv6: spec.EnableIPv6, Labels: maps.Clone(spec.Labels)}
		d.networks[spec.Name] = n
		d.emit("network", "create", n.ID, n.Name)
		return nil
	})
}

// RemoveNetwork implements driver.Driver.
func (d *Driver) RemoveNetwork(ctx context.Context, idOrName string) error {
	return d.call(ctx, "remove-network", d.networkName(idOrName), func() error {
		n, ok := d.network(idOrName)
		if !ok {
			return nil
		}
		for _, c := range d.containers {
			if c.Running() && c.lastOn[n.Name] == n.ID {
				return graft.Errorf(graft.CodeConflict, "network %q is still in use: container %q is on it", n.Name, c.Name)
			}
		}
		delete(d.networks, n.Name)
		d.emit("network", "destroy", n.ID, n.Name)
		return nil
	})
}

// network returns the network with that id or name.
func (d *Driver) network(idOrName string) (driver.Network, bool) {
	for _, n := range d.networks {
		if n.ID == idOrName {
			return n, true
		}
	}
	n, ok := d.networks[idOrName]
	return n, ok
}

// networkName is what Calls calls a network.
func (d *Driver) networkName(idOrName string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n, ok := d.network(idOrName); ok {
		return n.Name
	}
	return idOrName
}

// CreateVolume implements driver.Driver. The only volume driver is local.
func (d *Driver) CreateVolume(ctx context.Context, spec driver.VolumeSpec) error {
	return d.call(ctx, "create-volume", spec.Name, func() error {
		if v, ok := d.volumes[spec.Name]; ok {
			return sameLabels("volume", spec.Name, spec.Labels, v.Labels)
		}
		if spec.Driver != "" && spec.Driver != "local" {
			return graft.Errorf(graft.CodeInvalid, "volume %q wants the volume driver %q, which is not there: use local", spec.Name, spec.Driver)
		}
		d.addVolume(spec)
		return nil
	})
}

func (d *Driver) addVolume(spec driver.VolumeSpec) {
	d.volumes[spec.Name] = driver.Volume{Name: spec.Name, Driver: "local", DriverOpts: maps.Clone(spec.DriverOpts), Labels: maps.Clone(spec.Labels)}
	d.emit("volume", "create", spec.Name, spec.Name)
}

// RemoveVolume implements driver.Driver.
func (d *Driver) RemoveVolume(ctx context.Context, name string) error {
	return d.call(ctx, "remove-volume", name, func() error {
		if _, ok := d.volumes[name]; !ok {
			return nil
		}
		for _, c := range d.containers {
			if slices.ContainsFunc(c.Mounts, func(m driver.Mount) bool { return !m.Bind && m.Source == name }) {
				return graft.Errorf(graft.CodeConflict, "volume %q is still in use: container %q mounts it", name, c.Name)
			}
		}
		delete(d.volumes, name)
		d.emit("volume", "destroy", name, name)
		return nil
	})
}

// sameLabels tells whether what is there may be taken for what was asked for.
func sameLabels(kind, name string, want, have map[string]string) error {
	for key, value := range want {
		if got, ok := have[key]; !ok || got != value {
			return graft.Errorf(graft.CodeConflict, "a %s %q exists already and is not ours: its label %s is %q, not %q",
				kind, name, key, got, value)
		}
	}
	return nil
}
