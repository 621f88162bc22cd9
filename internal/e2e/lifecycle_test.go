package e2e_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/dockertest"
)

func (s *site) image(environment ...string) string {
	s.t.Helper()
	return dockertest.Push(s.t, dockertest.Build(s.t, environment...), s.registry+"/app:1").Tag
}

// imageNamed is like image, for tests that need several.
func (s *site) imageNamed(name string, environment ...string) string {
	s.t.Helper()
	return dockertest.Push(s.t, dockertest.Build(s.t, environment...), s.registry+"/"+name+":1").Tag
}

// component starts a container as the orchestrator has them, on a published
// port, and returns its id.
func (s *site) component(plane graft.Plane, name, image, port string) string {
	s.t.Helper()
	id := s.launch(s.componentOptions(plane, name, image, port))
	answers(s.t, port, "core")
	return id
}

// launch creates and starts a container on the orchestrator's network, and returns
// its id.
func (s *site) launch(options docker.ContainerCreateOptions) string {
	s.t.Helper()
	ctx := s.t.Context()
	pull, err := s.docker.ImagePull(ctx, options.Config.Image, docker.ImagePullOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := pull.Wait(ctx); err != nil {
		s.t.Fatal(err)
	}
	networkName := s.prefix + "-oakestra"
	if _, err := s.docker.NetworkInspect(ctx, networkName, docker.NetworkInspectOptions{}); err != nil {
		if _, err := s.docker.NetworkCreate(ctx, networkName, docker.NetworkCreateOptions{Driver: "bridge"}); err != nil {
			s.t.Fatal(err)
		}
	}
	created, err := s.docker.ContainerCreate(ctx, options)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.docker.ContainerStart(ctx, created.ID, docker.ContainerStartOptions{}); err != nil {
		s.t.Fatal(err)
	}
	return created.ID
}

// componentOptions says how the orchestrator's containers are made; without a
// port none is published.
func (s *site) componentOptions(plane graft.Plane, name, image, port string) docker.ContainerCreateOptions {
	inside := network.MustParsePort("8080/tcp")
	var published network.PortMap
	if port != "" {
		published = network.PortMap{inside: {{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: port}}}
	}
	return docker.ContainerCreateOptions{
		Name: name,
		Config: &container.Config{
			Image: image, ExposedPorts: network.PortSet{inside: {}}, Env: []string{"CORE=yes"},
			Labels: map[string]string{"com.docker.compose.project": s.prefix + "-" + string(plane), "com.docker.compose.service": name},
		},
		HostConfig: &container.HostConfig{PortBindings: published, RestartPolicy: container.RestartPolicy{Name: "always"}},
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			s.prefix + "-oakestra": {Aliases: []string{name, "also-" + name}},
		}},
	}
}

func TestExtension(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.up(graft.PlaneRoot, t.TempDir())
	port := dockertest.FreePort(t)
	name := s.prefix + "-web"
	inst := p.install(s.addon("hello", service(name, s.image("NAME=hello"), `"ports":{"8080":"`+port+`"}`)), graft.StatusActive)
	answers(t, port, "hello")

	c := s.inspect("root_" + name)
	for label, want := range map[string]string{
		"oak.addon.id": inst.ID, "oak.service.name": name,
		"com.docker.compose.project": s.prefix + "-root", "com.docker.compose.service": name,
	} {
		if got := c.Config.Labels[label]; got != want {
			t.Errorf("label %s is %q, want %q", label, got, want)
		}
	}
	if policy := c.HostConfig.RestartPolicy.Name; policy != "unless-stopped" {
		t.Errorf("restart policy %q", policy)
	}
	if !strings.Contains(c.Config.Image, "@sha256:") {
		t.Errorf("image %q is not pinned", c.Config.Image)
	}
	if _, err := p.Disable(t.Context(), inst.ID); err != nil {
		t.Fatal(err)
	}
	p.await(inst.ID, graft.StatusDisabled)
	if _, err := p.Enable(t.Context(), inst.ID); err != nil {
		t.Fatal(err)
	}
	p.await(inst.ID, graft.StatusActive)
	answers(t, port, "hello")
	p.uninstall(inst.ID)
	s.nothingLeft()
}

