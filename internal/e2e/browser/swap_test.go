package browser_test

import (
	"net/netip"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft/internal/dockertest"
)

// A plugin takes the place of a component, and leaves it again with one click; who
// looks at the components sees both.
func TestSwap(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	port, name := dockertest.FreePort(t), s.prefix+"-scheduler"
	s.component(name, s.image("core", "NAME=core"), port)
	s.answers(port, "core")
	better := s.publish(s.descriptor("scheduler", s.image("better", "NAME=better")))

	watching, p := s.signedIn(), s.signedIn()
	watching.open("/components")
	watching.see(name, "Original, running", "all are original")
	watching.stay(func() {
		p.open("/addons/" + better.ID + "/install")
		p.see("Components that step aside", name+" makes room for "+name)
		p.click("Install")
		p.see("Active", "in place of "+name)
		watching.see("1 replaced", "Replaced", better.Name+" took its place", "and is Active. The original waits, unchanged")
	})
	s.answers(port, "better")

	p.open("/components")
	p.see("1 replaced")
	watching.click("Restore " + name)
	watching.see("Disabled")
	p.stay(func() { p.see("all are original", "Original, running") })
	s.answers(port, "core")
}

// component starts a container as the orchestrator has them, on a published port.
func (s *site) component(name, image, port string) {
	s.t.Helper()
	ctx, api := s.t.Context(), dockertest.Client(s.t)
	pull, err := api.ImagePull(ctx, image, docker.ImagePullOptions{})
	if err == nil {
		err = pull.Wait(ctx)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	net := s.prefix + "-oakestra"
	if _, err := api.NetworkInspect(ctx, net, docker.NetworkInspectOptions{}); err != nil {
		if _, err := api.NetworkCreate(ctx, net, docker.NetworkCreateOptions{Driver: "bridge"}); err != nil {
			s.t.Fatal(err)
		}
	}
	inside := network.MustParsePort("8080/tcp")
	created, err := api.ContainerCreate(ctx, docker.ContainerCreateOptions{
		Name: name,
		Config: &container.Config{
			Image: image, ExposedPorts: network.PortSet{inside: {}},
			Labels: map[string]string{"com.docker.compose.project": s.prefix + "-root", "com.docker.compose.service": name},
		},
		HostConfig: &container.HostConfig{
			PortBindings:  network.PortMap{inside: {{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: port}}},
			RestartPolicy: container.RestartPolicy{Name: "always"},
		},
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{net: {Aliases: []string{name}}}},
	})
	if err == nil {
		_, err = api.ContainerStart(ctx, created.ID, docker.ContainerStartOptions{})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}
