package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/dockertest"
)

// TestComposeUp makes a component anew while a plugin is in its place, with the
// calls that "docker compose up -d --force-recreate" makes. It does so while the
// engine runs, and while it does not: then nobody interferes with the calls.
func TestComposeUp(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ published, away bool }{
		"without a host port":              {},
		"with a host port":                 {published: true},
		"without a host port, engine away": {away: true},
		"with a host port, engine away":    {published: true, away: true},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			m := newComposed(t, c.published)
			if c.away {
				m.p.stop()
			}
			m.recreate()
			m.startFirst(c.away)
			if c.away {
				m.market = ""
				m.p = m.up(graft.PlaneCluster, m.dir)
			}
			m.awaitNone(m.wrong)
			m.p.awaitEvent(graft.EventComponent, "made it anew as "+m.temporaryName())
			m.startAgain()
			m.comesBack()
		})
	}
}

// composed is a component that Docker Compose made, and a plugin in its place.
type composed struct {
	*site
	p       *process
	dir     string // the engine's
	options docker.ContainerCreateOptions
	name    string
	port    string // "" if none is published
	before  map[string]any
	asker   string // port of a neighbour on the component's network
	old     string // id of the container that the component was
	anew    string // of the one that it is then
	inst    *graft.Installation
	plugin  container.InspectResponse
}

func newComposed(t *testing.T, published bool) *composed {
	t.Helper()
	m := &composed{site: newSite(t), dir: t.TempDir(), asker: dockertest.FreePort(t)}
	m.name = m.prefix + "-scheduler"
	image := m.imageNamed("core", "NAME=core")
	m.component(graft.PlaneCluster, m.prefix+"-asker", image, m.asker)
	if published {
		m.port = dockertest.FreePort(t)
	}
	m.options = m.componentOptions(graft.PlaneCluster, m.name, image, m.port)
	m.old = m.launch(m.options)
	m.awaitNone(func() string { return m.unanswered("core") })
	m.before = m.normalised(m.old)

	m.p = m.up(graft.PlaneCluster, m.dir)
	m.inst = m.p.install(m.addon("better", service(m.name, m.imageNamed("plugin", "NAME=plugin"), `"stable_for":"500ms"`)), graft.StatusActive)
	m.plugin = m.inspect(m.name)
	m.awaitNone(func() string { return m.unanswered("plugin") })
	return m
}

// unanswered says who does not answer like that: on the network by each of the
// component's names, or on its host port.
func (m *composed) unanswered(want string) string {
	for _, name := range []string{m.name, "also-" + m.name} {
		if got := m.ask("/get?url=http://" + name + ":8080/"); got != want {
			return fmt.Sprintf("to the name %s answers %q, not %q", name, got, want)
		}
	}
	if m.port != "" {
		if got := get(m.t.Context(), m.port); got != want {
			return fmt.Sprintf("port %s answers %q, not %q", m.port, got, want)
		}
	}
	return ""
}

// ask asks the neighbour.
func (m *composed) ask(path string) string {
	return fetch(m.t.Context(), "http://127.0.0.1:"+m.asker+path)
}

// temporaryName is the one that Compose gives to a new container.
func (m *composed) temporaryName() string { return m.old[:12] + "_" + m.name }

// recreate is the first "up": it makes the new container and removes the old one,
// and ends where the new one is to have the old one's name.
func (m *composed) recreate() {
	m.t.Helper()
	ctx, options := m.t.Context(), m.options
	options.Name = m.temporaryName()
	created, err := m.docker.ContainerCreate(ctx, options)
	if err != nil {
		m.t.Fatal(err)
	}
	m.anew = created.ID
	if _, err := m.docker.ContainerStop(ctx, m.old, docker.ContainerStopOptions{}); err != nil {
		m.t.Fatal(err)
	}
	if _, err := m.docker.ContainerRemove(ctx, m.old, docker.ContainerRemoveOptions{}); err != nil {
		m.t.Fatal(err)
	}
	if _, err := m.docker.ContainerRename(ctx, m.anew, docker.ContainerRenameOptions{NewName: m.name}); !errdefs.IsConflict(err) {
		m.t.Fatalf("the plugin's name could be taken: %v", err)
	}
	if wrong := m.unanswered("plugin"); wrong != "" {
		m.t.Error(wrong)
	}
}

// startFirst is the next "up", at once. Unless the engine has been there before,
// the new container starts just if its port is free.
func (m *composed) startFirst(away bool) {
	m.t.Helper()
	err := m.startAnew()
	switch taken := err != nil && strings.Contains(err.Error(), "port is already allocated"); {
	case m.port == "" && err != nil, err != nil && !taken:
		m.t.Fatalf("the new container does not start: %v", err)
	case away && m.port != "" && !taken:
		m.t.Fatalf("the new container starts, and the plugin has its port")
	}
}

func (m *composed) startAnew() error {
	_, err := m.docker.ContainerStart(m.t.Context(), m.anew, docker.ContainerStartOptions{})
	return err
}

