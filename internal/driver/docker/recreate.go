package docker

import (
	"context"
	"encoding/json"
	"maps"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/graftplatform/graft"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// unfinished ends the name of a container that does not have all its networks
// yet. Docker before API 1.44 connects one at a time; under its own name, a
// container is always whole.
const unfinished = ".unfinished"

// Recreate implements driver.Driver. Anonymous volumes that still exist are used
// again; from then on they count as named ones.
func (d *Driver) Recreate(ctx context.Context, record json.RawMessage, name string) error {
	b, err := readRecord(record)
	if err != nil {
		return err
	}
	api, err := d.connect(ctx)
	if err != nil {
		return err
	}
	if err := d.makeRoom(ctx, api, b, name); err != nil {
		return err
	}
	networks, err := d.networkIDs(ctx, api, b.endpoints)
	if err != nil {
		return err
	}
	if err := d.chooseImage(ctx, api, b); err != nil {
		return err
	}
	if err := d.keepVolumes(ctx, api, b); err != nil {
		return err
	}
	created, err := api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: name + unfinished, Config: b.config, HostConfig: b.host, NetworkingConfig: b.networking(),
	})
	if err != nil {
		return d.createFailed(ctx, api, err, name+unfinished, b.config.Image)
	}
	if err := d.finish(ctx, api, b, created.ID, networks, name); err != nil {
		d.undoCreate(ctx, created.ID)
		return err
	}
	return nil
}

// finish connects a new container to its other networks and gives it its name.
func (d *Driver) finish(ctx context.Context, api *client.Client, b *blueprint, id string, networks []string, name string) error {
	for i := 1; i < len(networks); i++ {
		if err := d.join(ctx, api, id, networks[i], b.endpoints[i].Network, b.settings[i]); err != nil {
			return err
		}
	}
	return d.Rename(ctx, id, name)
}

// makeRoom removes what an earlier call that was killed has left, and nothing
// else that happens to have its name.
func (d *Driver) makeRoom(ctx context.Context, api *client.Client, b *blueprint, name string) error {
	_, err := api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err == nil {
		return d.nameTaken(ctx, api, name)
	}
	if !errdefs.IsNotFound(err) {
		return d.failed(api, err, "container %q can't be looked up", name)
	}
	result, err := api.ContainerInspect(ctx, name+unfinished, client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return d.failed(api, err, "container %q can't be looked up", name+unfinished)
	}
	c := result.Container
	if c.State == nil || c.State.Status != container.StateCreated || c.Config == nil || !maps.Equal(c.Config.Labels, b.config.Labels) {
		return d.nameTaken(ctx, api, name+unfinished)
	}
	return d.Remove(ctx, c.ID)
}

// chooseImage makes sure that the container gets the image that it had: by its
// name, which the image gets back if nothing has it, or if that leads elsewhere
// by now, by its id.
func (d *Driver) chooseImage(ctx context.Context, api *client.Client, b *blueprint) error {
	wanted, nameless := b.config.Image, false
	for _, ref := range []string{wanted, b.imageID} {
		result, err := api.ImageInspect(ctx, ref)
		switch {
		case err == nil && nameless && isTag(wanted):
			return d.tag(ctx, api, b.imageID, wanted)
		case err == nil && (b.imageID == "" || result.ID == b.imageID):
			b.config.Image = ref
			return nil
		case errdefs.IsNotFound(err) && ref == wanted:
			nameless = true
		case err != nil && !errdefs.IsNotFound(err) && !errdefs.IsInvalidArgument(err):
			return d.failed(api, err, "image %s can't be looked up", ref)
		}
	}
	return graft.Errorf(graft.CodeNotFound, "the container can't be made again: its image %s (%s) is not present: pull it first",
		wanted, b.imageID)
}

// isTag tells whether an image was asked for by name and tag, rather than by its
// digest or id.
func isTag(ref string) bool {
	if strings.HasPrefix(ref, "sha256:") || isHex(ref) {
		return false
	}
	_, err := name.NewTag(ref)
	return err == nil
}

func (d *Driver) tag(ctx context.Context, api *client.Client, id, ref string) error {
	if _, err := api.ImageTag(ctx, client.ImageTagOptions{Source: id, Target: ref}); err != nil {
		return d.failed(api, err, "image %s can't be called %s again", id, ref)
	}
	return nil
}

// keepVolumes lets the container use the anonymous volumes again that are left
// of it.
func (d *Driver) keepVolumes(ctx context.Context, api *client.Client, b *blueprint) error {
	for _, volume := range b.anonymous() {
		_, err := api.VolumeInspect(ctx, volume.Name, client.VolumeInspectOptions{})
		if err == nil {
			b.keep(volume)
		} else if !errdefs.IsNotFound(err) {
			return d.failed(api, err, "volume %q can't be looked up", volume.Name)
		}
	}
	return nil
}
