package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft/client"
)

// bench has what all measurements use.
type bench struct {
	binary string
	dir    string
	name   string // of the network and the Compose project, and in the service's name
	port   string // that the service publishes
	docker *docker.Client
	server *server
	client *client.Client
	image  string // of the service
}

func newBench(ctx context.Context, binary, id string) (*bench, error) {
	b := &bench{binary: binary, name: "graft-bench-" + id}
	var err error
	if b.docker, err = docker.New(docker.FromEnv); err != nil {
		return nil, err
	}
	if _, err := b.docker.Ping(ctx, docker.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, fmt.Errorf("docker does not answer at %s; \"make bench\" starts it: %w", b.docker.DaemonHost(), err)
	}
	if b.dir, err = os.MkdirTemp("", b.name); err != nil {
		return nil, err
	}
	if err := b.start(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// start starts the server that all but the first measurement are about.
func (b *bench) start(ctx context.Context) error {
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	if _, b.port, err = net.SplitHostPort(ports[0]); err != nil {
		return err
	}
	// An orchestrator has its network before any addon comes.
	if _, err := b.docker.NetworkCreate(ctx, b.name, docker.NetworkCreateOptions{Driver: "bridge"}); err != nil {
		return err
	}
	if b.server, err = startServer(ctx, b.binary, filepath.Join(b.dir, "main"), b.name); err != nil {
		return err
	}
	if b.client, err = b.server.client(); err != nil {
		return err
	}
	b.image, err = pushProgram(ctx, b.dir, b.server.registry, "./examples/hello")
	return err
}

// close removes everything that was made.
func (b *bench) close() {
	if b.server != nil {
		b.server.stop()
	}
	// Also after Ctrl-C.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := b.sweep(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench: clean-up:", err)
	}
	_ = b.docker.Close()
	os.RemoveAll(b.dir)
}

// measureStarts starts servers on empty data directories, the worst case.
func (b *bench) measureStarts(ctx context.Context, t *table) error {
	const starts = 7
	var times []time.Duration
	for i := range starts {
		s, err := startServer(ctx, b.binary, filepath.Join(b.dir, fmt.Sprint("start", i)), b.name)
		if err != nil {
			return err
		}
		s.stop()
		times = append(times, s.serving)
	}
	t.add(row{
		what: "start to serving", value: milliseconds(median(times)), unit: "ms", bound: 500,
		note: fmt.Sprintf("all roles, an empty data directory, median of %d", starts),
	})
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	t.add(row{what: "binary", value: float64(info.Size()) / 1e6, unit: "MB", bound: 50, decimals: 1})
	return nil
}

// measureIdle watches a server that has one addon and nothing to do.
func (b *bench) measureIdle(ctx context.Context, t *table) error {
	id, err := b.publish(ctx, b.descriptor("idle", ""))
	if err != nil {
		return err
	}
	installation, err := b.install(ctx, id)
	if err != nil {
		return err
	}
	const settle, span = 5 * time.Second, 40 * time.Second
	if err := pause(ctx, settle); err != nil {
		return err
	}
	before, err := b.server.cpu()
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := pause(ctx, span); err != nil {
		return err
	}
	after, err := b.server.cpu()
	if err != nil {
		return err
	}
	resident, err := b.server.resident()
	if err != nil {
		return err
	}
	events, err := b.events(ctx, begin, begin.Add(span))
	if err != nil {
		return err
	}
	note := fmt.Sprintf("all roles, one addon installed, over %v; %d events in Docker meanwhile", span, events)
	t.add(row{what: "idle: CPU", value: 100 * float64(after-before) / float64(span), unit: "% of a core", bound: 0.5, decimals: 2, note: note})
	t.add(row{what: "idle: resident memory", value: resident, unit: "MB", bound: 60, decimals: 1, old: "162 MB (its three services)"})
	return b.uninstall(ctx, installation.ID)
}

// events counts what happened in Docker: every event wakes the engine, so a
// machine on which others use Docker is not idle.
func (b *bench) events(ctx context.Context, since, until time.Time) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream := b.docker.Events(ctx, docker.EventsListOptions{
		Since: strconv.FormatInt(since.Unix(), 10), Until: strconv.FormatInt(until.Unix(), 10),
	})
	for count := 0; ; count++ {
		select {
		case <-stream.Messages:
		case err := <-stream.Err:
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return count, err
		}
	}
}

// pause is the time over which something is measured.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
