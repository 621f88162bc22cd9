package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft"
)

// visits is what a client inside a network met.
type visits struct {
	Answers  map[string]int // by who gave them
	Failures int
	First    string // failure
	Slowest  time.Duration
}

const visitPace = 3 * time.Millisecond

// measureVisits lets a container ask for a component by its name, on a network
// that both are on, while plugins take its place and go again.
func (b *bench) measureVisits(ctx context.Context, t *table, requests int) error {
	name := b.service("manager")
	if err := b.component(ctx, name, ""); err != nil {
		return err
	}
	addon, err := b.plugin(ctx, "visit", name)
	if err != nil {
		return err
	}
	visitor, done, err := b.startVisitor(ctx, "http://"+name+":"+inside+"/", requests)
	if err != nil {
		return err
	}
	swaps, err := b.swapUntil(ctx, addon, done)
	if err != nil {
		return err
	}
	v, err := b.visits(ctx, visitor)
	if err != nil {
		return err
	}
	if v.Answers[componentName] == 0 || v.Answers[pluginName] == 0 {
		return fmt.Errorf("the component and the plugin should both have answered: %+v", v)
	}
	note := fmt.Sprintf("by name inside a network, on new connections, during %d swaps there and back; the slowest took %.0f ms", swaps, milliseconds(v.Slowest))
	if v.First != "" {
		note += "; the first failure: " + v.First
	}
	t.add(row{what: "failed requests", value: float64(v.Failures), unit: fmt.Sprintf("of %d", requests), never: true, note: note})
	return b.discard(ctx, name, visitor)
}

// startVisitor starts a container that makes so many requests and ends; the
// channel tells when.
func (b *bench) startVisitor(ctx context.Context, url string, requests int) (string, <-chan container.WaitResponse, error) {
	image, err := pushProgram(ctx, b.dir, b.server.registry, "./bench")
	if err != nil {
		return "", nil, err
	}
	if err := b.pull(ctx, image); err != nil {
		return "", nil, err
	}
	created, err := b.docker.ContainerCreate(ctx, docker.ContainerCreateOptions{
		Name:       b.service("visitor"),
		Config:     &container.Config{Image: image, Cmd: []string{"visit", "-url", url, "-requests", fmt.Sprint(requests)}},
		HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(b.name)},
		NetworkingConfig: &network.NetworkingConfig{
			EndpointsConfig: map[string]*network.EndpointSettings{b.name: {}},
		},
	})
	if err != nil {
		return "", nil, err
	}
	done := b.docker.ContainerWait(ctx, created.ID, docker.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	_, err = b.docker.ContainerStart(ctx, created.ID, docker.ContainerStartOptions{})
	return created.ID, done.Result, err
}

// swapUntil installs and disables an addon again and again until the visitor is
// done, and returns how often.
func (b *bench) swapUntil(ctx context.Context, addon string, done <-chan container.WaitResponse) (int, error) {
	installation, err := b.install(ctx, addon)
	if err != nil {
		return 0, err
	}
	for swaps := 1; ; swaps++ {
		if err := b.turn(ctx, installation.ID, graft.StatusDisabled); err != nil {
			return swaps, err
		}
		select {
		case <-ctx.Done():
			return swaps, ctx.Err()
		case end := <-done:
			if end.StatusCode != 0 {
				return swaps, fmt.Errorf("the visitor ended with code %d", end.StatusCode)
			}
			return swaps, b.uninstall(ctx, installation.ID)
		default:
		}
		if err := b.turn(ctx, installation.ID, graft.StatusActive); err != nil {
			return swaps, err
		}
	}
}

// visits reads what a visitor printed.
func (b *bench) visits(ctx context.Context, id string) (visits, error) {
	var v visits
	logs, err := b.docker.ContainerLogs(ctx, id, docker.ContainerLogsOptions{ShowStdout: true})
	if err != nil {
		return v, err
	}
	defer logs.Close()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, io.Discard, logs); err != nil {
		return v, err
	}
	return v, json.Unmarshal(out.Bytes(), &v)
}

// runVisit is the visitor: it makes one short request after the other at a
// steady pace, whether the last one is answered or not.
func runVisit(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("visit", flag.ContinueOnError)
	url := flags.String("url", "", "what to ask for")
	requests := flags.Int("requests", 1, "how often")
	timeout := flags.Duration("timeout", 5*time.Second, "after which a request has failed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *url == "" || os.Getpid() != 1 {
		return errors.New("visit needs -url, and runs in a container of its own")
	}
	client := &http.Client{Timeout: *timeout, Transport: &http.Transport{DisableKeepAlives: true}}
	v := visits{Answers: map[string]int{}}
	var (
		mu   sync.Mutex
		wait sync.WaitGroup
	)
	tick := time.NewTicker(visitPace)
	defer tick.Stop()
	for range *requests {
		<-tick.C
		wait.Go(func() {
			begin := time.Now()
			who, err := answer(ctx, client, *url)
			mu.Lock()
			defer mu.Unlock()
			v.note(who, time.Since(begin), err)
		})
	}
	wait.Wait()
	return json.NewEncoder(out).Encode(v)
}

func (v *visits) note(who string, took time.Duration, err error) {
	if err != nil {
		if v.Failures++; v.First == "" {
			v.First = err.Error()
		}
		return
	}
	v.Answers[who]++
	v.Slowest = max(v.Slowest, took)
}
