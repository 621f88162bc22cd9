// Package dockertest gives tests a real Docker Engine, a registry, an image
// that does what it is told, and names that no other test uses; and it removes
// what they leave behind. Tests that use it need a running Docker Engine and
// fail without one.
package dockertest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// cleanupTimeout bounds the removal of what one test left behind.
const cleanupTimeout = 3 * time.Minute

// Client returns a client of the Docker Engine that DOCKER_HOST names, or else
// of the local one.
func Client(t testing.TB) *client.Client {
	t.Helper()
	api, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatalf("Docker client: %v", err)
	}
	t.Cleanup(func() { _ = api.Close() })
	if _, err := api.Ping(t.Context(), client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		t.Fatalf("this test needs Docker, which does not answer at %s: start it with \"sudo dockerd\" or set DOCKER_HOST (%v)",
			api.DaemonHost(), err)
	}
	return api
}

// Name returns a prefix that no other test uses. At the end of the test every
// container, network and volume is removed that has it anywhere in its name or
// in the value of a label; their anonymous volumes too.
func Name(t testing.TB) string {
	t.Helper()
	var random [5]byte
	rand.Read(random[:])
	prefix := "graft-test-" + hex.EncodeToString(random[:])
	api := Client(t)
	t.Cleanup(func() { sweep(t, api, prefix) })
	return prefix
}

func sweep(t testing.TB, api *client.Client, prefix string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	ours := func(name string, labels map[string]string) bool {
		return strings.Contains(name, prefix) ||
			slices.ContainsFunc(slices.Collect(maps.Values(labels)), func(v string) bool { return strings.Contains(v, prefix) })
	}
	containers, err := api.ContainerList(ctx, client.ContainerListOptions{All: true})
	check(t, err)
	for _, c := range containers.Items {
		if ours("", c.Labels) || slices.ContainsFunc(c.Names, func(name string) bool { return ours(name, nil) }) {
			removeContainer(ctx, t, api, c.ID)
		}
	}
	networks, err := api.NetworkList(ctx, client.NetworkListOptions{})
	check(t, err)
	for _, n := range networks.Items {
		if ours(n.Name, n.Labels) {
			check(t, onceFree(ctx, func() error {
				_, err := api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
				return err
			}))
		}
	}
	volumes, err := api.VolumeList(ctx, client.VolumeListOptions{})
	check(t, err)
	for _, v := range volumes.Items {
		if ours(v.Name, v.Labels) {
			check(t, onceFree(ctx, func() error {
				_, err := api.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{})
				return err
			}))
		}
	}
}

// sweepImages removes the images whose names begin with prefix, and the
// containers that were made from them.
func sweepImages(t testing.TB, api *client.Client, prefix string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	containers, err := api.ContainerList(ctx, client.ContainerListOptions{All: true})
	check(t, err)
	for _, c := range containers.Items {
		if strings.HasPrefix(c.Image, prefix) {
			removeContainer(ctx, t, api, c.ID)
		}
	}
	images, err := api.ImageList(ctx, client.ImageListOptions{})
	check(t, err)
	for _, image := range images.Items {
		for _, reference := range slices.Concat(image.RepoTags, image.RepoDigests) {
			if strings.HasPrefix(reference, prefix) {
				_, err := api.ImageRemove(ctx, reference, client.ImageRemoveOptions{Force: true, PruneChildren: true})
				check(t, err)
			}
		}
	}
}

// onceFree removes a network or a volume once nothing uses it: Docker lists a container
// no more some time before it lets go of what that had, and a call to remove one goes
// on when whoever made it has been killed.
func onceFree(ctx context.Context, remove func() error) error {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := remove()
		if !inUse(err) {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return err
		}
	}
}

// inUse is whether something is not removed because something else uses it.
func inUse(err error) bool {
	return errdefs.IsConflict(err) || err != nil && strings.Contains(err.Error(), "has active endpoints")
}

func removeContainer(ctx context.Context, t testing.TB, api *client.Client, id string) {
	t.Helper()
	_, err := api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsConflict(err) { // somebody is removing it
		wait := api.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: "removed"})
		select {
		case <-wait.Result:
			err = nil
		case err = <-wait.Error:
		}
	}
	check(t, err)
}

// check reports a failed clean-up; what is gone already is as it should be.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil && !errdefs.IsNotFound(err) {
		t.Errorf("clean-up after the test: %v", err)
	}
}
