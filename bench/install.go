package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/graftplatform/graft"
	"github.com/moby/moby/api/types/network"
	docker "github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// descriptor is an addon of one service that publishes a port.
func (b *bench) descriptor(name, restart string) []byte {
	return b.describe(name, map[string]any{
		"service_name": b.service(name),
		"ports":        map[string]string{inside: b.port},
		"restart":      cmp.Or(restart, "unless-stopped"),
	})
}

// inside is the port of the containers on which their programs serve.
const inside = "8080"

// describe is an addon of one service, which runs the example hello.
func (b *bench) describe(addon string, service map[string]any) []byte {
	service["image"] = b.image
	environment, _ := service["environment"].(map[string]string)
	if environment == nil {
		environment = map[string]string{}
	}
	environment["PORT"] = inside
	service["environment"] = environment
	text, err := json.Marshal(map[string]any{"name": addon, "services": []map[string]any{service}})
	if err != nil { // strings and maps of them always marshal
		panic(err)
	}
	return text
}

func (b *bench) service(addon string) string { return b.name + "-" + addon }

// publish returns the id of the approved addon.
func (b *bench) publish(ctx context.Context, descriptor []byte) (string, error) {
	addon, err := b.client.Publish(ctx, descriptor)
	for err == nil && addon.Status == graft.AddonUnderReview {
		addon, err = b.client.WaitAddon(ctx, addon.ID, addon.Revision)
	}
	if err != nil {
		return "", err
	}
	if addon.Status != graft.AddonApproved {
		return "", fmt.Errorf("addon %s is %s", addon.Name, addon.Status)
	}
	return addon.ID, nil
}

// install returns when the addon is active.
func (b *bench) install(ctx context.Context, marketplaceID string) (*graft.Installation, error) {
	i, err := b.client.Install(ctx, marketplaceID)
	for err == nil && i.Status == graft.StatusInstalling {
		i, err = b.client.WaitInstallation(ctx, i.ID, i.Revision)
	}
	if err != nil {
		return nil, err
	}
	if i.Status != graft.StatusActive {
		return nil, fmt.Errorf("addon %s is %s: %s", i.Name, i.Status, reason(i))
	}
	return i, nil
}

// uninstall returns when nothing is left of the installation.
func (b *bench) uninstall(ctx context.Context, id string) error {
	if removed, err := b.client.Delete(ctx, id); removed || err != nil {
		return err
	}
	i, err := b.client.Installation(ctx, id)
	for err == nil && i.Status != graft.StatusDisabled {
		i, err = b.client.WaitInstallation(ctx, id, i.Revision)
	}
	if err != nil {
		return err
	}
	removed, err := b.client.Delete(ctx, id)
	if err == nil && !removed {
		err = fmt.Errorf("the disabled installation %s was not removed", id)
	}
	return err
}

// measureInstall installs an addon and makes the same container by hand, in
// turn, so that whatever else the machine does weighs on both.
func (b *bench) measureInstall(ctx context.Context, t *table, rounds int) error {
	id, err := b.publish(ctx, b.descriptor("install", ""))
	if err != nil {
		return err
	}
	var installs, creates []time.Duration
	for round := range rounds + 1 {
		begin := time.Now()
		installation, err := b.install(ctx, id)
		if err != nil {
			return err
		}
		installed := time.Since(begin)
		created, err := b.createSame(ctx, "root_"+b.service("install"), installation.ID)
		if err != nil {
			return err
		}
		if round > 0 { // the first one pulls the image
			installs, creates = append(installs, installed), append(creates, created)
		}
	}
	install, create := median(installs), median(creates)
	t.add(row{what: "install ÷ create + start", value: float64(install) / float64(create), unit: "×", bound: 1.5, decimals: 2})
	t.add(row{
		what: "install, POST to active", value: milliseconds(install), unit: "ms", old: "17 s (6–31 s)",
		note: fmt.Sprintf("image present, one service, one port; median of %d", rounds),
	})
	t.add(row{what: "create + start of the same container", value: milliseconds(create), unit: "ms", note: "through the Docker API alone, in turn with the installs"})
	return nil
}

// createSame uninstalls an addon and creates and starts a container just like
// its one, and takes the time of that.
func (b *bench) createSame(ctx context.Context, container, installation string) (time.Duration, error) {
	found, err := b.docker.ContainerInspect(ctx, container, docker.ContainerInspectOptions{})
	if err != nil {
		return 0, err
	}
	if err := b.uninstall(ctx, installation); err != nil {
		return 0, err
	}
	options := docker.ContainerCreateOptions{
		Name:             container,
		Config:           found.Container.Config,
		HostConfig:       found.Container.HostConfig,
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{}},
	}
	for name, endpoint := range found.Container.NetworkSettings.Networks {
		options.NetworkingConfig.EndpointsConfig[name] = &network.EndpointSettings{Aliases: endpoint.Aliases}
	}
	begin := time.Now()
	created, err := b.docker.ContainerCreate(ctx, options)
	if err != nil {
		return 0, err
	}
	if _, err := b.docker.ContainerStart(ctx, created.ID, docker.ContainerStartOptions{}); err != nil {
		return 0, err
	}
	took := time.Since(begin)
	_, err = b.docker.ContainerRemove(ctx, created.ID, docker.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	return took, err
}

// measureFailure kills containers that nothing restarts, and waits for the
// status to say so.
func (b *bench) measureFailure(ctx context.Context, t *table, rounds int) error {
	id, err := b.publish(ctx, b.descriptor("failure", "no"))
	if err != nil {
		return err
	}
	var times []time.Duration
	for range rounds {
		i, err := b.install(ctx, id)
		if err != nil {
			return err
		}
		// What fails has run for a while.
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		begin := time.Now()
		// Docker answers only when it has taken down the container's network.
		var kill errgroup.Group
		kill.Go(func() error {
			_, err := b.docker.ContainerKill(ctx, "root_"+b.service("failure"), docker.ContainerKillOptions{Signal: "KILL"})
			return err
		})
		for err == nil && i.Status == graft.StatusActive {
			i, err = b.client.WaitInstallation(ctx, i.ID, i.Revision)
		}
		times = append(times, time.Since(begin))
		if err := cmp.Or(kill.Wait(), err); err != nil {
			return err
		}
		if err := b.uninstall(ctx, i.ID); err != nil {
			return err
		}
	}
	t.add(row{
		what: "failure to changed status", value: milliseconds(median(times)), unit: "ms", bound: 100,
		note: fmt.Sprintf("from the kill of a container that ran for a second to the answer of a long poll, median of %d", rounds),
	})
	return nil
}
