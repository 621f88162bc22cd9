package e2e_test

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/moby/moby/api/types/network"
	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/dockertest"
)

// theatre is what all runs share: they are many, and only the engine and what
// it works on need to be their own.
type theatre struct {
	site    *site
	market  *process
	binary  string
	core    string   // the component's image
	plugin  v1.Image // what the images of addons are made from
	subnets atomic.Int32
	running chan struct{} // has room for those that may run at a time
}

// newTheatre lets n runs go on at a time.
func newTheatre(t *testing.T, n int) *theatre {
	t.Helper()
	s := newSite(t)
	return &theatre{
		site: s, market: s.up(graft.PlaneRoot, t.TempDir(), "marketplace"), binary: buildGraft(t),
		core: s.imageNamed("core", "NAME=core"), plugin: dockertest.Build(t), running: make(chan struct{}, n),
	}
}

// network makes a network with addresses that Docker gives to no other: it has
// enough for thirty by itself, and engines need theirs.
func (th *theatre) network(t *testing.T, name string) {
	t.Helper()
	api := dockertest.Client(t)
	for {
		third := th.subnets.Add(1)
		subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 213, byte(third), 0}), 24)
		_, err := api.NetworkCreate(t.Context(), name, docker.NetworkCreateOptions{
			Driver: "bridge", IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet}}},
		})
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "overlaps") || third > 10*256 {
			t.Fatal(err)
		}
	}
}

// image returns an image that Docker does not have yet.
func (th *theatre) image(t *testing.T, run string) string {
	t.Helper()
	config, err := th.plugin.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.Config.Env = append(config.Config.Env, "NAME=plugin", "RUN="+run)
	image, err := mutate.ConfigFile(th.plugin, config)
	if err != nil {
		t.Fatal(err)
	}
	return dockertest.Push(t, image, th.site.registry+"/plugin:"+run).Tag
}

// performance is one telling of a story, with an engine that may be killed in
// the middle of it.
type performance struct {
	*site
	*program
	t       *testing.T
	theatre *theatre
	proxy   *dockerProxy
	image   string
	cluster graft.Plane

	// Of the component, if the story has one.
	component string // its name
	id        string
	port      string
	before    map[string]any
	owners    *owners
}

// perform tells a story and kills the engine at the nth changing call of each
// act. It returns how many acts have such a call.
func (th *theatre) perform(t *testing.T, s *story, after bool, n int) int {
	p := th.prepare(t, s.component)
	var hits []string
	p.proxy.strike = &strike{at: n, after: after, hit: func(call string) {
		if err := p.crash(func() { hits = append(hits, call) }); err != nil {
			t.Errorf("after a crash at %s: %v", call, err)
		}
	}}
	p.program = p.startProgram(th.binary, p.proxy.host())
	s.tell(p)
	p.retire()
	t.Logf("killed at %q of %q", hits, p.proxy.made())
	p.nothingLeaked()
	if s.component {
		p.componentIsBack()
	}
	return len(hits)
}

// prepare makes everything but the engine.
func (th *theatre) prepare(t *testing.T, component bool) *performance {
	t.Helper()
	p := &performance{t: t, theatre: th, proxy: newDockerProxy(t), cluster: graft.PlaneCluster}
	p.site = &site{t: t, docker: dockertest.Client(t), registry: th.site.registry, market: th.site.market, prefix: dockertest.Name(t)}
	p.image = th.image(t, p.tag())
	if component {
		p.setComponent()
	}
	return p
}

// tag tells one performance's images from those of others.
func (p *performance) tag() string { return strings.TrimPrefix(p.prefix, "graft-test-") }

func (p *performance) setComponent() {
	p.component, p.port = p.prefix+"-scheduler", dockertest.FreePort(p.t)
	p.theatre.network(p.t, p.prefix+"-oakestra")
	p.id = p.site.component(p.cluster, p.component, p.theatre.core, p.port)
	p.before = p.normalised(p.id)
	p.owners = p.watchOwners()
}

// publish publishes an addon of these services.
func (p *performance) publish(services ...string) *graft.Addon {
	p.t.Helper()
	return p.publishAs("better", services...)
}

