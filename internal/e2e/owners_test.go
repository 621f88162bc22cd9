package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/moby/moby/api/types/container"
	docker "github.com/moby/moby/client"
)

// owners watches who answers to a component's name: the running containers on
// its network that bear it, as their name or as an alias.
type owners struct {
	*performance
	network string
	cancel  context.CancelFunc
	ended   chan struct{}

	problems []string // of whoever watches, until ended is closed
}

// A handover may be seen in the middle: Docker shows what leaves until it is done
// with it, when its ports are free already. Seen at more looks in a row, two containers
// have the name or the port: after a second, or later if Docker has so much to do that
// a look itself takes long.
const (
	ownersPause = 200 * time.Millisecond
	handover    = 6
)

// excess is at how many looks in a row there was more than one of something.
type excess struct{ looks int }

// of notes how many there are, and is true once there have been several for
// longer than a handover takes.
func (e *excess) of(count int) bool {
	if count < 2 {
		e.looks = 0
		return false
	}
	if e.looks++; e.looks <= handover {
		return false
	}
	e.looks = 0 // it is told once in a while
	return true
}

func (p *performance) watchOwners() *owners {
	ctx, cancel := context.WithCancel(p.t.Context())
	w := &owners{performance: p, network: p.prefix + "-oakestra", cancel: cancel, ended: make(chan struct{})}
	go w.watch(ctx)
	p.t.Cleanup(func() { w.end() })
	return w
}

// end ends the watch and returns what was wrong.
func (w *owners) end() []string {
	w.cancel()
	<-w.ended
	return w.problems
}

// leaveOff ends the watch for good where Docker itself ends: when it is back, it
// starts whatever it had to start, and only later is it seen who owns what.
func (w *owners) leaveOff() {
	w.end()
	w.problems = nil
}

func (w *owners) watch(ctx context.Context) {
	defer close(w.ended)
	pause := time.NewTicker(ownersPause)
	defer pause.Stop()
	var names, ports excess
	for {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
		containers := w.running(ctx)
		if ids := w.publishing(containers); ports.of(len(ids)) {
			w.problems = append(w.problems, fmt.Sprintf("host port %s was published by %q", w.port, ids))
		}
		if len(containers) < 2 {
			names = excess{}
			continue
		}
		if ids := w.owning(ctx, containers); names.of(len(ids)) {
			w.problems = append(w.problems, fmt.Sprintf("the name %s led to %q", w.component, ids))
		}
	}
}

// now returns the ids of the owners.
func (w *owners) now(ctx context.Context) []string {
	return w.owning(ctx, w.running(ctx))
}

// running returns the containers that run on the component's network.
func (w *owners) running(ctx context.Context) []container.Summary {
	found, err := w.docker.ContainerList(ctx, docker.ContainerListOptions{Filters: make(docker.Filters).Add("network", w.network)})
	if err != nil && ctx.Err() == nil {
		w.problems = append(w.problems, err.Error())
	}
	return found.Items
}

// publishing returns those that have the component's host port.
func (w *owners) publishing(containers []container.Summary) []string {
	var ids []string
	for _, c := range containers {
		if slices.ContainsFunc(c.Ports, func(p container.PortSummary) bool { return strconv.Itoa(int(p.PublicPort)) == w.port }) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// owning returns those that bear the component's name on its network.
func (w *owners) owning(ctx context.Context, containers []container.Summary) []string {
	var ids []string
	for _, c := range containers {
		result, err := w.docker.ContainerInspect(ctx, c.ID, docker.ContainerInspectOptions{})
		if err != nil || !result.Container.State.Running {
			continue // it is gone meanwhile
		}
		endpoint := result.Container.NetworkSettings.Networks[w.network]
		if endpoint == nil {
			continue
		}
		if result.Container.Name == "/"+w.component || slices.Contains(endpoint.Aliases, w.component) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}
