package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/moby/moby/api/types/network"
	docker "github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
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
	last, err := b.lastEvent(ctx)
	if err != nil {
		return err
	}
	installed := make([]string, len(ids))
	group, inner := errgroup.WithContext(ctx)
	for n, id := range ids {
		group.Go(func() error {
			i, err := b.client.Install(inner, id)
			if err == nil {
				installed[n] = i.ID
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return b.allActive(ctx, installed, last)
}

// lastEvent returns the id of the newest event; 0: there is none.
func (b *bench) lastEvent(ctx context.Context) (id int64, err error) {
	err = b.client.Events(ctx, client.EventsOptions{Tail: 1}, func(e graft.Event) error {
		id = e.ID
		return nil
	})
	return id, err
}

// allActive waits for it, as whoever installs many does: on the stream of events,
// of which those after an id are about them.
func (b *bench) allActive(ctx context.Context, ids []string, after int64) error {
	waited := map[string]bool{}
	for _, id := range ids {
		waited[id] = true
	}
	all := errors.New("all are active")
	err := b.client.Events(ctx, client.EventsOptions{After: &after, Follow: true}, func(e graft.Event) error {
		switch {
		case e.Type != graft.EventStatus || !waited[e.InstallationID]:
			return nil
		case e.Status != graft.StatusActive:
			return fmt.Errorf("addon %s is %s: %s", e.Addon, e.Status, e.Reason)
		}
		if delete(waited, e.InstallationID); len(waited) == 0 {
			return all
		}
		return nil
	})
	if errors.Is(err, all) {
		return nil
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