// A plugin takes a component's place, and the component comes back as it was.
func TestPlugin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.up(graft.PlaneCluster, t.TempDir())
	port, name := dockertest.FreePort(t), s.prefix+"-scheduler"
	id := s.component(graft.PlaneCluster, name, s.imageNamed("core", "NAME=core"), port)
	before := s.normalised(id)

	inst := p.install(s.addon("better", service(name, s.imageNamed("plugin", "NAME=plugin"))), graft.StatusActive)
	answers(t, port, "plugin")
	plugin := s.inspect(name)
	if plugin.ID == id {
		t.Fatalf("container %s is not the plugin's", name)
	}
	aliases := plugin.NetworkSettings.Networks[s.prefix+"-oakestra"].Aliases
	if !strings.Contains(strings.Join(aliases, " "), "also-"+name) {
		t.Errorf("the plugin has the aliases %v", aliases)
	}
	components, err := p.Components(t.Context())
	if err != nil || len(components) != 1 || components[0].ReplacedBy == nil {
		t.Errorf("components: %+v, %v", components, err)
	}
	p.uninstall(inst.ID)
	answers(t, port, "core")
	if diff := cmp.Diff(before, s.normalised(id)); diff != "" {
		t.Errorf("the component is not as it was (-before +after):\n%s", diff)
	}
	told := p.told(graft.EventSwapped, graft.EventRestored)
	for i, e := range told {
		if e.Component != name || e.Way != graft.SwapWarm || e.Gap == nil || *e.Gap <= 0 {
			t.Errorf("event %d is %+v", i, e)
		}
	}
	if len(told) != 2 {
		t.Errorf("told of %d swaps: %+v", len(told), told)
	}
}

