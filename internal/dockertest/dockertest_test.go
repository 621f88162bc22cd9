package dockertest_test

import (
	"context"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/graftplatform/graft/internal/dockertest"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

func TestPortsAreOfOneTestEach(t *testing.T) {
	t.Parallel()
	// Who builds an image meanwhile forks, and what is forked must not hold a port.
	forking, stop := context.WithCancel(t.Context())
	var forks sync.WaitGroup
	for range 2 {
		forks.Go(func() {
			for forking.Err() == nil {
				_ = exec.CommandContext(forking, "true").Run()
			}
		})
	}
	defer forks.Wait()
	defer stop()
	given := map[string]bool{}
	for range 500 { // so many that some would come twice
		port := dockertest.FreePort(t)
		if given[port] {
			t.Errorf("port %s was given twice", port)
		}
		given[port] = true
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			t.Fatal(err)
		}
		_ = listener.Close()
	}
}

func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	api := dockertest.Client(t)
	var prefix string
	var image dockertest.Image
	t.Run("use", func(t *testing.T) {
		prefix = dockertest.Name(t)
		image = dockertest.NewImage(t)
		pull, err := api.ImagePull(t.Context(), image.Tag, client.ImagePullOptions{})
		if err == nil {
			err = pull.Wait(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := api.NetworkCreate(t.Context(), prefix+"-net", client.NetworkCreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := api.VolumeCreate(t.Context(), client.VolumeCreateOptions{Labels: map[string]string{"test": prefix}}); err != nil {
			t.Fatal(err)
		}
		created, err := api.ContainerCreate(t.Context(), client.ContainerCreateOptions{
			Name: prefix + "-web", Config: &container.Config{Image: image.Tag},
			HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(prefix + "-net"), Binds: []string{prefix + "-data:/data"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := api.ContainerStart(t.Context(), created.ID, client.ContainerStartOptions{}); err != nil {
			t.Fatal(err)
		}
	})
	containers, err := api.ContainerList(t.Context(), client.ContainerListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers.Items {
		if strings.HasPrefix(c.Names[0], "/"+prefix) {
			t.Errorf("container %s is left", c.Names[0])
		}
	}
	volumes, err := api.VolumeList(t.Context(), client.VolumeListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range volumes.Items {
		if strings.HasPrefix(v.Name, prefix) || v.Labels["test"] == prefix {
			t.Errorf("volume %s is left", v.Name)
		}
	}
	if _, err := api.NetworkInspect(t.Context(), prefix+"-net", client.NetworkInspectOptions{}); err == nil {
		t.Errorf("network %s-net is left", prefix)
	}
	if _, err := api.ImageInspect(t.Context(), image.Tag); err == nil {
		t.Errorf("image %s is left", image.Tag)
	}
}
