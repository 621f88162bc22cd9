package docker

import (
	"context"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// undoTimeout bounds the removal of a container that could not be completed.
const undoTimeout = 30 * time.Second

// Create implements driver.Driver.
func (d *Driver) Create(ctx context.Context, spec driver.ContainerSpec) (string, error) {
	if len(spec.Endpoints) == 0 {
		return "", graft.Errorf(graft.CodeInvalid, "container %q has no network: it needs at least one", spec.Name)
	}
	endpoints, err := allSettings(spec.Endpoints)
	if err != nil {
		return "", err
	}
	options, err := createOptions(&spec, endpoints[0])
	if err != nil {
		return "", err
	}
	api, err := d.connect(ctx)
	if err != nil {
		return "", err
	}
	// Docker finds a missing network only at the start.
	networks, err := d.networkIDs(ctx, api, spec.Endpoints)
	if err != nil {
		return "", err
	}
	created, err := api.ContainerCreate(ctx, options)
	if err != nil {
		return "", d.createFailed(ctx, api, err, spec.Name, spec.Image)
	}
	for i, endpoint := range spec.Endpoints[1:] {
		if err := d.join(ctx, api, created.ID, networks[i+1], endpoint.Network, endpoints[i+1]); err != nil {
			d.undoCreate(ctx, created.ID)
			return "", err
		}
	}
	return created.ID, nil
}

// undoCreate removes a container even if ctx has ended.
func (d *Driver) undoCreate(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if err := d.Remove(ctx, id); err != nil {
		d.log.Warn("an incomplete container is left behind", "container", id, "err", err)
	}
}

func (d *Driver) createFailed(ctx context.Context, api *client.Client, err error, name, image string) error {
	switch {
	case errdefs.IsConflict(err):
		return d.nameTaken(ctx, api, name)
	case errdefs.IsNotFound(err) && strings.Contains(strings.ToLower(words(err)), "no such image"):
		return graft.Errorf(graft.CodeNotFound, "container %q can't be created: image %s is not present: pull it first", name, image)
	}
	return d.failed(api, err, "container %q can't be created", name)
}

func (d *Driver) nameTaken(ctx context.Context, api *client.Client, name string) error {
	by := "another container"
	if result, err := api.ContainerInspect(ctx, name, client.ContainerInspectOptions{}); err == nil {
		by = "container " + short(result.Container.ID)
	}
	return graft.Errorf(graft.CodeConflict, "the container name %q is already in use by %s: rename or remove that one", name, by)
}

func short(id string) string { return id[:min(12, len(id))] }

// find returns the id of the container with that id or name, "" if there is
// none. Docker would also take the beginning of an id, and then another
// container than the one that was meant.
func find(ctx context.Context, api *client.Client, id string) (string, error) {
	if len(id) == 64 || !isHex(id) {
		return id, nil
	}
	result, err := api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) || err == nil && strings.TrimPrefix(result.Container.Name, "/") != id {
		return "", nil
	}
	return result.Container.ID, err
}

// withContainer calls fn with a connection and an id that Docker does not
// mistake.
func (d *Driver) withContainer(ctx context.Context, id string, fn func(api *client.Client, id string) error) error {
	api, err := d.connect(ctx)
	if err != nil {
		return err
	}
	found, err := find(ctx, api, id)
	if err != nil {
		return d.failed(api, err, "container %q can't be looked up", id)
	}
	if found == "" {
		return graft.Errorf(graft.CodeNotFound, "there is no container %q", id)
	}
	return fn(api, found)
}

// unlessGone is err, or nil if err is that something does not exist.
func unlessGone(err error) error {
	if graft.ErrorCode(err) == graft.CodeNotFound {
		return nil
	}
	return err
}

// Start implements driver.Driver.
func (d *Driver) Start(ctx context.Context, id string) error {
	return d.withContainer(ctx, id, func(api *client.Client, found string) error {
		defer d.cache.changed(id)
		_, err := api.ContainerStart(ctx, found, client.ContainerStartOptions{})
		if err != nil {
			return d.startFailed(api, err, id)
		}
		return nil
	})
}

// Stop implements driver.Driver.
func (d *Driver) Stop(ctx context.Context, id string) error {
	return unlessGone(d.withContainer(ctx, id, func(api *client.Client, found string) error {
		defer d.cache.changed(id)
		_, err := api.ContainerStop(ctx, found, client.ContainerStopOptions{})
		if err != nil {
			return d.failed(api, err, "container %q can't be stopped", id)
		}
		return nil
	}))
}

// Remove implements driver.Driver.
func (d *Driver) Remove(ctx context.Context, id string) error {
	return unlessGone(d.withContainer(ctx, id, func(api *client.Client, found string) error {
		defer d.cache.changed(id)
		_, err := api.ContainerRemove(ctx, found, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if errdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress") {
			wait := api.ContainerWait(ctx, found, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
			select {
			case <-wait.Result:
				err = nil
			case err = <-wait.Error:
			}
		}
		if err != nil {
			return d.failed(api, err, "container %q can't be removed", id)
		}
		return nil
	}))
}

// Rename implements driver.Driver.
func (d *Driver) Rename(ctx context.Context, id, name string) error {
	return d.withContainer(ctx, id, func(api *client.Client, found string) error {
		defer d.cache.changed(id)
		result, err := api.ContainerInspect(ctx, found, client.ContainerInspectOptions{})
		if err != nil {
			return d.failed(api, err, "container %q can't be renamed", id)
		}
		if result.Container.Name == "/"+name {
			return nil
		}
		_, err = api.ContainerRename(ctx, result.Container.ID, client.ContainerRenameOptions{NewName: name})
		if errdefs.IsConflict(err) {
			return d.nameTaken(ctx, api, name)
		}
		if err != nil {
			return d.failed(api, err, "container %q can't be renamed to %q", id, name)
		}
		return nil
	})
}

// SetRestartPolicy implements driver.Driver.
func (d *Driver) SetRestartPolicy(ctx context.Context, id, policy string) error {
	restart, err := parseRestart(policy)
	if err != nil {
		return err
	}
	return d.withContainer(ctx, id, func(api *client.Client, found string) error {
		defer d.cache.changed(id)
		err := whenEnded(ctx, func() error {
			_, err := api.ContainerUpdate(ctx, found, client.ContainerUpdateOptions{RestartPolicy: &restart})
			return err
		})
		if err != nil {
			return d.failed(api, err, "the restart policy of container %q can't be changed", id)
		}
		return nil
	})
}

// endPause and endTries bound how long a container may take to have ended.
const (
	endPause = 50 * time.Millisecond
	endTries = 40
)

// whenEnded calls Docker again that mistakes a container whose process has just
// ended for one that runs, until it knows better: no event tells when.
func whenEnded(ctx context.Context, call func() error) error {
	tick := time.NewTicker(endPause)
	defer tick.Stop()
	for tries := 1; ; tries++ {
		err := call()
		if err == nil || tries == endTries || !strings.Contains(err.Error(), "cannot update a stopped container") {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