// wrong says what is not as it should be while the plugin is in place.
func (m *composed) wrong() string {
	m.t.Helper()
	c := m.inspect(m.anew)
	if state := c.State; state.Running || c.HostConfig.RestartPolicy.Name != "no" || c.Name != "/"+m.name+".graft-aside-"+m.anew[:12] {
		return fmt.Sprintf("the new container %s is %s and has restart policy %s", c.Name, state.Status, c.HostConfig.RestartPolicy.Name)
	}
	if m.port != "" && len(c.NetworkSettings.Networks) > 0 { // it could not start
		return "the new container, aside, would want its port"
	}
	if wrong := m.namedOtherThan(m.plugin.ID); wrong != "" {
		return wrong
	}
	return m.unanswered("plugin")
}

// namedOtherThan says which running containers have the component's name, if it
// is not this one alone: those whose name or alias it is, and those to whom it
// leads.
func (m *composed) namedOtherThan(id string) string {
	m.t.Helper()
	var ids, addresses []string
	for _, c := range m.containers() {
		endpoint := c.NetworkSettings.Networks[m.prefix+"-oakestra"]
		if !c.State.Running || endpoint == nil {
			continue
		}
		if c.Name == "/"+m.name || slices.Contains(endpoint.Aliases, m.name) || slices.Contains(endpoint.Aliases, "also-"+m.name) {
			ids, addresses = append(ids, c.ID), append(addresses, endpoint.IPAddress.String())
		}
	}
	if !slices.Equal(ids, []string{id}) {
		return fmt.Sprintf("the name is that of the containers %q, not of %s", ids, id)
	}
	for _, name := range []string{m.name, "also-" + m.name} {
		if got := m.ask("/lookup?host=" + name); got != addresses[0] {
			return fmt.Sprintf("the name %s leads to %q, not to %s", name, got, addresses[0])
		}
	}
	return ""
}

// containers returns those of this site.
func (m *composed) containers() []container.InspectResponse {
	m.t.Helper()
	list, err := m.docker.ContainerList(m.t.Context(), docker.ContainerListOptions{All: true, Filters: docker.Filters{}.Add("name", m.prefix)})
	if err != nil {
		m.t.Fatal(err)
	}
	var found []container.InspectResponse
	for _, c := range list.Items {
		result, err := m.docker.ContainerInspect(m.t.Context(), c.ID, docker.ContainerInspectOptions{})
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			m.t.Fatal(err)
		}
		found = append(found, result.Container)
	}
	return found
}

// startAgain is an "up" once the engine has put all right: the container starts,
// and the engine stops it again. The plugin knows nothing of all that.
func (m *composed) startAgain() {
	m.t.Helper()
	finished := m.inspect(m.anew).State.FinishedAt
	if err := m.startAnew(); err != nil {
		m.t.Fatalf("the new container, aside, does not start: %v", err)
	}
	m.awaitNone(func() string {
		if state := m.inspect(m.anew).State; state.FinishedAt == finished {
			return "the new container, aside, is not stopped again: it is " + string(state.Status)
		}
		return m.wrong()
	})
	m.p.awaitEvent(graft.EventComponent, "somebody started it")
	inst, err := m.p.Installation(m.t.Context(), m.inst.ID)
	if err != nil || inst.Status != graft.StatusActive || inst.Details.Outcome != graft.OutcomeDone {
		m.t.Errorf("the installation is %+v, %v", inst, err)
	}
	was, now := m.plugin, m.inspect(m.name)
	if now.ID != was.ID || now.State.StartedAt != was.State.StartedAt || now.RestartCount != was.RestartCount {
		m.t.Errorf("the plugin was %s, started at %s, and is %s, started at %s", was.ID, was.State.StartedAt, now.ID, now.State.StartedAt)
	}
	if diff := cmp.Diff(endpoints(was), endpoints(now)); diff != "" {
		m.t.Errorf("the plugin was moved (-before +after):\n%s", diff)
	}
}

// endpoints returns the ids of a container's endpoints, by network.
func endpoints(c container.InspectResponse) map[string]string {
	ids := map[string]string{}
	for name, e := range c.NetworkSettings.Networks {
		ids[name] = e.EndpointID
	}
	return ids
}

// comesBack uninstalls the addon: the container that Compose made has the place,
// and is all that is there.
func (m *composed) comesBack() {
	m.t.Helper()
	m.p.uninstall(m.inst.ID)
	back := m.inspect(m.name)
	if back.ID != m.anew || !back.State.Running {
		m.t.Fatalf("the component is container %s, %s, and should be %s", back.ID, back.State.Status, m.anew)
	}
	m.awaitNone(func() string { return m.unanswered("core") })
	if wrong := m.namedOtherThan(m.anew); wrong != "" {
		m.t.Error(wrong)
	}
	if diff := cmp.Diff(loosened(m.before), loosened(m.normalised(m.anew))); diff != "" {
		m.t.Errorf("the component is not what it would be without all that (-want +got):\n%s", diff)
	}
	if all := m.containers(); len(all) != 2 {
		m.t.Errorf("%d containers are left, not the component and its neighbour alone", len(all))
	}
}