// told returns the events of those types.
func (p *process) told(types ...graft.EventType) []graft.Event {
	p.t.Helper()
	var told []graft.Event
	err := p.Events(p.t.Context(), client.EventsOptions{}, func(e graft.Event) error {
		if slices.Contains(types, e.Type) {
			told = append(told, e)
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return told
}

// A plugin that does not run without its neighbours is started in its place; a
// second one queues on top, and goes again.
func TestOtherSwaps(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.up(graft.PlaneCluster, t.TempDir())
	port, name := dockertest.FreePort(t), s.prefix+"-scheduler"
	id := s.component(graft.PlaneCluster, name, s.imageNamed("core", "NAME=core"), port)
	before := s.normalised(id)

	// It ends at once unless it reaches its neighbour.
	neighbour := s.prefix + "-manager"
	s.component(graft.PlaneCluster, neighbour, s.imageNamed("core", "NAME=core"), dockertest.FreePort(t))
	first := p.install(s.addon("needy", service(name, s.imageNamed("needy", "NAME=needy"),
		`"environment":{"NEEDS":"`+neighbour+`:8080"}`)), graft.StatusActive)
	answers(t, port, "needy")
	if told := p.told(graft.EventSwapped); len(told) != 1 || told[0].Way != graft.SwapStandby {
		t.Errorf("told %+v", told)
	}

	second := p.publish(s.addon("better", service(name, s.imageNamed("better", "NAME=better"), `"stable_for":"500ms"`)))
	if _, err := p.Install(t.Context(), second.ID); graft.ErrorCode(err) != graft.CodeRefused || !strings.Contains(err.Error(), "needy") {
		t.Errorf("the second plugin: %v", err)
	}
	inst, err := p.InstallWith(t.Context(), graft.InstallRequest{MarketplaceID: second.ID, Supersede: true})
	if err != nil {
		t.Fatal(err)
	}
	p.await(inst.ID, graft.StatusActive)
	answers(t, port, "better")
	p.uninstall(inst.ID)
	answers(t, port, "needy")
	p.uninstall(first.ID)
	answers(t, port, "core")
	if diff := cmp.Diff(before, s.normalised(id)); diff != "" {
		t.Errorf("the component is not as it was (-before +after):\n%s", diff)
	}
}

// A plugin that does not come up leaves the orchestrator as it was.
func TestBadPlugin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.up(graft.PlaneCluster, t.TempDir())
	port, name := dockertest.FreePort(t), s.prefix+"-scheduler"
	id := s.component(graft.PlaneCluster, name, s.imageNamed("core", "NAME=core"), port)
	before := s.normalised(id)
	for what, more := range map[string]string{
		"exits":         farGate + `,"environment":{"EXIT_CODE":"7","EXIT_AFTER":"100ms","PRINT":"no configuration"}`,
		"can't start":   `"entrypoint":["/nothing"]`,
		"is unhealthy":  `"healthcheck":{"test":["CMD","/nothing"],"interval":"100ms","retries":1}`,
		"has a bad net": `"networks":["` + s.prefix + `-net"],"ports":{"9":"` + portOf(s.market) + `"}`,
	} {
		addon := p.publish(s.addon(strings.ReplaceAll(what, "'", ""), service(name, s.imageNamed("plugin"), more)))
		inst, err := p.Install(t.Context(), addon.ID)
		if err != nil {
			t.Fatal(err)
		}
		inst = p.awaitThat(inst.ID, "restored", func(i *graft.Installation) bool {
			return i.Details != nil && i.Details.Outcome == graft.OutcomeRestored
		})
		if inst.Status != graft.StatusFailed || inst.Details.Reason == "" {
			t.Errorf("%s: %s, %+v", what, inst.Status, inst.Details)
		}
		if what == "exits" && (!strings.Contains(inst.Details.Reason, "code 7") || !strings.Contains(inst.Logs, "no configuration")) {
			t.Errorf("%s: reason %q, logs %q", what, inst.Details.Reason, inst.Logs)
		}
		answers(t, port, "core")
		if diff := cmp.Diff(before, s.normalised(id)); diff != "" {
			t.Errorf("%s: the component is not as it was (-before +after):\n%s", what, diff)
		}
		if what == "exits" {
			var kept strings.Builder
			if err := p.Logs(t.Context(), inst.ID, client.LogOptions{Service: name}, &kept); err != nil || !strings.Contains(kept.String(), "no configuration") {
				t.Errorf("the logs of the container that is gone: %q, %v", kept.String(), err)
			}
		}
		p.uninstall(inst.ID)
	}
}

func portOf(url string) string { return url[strings.LastIndex(url, ":")+1:] }

// Two planes on one Docker Engine, each with an addon of the same name.
func TestTwoPlanes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.up(graft.PlaneRoot, t.TempDir())
	cluster := s.up(graft.PlaneCluster, t.TempDir(), "engine")
	name := s.prefix + "-same"
	descriptor := s.addon("same", service(name, s.image(), `"volumes":["data:/data"],"networks":["back"]`))
	one := root.install(descriptor, graft.StatusActive)
	two, err := cluster.Install(t.Context(), one.MarketplaceID)
	if err != nil {
		t.Fatal(err)
	}
	cluster.await(two.ID, graft.StatusActive)
	container := func(p *process, id string) string {
		inst, err := p.Installation(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return inst.Details.Services[0].ContainerID
	}
	mine := container(cluster, two.ID)
	root.uninstall(one.ID)
	if got := container(cluster, two.ID); got != mine {
		t.Errorf("the cluster's container was %s and is %s", mine, got)
	}
	if still := s.inspect("cluster_" + name); !still.State.Running || still.ID != mine {
		t.Errorf("the cluster's container was touched: %+v", still.State)
	}
	cluster.uninstall(two.ID)
	s.nothingLeft()
}

// Containers outlive the process, and the next one takes them over.
func TestRestartOfTheProcess(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dir := t.TempDir()
	p := s.up(graft.PlaneRoot, dir)
	name, port := s.prefix+"-web", dockertest.FreePort(t)
	inst := p.install(s.addon("hello", service(name, s.image("NAME=hello"), `"ports":{"8080":"`+port+`"}`)), graft.StatusActive)
	was := inst.Details.Services[0].ContainerID
	p.stop()
	answers(t, port, "hello")
	s.market = ""
	p = s.up(graft.PlaneRoot, dir)
	if _, err := s.docker.ContainerKill(t.Context(), was, docker.ContainerKillOptions{Signal: "KILL"}); err != nil {
		t.Fatal(err)
	}
	p.awaitEvent(graft.EventStatus, "active → failed") // it is over before long
	inst = p.await(inst.ID, graft.StatusActive)
	if got := inst.Details.Services[0].ContainerID; got != was {
		t.Errorf("the container was %s and is %s", was, got)
	}
	p.uninstall(inst.ID)
	s.nothingLeft()
}

// Installing what was not approved is refused, and so is a second time.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.up(graft.PlaneRoot, t.TempDir())
	addon := p.publish(s.addon("none", service("s", s.registry+"/none:1")))
	if addon.Status != graft.AddonVerificationFailed || addon.Verification.Image("s").Reason == "" {
		t.Errorf("status %s, verification %+v", addon.Status, addon.Verification)
	}
	if _, err := p.Install(t.Context(), addon.ID); graft.ErrorCode(err) != graft.CodeConflict {
		t.Errorf("unapproved: %v", err)
	}
	if _, err := p.Install(t.Context(), "000000000000000000000000"); graft.ErrorCode(err) != graft.CodeNotFound {
		t.Errorf("unknown: %v", err)
	}
	port, name := dockertest.FreePort(t), s.prefix+"-web"
	first := p.install(s.addon("first", service(name, s.image(), `"ports":{"8080":"`+port+`"}`)), graft.StatusActive)
	if _, err := p.Install(t.Context(), first.MarketplaceID); graft.ErrorCode(err) != graft.CodeExists {
		t.Errorf("twice: %v", err)
	}
	second := p.install(s.addon("second", service(name+"2", s.image(), `"ports":{"8080":"`+port+`"}`)), graft.StatusFailed)
	if second.Details.Outcome != graft.OutcomeRefused || !strings.Contains(second.Details.Reason, port) {
		t.Errorf("port taken: %+v", second.Details)
	}
	answers(t, port, "app")
	p.uninstall(second.ID)
	p.uninstall(first.ID)
	s.nothingLeft()
}

// Somebody prunes stopped containers while a plugin is in a component's place.
func TestPrunedComponent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.up(graft.PlaneCluster, t.TempDir())
	port, name := dockertest.FreePort(t), s.prefix+"-scheduler"
	id := s.component(graft.PlaneCluster, name, s.imageNamed("core", "NAME=core"), port)
	inst := p.install(s.addon("better", service(name, s.imageNamed("plugin", "NAME=plugin"))), graft.StatusActive)
	if _, err := s.docker.ContainerRemove(t.Context(), id, docker.ContainerRemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	answers(t, port, "plugin")
	p.uninstall(inst.ID)
	answers(t, port, "core")
	c := s.inspect(name)
	if policy := c.HostConfig.RestartPolicy.Name; policy != "always" {
		t.Errorf("restart policy %q", policy)
	}
	aliases := c.NetworkSettings.Networks[s.prefix+"-oakestra"].Aliases
	if !strings.Contains(strings.Join(aliases, " "), "also-"+name) {
		t.Errorf("aliases %v", aliases)
	}
}