func (p *performance) publishAs(name string, services ...string) *graft.Addon {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	addon, err := p.theatre.market.Publish(ctx, []byte(p.addon(name, services...)))
	for err == nil && addon.Status == graft.AddonUnderReview {
		addon, err = p.theatre.market.WaitAddon(ctx, addon.ID, addon.Revision)
	}
	if err != nil || addon.Status != graft.AddonApproved {
		p.t.Fatalf("publish: %+v, %v", addon, err)
	}
	return addon
}

// componentIsBack fails unless the component is what and where it was.
func (p *performance) componentIsBack() {
	p.t.Helper()
	answers(p.t, p.port, "core")
	if c := p.inspect(p.component); c.ID != p.id {
		p.t.Errorf("the component's name has container %s, not %s", c.ID, p.id)
	}
	if diff := cmp.Diff(p.before, p.normalised(p.id)); diff != "" {
		p.t.Errorf("the component is not as it was (-before +after):\n%s", diff)
	}
	if problems := p.owners.end(); len(problems) > 0 {
		p.t.Errorf("meanwhile: %s", strings.Join(problems, "\n"))
	}
	if got := p.owners.now(p.t.Context()); !slices.Equal(got, []string{p.id}) {
		p.t.Errorf("the name %s leads to containers %q, want %s", p.component, got, p.id)
	}
}

// nothingLeaked fails unless all that the engine made is gone. The last of it
// may have ended with the engine that was killed.
func (p *performance) nothingLeaked() {
	p.t.Helper()
	if left := p.left(); len(left) > 0 {
		p.t.Errorf("leaked: %s", strings.Join(left, ", "))
	}
}

// awaitNothing returns once all that the engine made is gone.
func (p *performance) awaitNothing() {
	p.t.Helper()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for len(p.left()) > 0 {
		select {
		case <-again.C:
		case <-late:
			return // nothingLeaked tells
		}
	}
}

// left returns what there is in Docker of this run beside its component.
func (p *performance) left() []string {
	p.t.Helper()
	var left []string
	note := func(kind, name string, labels map[string]string) {
		for _, text := range append(slices.Collect(maps.Values(labels)), name) {
			if strings.Contains(text, p.prefix) {
				left = append(left, kind+" "+name)
				return
			}
		}
	}
	containers, err := p.docker.ContainerList(p.t.Context(), docker.ContainerListOptions{All: true})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range containers.Items {
		if c.ID != p.id {
			note("container", strings.Join(c.Names, " "), c.Labels)
		}
	}
	networks, err := p.docker.NetworkList(p.t.Context(), docker.NetworkListOptions{})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, n := range networks.Items {
		if p.component == "" || n.Name != p.prefix+"-oakestra" {
			note("network", n.Name, n.Labels)
		}
	}
	volumes, err := p.docker.VolumeList(p.t.Context(), docker.VolumeListOptions{})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, v := range volumes.Items {
		note("volume", v.Name, v.Labels)
	}
	return left
}

const (
	mostCalls      = 200 // more than any story makes
	enoughFailures = 3   // to see what is wrong with a story
)

// gather tells a story once for each position in an act, as many at a time as the
// theatre has room for, and returns at how many points the engine was killed.
func (th *theatre) gather(t *testing.T, s *story, after bool) int {
	t.Helper()
	var points, failed atomic.Int32
	var ended atomic.Bool
	var all sync.WaitGroup
	for n := 1; n <= mostCalls; n++ {
		th.running <- struct{}{}
		late := outOfTime(t)
		if late || ended.Load() || failed.Load() >= enoughFailures {
			if late {
				t.Errorf("the time of this test run is over, at position %d", n)
			}
			<-th.running
			break
		}
		all.Go(func() {
			defer func() { <-th.running }()
			told, killed := false, 0
			passed := t.Run(strconv.Itoa(n), func(t *testing.T) {
				told = true
				killed = th.perform(t, s, after, n)
			})
			switch { // nothing was told if this position was not asked for
			case !passed:
				failed.Add(1)
			case killed > 0:
				points.Add(int32(killed))
			case told:
				ended.Store(true)
			}
		})
	}
	all.Wait()
	got := int(points.Load())
	if ended.Load() && !t.Failed() && got < s.least {
		t.Errorf("only %d points, not %d: the story is too short to mean anything", got, s.least)
	}
	return got
}

// outOfTime is whether what begins now may be cut off by the end of the whole
// test run, which would leave processes and containers behind.
func outOfTime(t *testing.T) bool {
	deadline, ok := t.Deadline()
	return ok && time.Until(deadline) < patience
}
