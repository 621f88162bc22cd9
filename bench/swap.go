package main

import (
	"context"
	"fmt"
	"net"
	"time"

	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft"
)

// pair is two containers for one port, of which one runs.
type pair struct {
	url              string
	running, waiting standIn
}

type standIn struct {
	id     string
	answer string
}

// measureSwaps lets a client knock at the host port of a component while a
// plugin takes its place and goes again; and at another one while the Docker API
// alone stops one container and starts another, which was created before. They
// take turns.
func (b *bench) measureSwaps(ctx context.Context, t *table, rounds int) error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(ports[0])
	if err != nil {
		return err
	}
	name, url := b.service("scheduler"), "http://"+ports[0]+"/"
	if err := b.component(ctx, name, port); err != nil {
		return err
	}
	reference, err := b.reference(ctx, ports[1])
	if err != nil {
		return err
	}
	addon, err := b.plugin(ctx, "swap", name)
	if err != nil {
		return err
	}
	var ins, backs, references []silence
	for range rounds {
		var installation *graft.Installation
		in, err := silenceDuring(ctx, url, pluginName, func(ctx context.Context) (err error) {
			installation, err = b.install(ctx, addon)
			return err
		})
		if err != nil {
			return err
		}
		there, err := b.exchange(ctx, reference)
		if err != nil {
			return err
		}
		back, err := silenceDuring(ctx, url, componentName, func(ctx context.Context) error {
			return b.turn(ctx, installation.ID, graft.StatusDisabled)
		})
		if err != nil {
			return err
		}
		again, err := b.exchange(ctx, reference)
		if err != nil {
			return err
		}
		ins, backs, references = append(ins, in), append(backs, back), append(references, there, again)
		if err := b.uninstall(ctx, installation.ID); err != nil {
			return err
		}
	}
	addSwaps(t, medianSilence(ins), medianSilence(backs), medianSilence(references), rounds)
	return b.discard(ctx, name, reference.running.id, reference.waiting.id)
}

func medianSilence(all []silence) silence {
	var polling, impatient []time.Duration
	for _, s := range all {
		polling, impatient = append(polling, s.polling), append(impatient, s.impatient)
	}
	return silence{median(polling), median(impatient)}
}

func addSwaps(t *table, in, back, reference silence, rounds int) {
	const bound = 0.25
	ratio := func(a, b time.Duration) float64 { return float64(a) / float64(b) }
	t.add(row{what: "gap of a swap ÷ gap of stop + start", value: ratio(in.polling, reference.polling), unit: "×", bound: bound, decimals: 2, note: "a component with a host port, as a polling client sees it: one request after the other, each on a new connection"})
	t.add(row{what: "gap of the way back ÷ gap of stop + start", value: ratio(back.polling, reference.polling), unit: "×", bound: bound, decimals: 2, note: "the plugin is disabled"})
	t.add(row{what: "gap of a swap", value: milliseconds(in.polling), unit: "ms", old: "1.3 s", note: fmt.Sprintf("from the last good answer to the next one, of anybody; a request every %v; median of %d", knockEvery, rounds)})
	t.add(row{what: "gap of the way back", value: milliseconds(back.polling), unit: "ms"})
	t.add(row{what: "gap of stop + start", value: milliseconds(reference.polling), unit: "ms", note: fmt.Sprintf("by the Docker API alone, the new container created before; in turn with the swaps, median of %d", 2*rounds)})
	t.add(row{
		what: "the three gaps, for an impatient client", value: milliseconds(in.impatient), unit: "ms",
		note: fmt.Sprintf("back %.0f ms, stop + start %.0f ms; many requests at a time, each given up after %v, so that no lost packet adds a second", milliseconds(back.impatient), milliseconds(reference.impatient), impatientFor),
	})
}

// reference makes two containers like the component, for one port of their own,
// and starts the first.
func (b *bench) reference(ctx context.Context, address string) (*pair, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	x := &pair{url: "http://" + address + "/", running: standIn{answer: "old"}, waiting: standIn{answer: "new"}}
	for _, s := range []*standIn{&x.running, &x.waiting} {
		name := b.service(s.answer)
		// Not of the server's project: these are no components.
		if s.id, err = b.create(ctx, stand{name: name, project: name, port: port, answer: s.answer}); err != nil {
			return nil, err
		}
	}
	_, err = b.docker.ContainerStart(ctx, x.running.id, docker.ContainerStartOptions{})
	return x, err
}

// exchange stops the one that runs and starts the other, and returns for how
// long nobody answered.
func (b *bench) exchange(ctx context.Context, x *pair) (silence, error) {
	gap, err := silenceDuring(ctx, x.url, x.waiting.answer, func(ctx context.Context) error {
		if _, err := b.docker.ContainerStop(ctx, x.running.id, docker.ContainerStopOptions{}); err != nil {
			return err
		}
		_, err := b.docker.ContainerStart(ctx, x.waiting.id, docker.ContainerStartOptions{})
		return err
	})
	x.running, x.waiting = x.waiting, x.running
	return gap, err
}
