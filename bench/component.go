package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft"
)

// componentName is what the component that plugins replace answers, and
// pluginName what they answer.
const (
	componentName = "component"
	pluginName    = "plugin"
)

// stand is a container like those that an orchestrator has.
type stand struct {
	name    string
	project string // of Compose: that of the server makes it a component
	port    string // published on 127.0.0.1; empty: none
	answer  string
}

// create makes it, not started, and returns its id.
func (b *bench) create(ctx context.Context, s stand) (string, error) {
	port := network.MustParsePort(inside + "/tcp")
	options := docker.ContainerCreateOptions{
		Name: s.name,
		Config: &container.Config{
			Image: b.image, ExposedPorts: network.PortSet{port: {}},
			Env:    []string{"PORT=" + inside, "NAME=" + s.answer},
			Labels: map[string]string{"com.docker.compose.project": s.project, "com.docker.compose.service": s.name},
		},
		HostConfig: &container.HostConfig{RestartPolicy: container.RestartPolicy{Name: "always"}},
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			b.name: {Aliases: []string{s.name}},
		}},
	}
	if s.port != "" {
		options.HostConfig.PortBindings = network.PortMap{port: {{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: s.port}}}
	}
	created, err := b.docker.ContainerCreate(ctx, options)
	return created.ID, err
}

// component starts a component.
func (b *bench) component(ctx context.Context, name, port string) error {
	if err := b.pull(ctx, b.image); err != nil {
		return err
	}
	id, err := b.create(ctx, stand{name: name, project: b.name, port: port, answer: componentName})
	if err != nil {
		return err
	}
	_, err = b.docker.ContainerStart(ctx, id, docker.ContainerStartOptions{})
	return err
}

func (b *bench) pull(ctx context.Context, image string) error {
	stream, err := b.docker.ImagePull(ctx, image, docker.ImagePullOptions{})
	if err != nil {
		return err
	}
	return stream.Wait(ctx)
}

// plugin publishes an addon that replaces a component, and returns its id.
func (b *bench) plugin(ctx context.Context, addon, component string) (string, error) {
	return b.publish(ctx, b.describe(addon, map[string]any{
		"service_name": component,
		"environment":  map[string]string{"NAME": pluginName},
		"stable_for":   "300ms",
	}))
}

// turn asks for another state of an installation and returns when it is
// reached.
func (b *bench) turn(ctx context.Context, id string, status graft.InstallationStatus) error {
	change := b.client.Disable
	if status == graft.StatusActive {
		change = b.client.Enable
	}
	i, err := change(ctx, id)
	for err == nil && i.Status != status {
		if i.Status == graft.StatusFailed {
			return fmt.Errorf("addon %s is %s: %s", i.Name, i.Status, reason(i))
		}
		i, err = b.client.WaitInstallation(ctx, id, i.Revision)
	}
	return err
}

func reason(i *graft.Installation) string {
	if i.Details == nil {
		return "no reason is given"
	}
	return i.Details.Reason
}

// discard ends and removes containers.
func (b *bench) discard(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		if _, err := b.docker.ContainerRemove(ctx, id, docker.ContainerRemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			return err
		}
	}
	return nil
}
