package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/moby/moby/api/types/network"
	docker "github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"github.com/graftplatform/graft"
)

const (
	burst = 50 // addons installed at once
	// parallel is how many operations the engine carries out side by side.
	parallel = 4
)

// measureMany installs many addons, burst after burst, each in turn with as many
// containers made through the Docker API alone; and measures an engine that has
// them all and nothing to do.
func (b *bench) measureMany(ctx context.Context, t *table, addons int) error {
	ids, err := b.publishMany(ctx, addons)
	if err != nil {
		return err
	}
	var installs, creates []time.Duration
	for batch := range slices.Chunk(ids, burst) {
		begin := time.Now()
		if err := b.installAtOnce(ctx, batch); err != nil {
			return err
		}
		installs = append(installs, time.Since(begin))
		created, err := b.createAtOnce(ctx, len(batch))
		if err != nil {
			return err
		}
		creates = append(creates, created)
	}
	install, create := median(installs), median(creates)
	note := fmt.Sprintf("%d addons of one service, image present; median of %d bursts, with 0 to %d installed before", burst, len(installs), addons-burst)
	t.add(row{what: "installs at once ÷ creates + starts", value: float64(install) / float64(create), unit: "×", bound: 1.3, decimals: 2, note: note})
	t.add(row{what: "installs at once", value: install.Seconds(), unit: "s", decimals: 2, note: "from the first POST until all are active"})
	t.add(row{what: "creates + starts", value: create.Seconds(), unit: "s", decimals: 2, note: fmt.Sprintf("of the same containers, through the Docker API alone, %d side by side, in turn with the bursts", parallel)})
	if err := b.measureFull(ctx, t, addons); err != nil {
		return err
	}
	return b.uninstallAll(ctx)
}

// publishMany publishes addons of one service without ports.
func (b *bench) publishMany(ctx context.Context, addons int) ([]string, error) {
	ids := make([]string, addons)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(publishers)
	for n := range ids {
		group.Go(func() (err error) {
			name := fmt.Sprintf("many-%03d", n)
			ids[n], err = b.publish(ctx, b.describe(name, map[string]any{"service_name": b.service(name)}))
			return err
		})
	}
	return ids, group.Wait()
}

// installAtOnce returns when all are active.
func (b *bench) installAtOnce(ctx context.Context, ids []string) error {
	group, inner := errgroup.WithContext(ctx)
	for _, id := range ids {
		group.Go(func() error {
			_, err := b.client.Install(inner, id)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return b.allActive(ctx)
}

// allActive waits for it. One question for all of them costs the server less
// than a long poll for each.
func (b *bench) allActive(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := b.client.Installations(ctx, graft.StatusInstalling)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	all, err := b.client.Installations(ctx, "")
	for _, i := range all {
		if i.Status != graft.StatusActive {
			return fmt.Errorf("addon %s is %s: %s", i.Name, i.Status, reason(&i))
		}
	}
	return err
}

// createAtOnce creates and starts copies of an addon's container, and returns
// how long that took.
func (b *bench) createAtOnce(ctx context.Context, count int) (time.Duration, error) {
	found, err := b.docker.ContainerInspect(ctx, "root_"+b.service("many-000"), docker.ContainerInspectOptions{})
	if err != nil {
		return 0, err
	}
	config := *found.Container.Config
	config.Labels = nil // else the engine would take them for its own
	config.Hostname = ""
	ids := make([]string, count)
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	begin := time.Now()
	for n := range ids {
		group.Go(func() error {
			created, err := b.docker.ContainerCreate(inner, docker.ContainerCreateOptions{
				Name: b.service(fmt.Sprint("copy-", n)), Config: &config, HostConfig: found.Container.HostConfig,
				NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{b.name: {}}},
			})
			if err != nil {
				return err
			}
			ids[n] = created.ID
			_, err = b.docker.ContainerStart(inner, created.ID, docker.ContainerStartOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	took := time.Since(begin)
	group, inner = errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, id := range ids {
		group.Go(func() error { return b.discard(inner, id) })
	}
	return took, group.Wait()
}

func (b *bench) uninstallAll(ctx context.Context) error {
	all, err := b.client.Installations(ctx, "")
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(publishers)
	for _, i := range all {
		group.Go(func() error { return b.uninstall(ctx, i.ID) })
	}
	return group.Wait()
}
