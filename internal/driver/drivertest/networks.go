package drivertest

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// run creates and starts a container.
func (s *suite) run(spec driver.ContainerSpec) string {
	s.Helper()
	id := s.create(spec)
	s.must(s.Driver.Start(s.ctx, id))
	return id
}

// internal makes an internal network and returns its name.
func (s *suite) internal(suffix string) string {
	s.Helper()
	name := s.name(suffix)
	s.must(s.Driver.CreateNetwork(s.ctx, driver.NetworkSpec{Name: name, Driver: "bridge", Internal: true, Labels: s.labels()}))
	return name
}

// wantNetworks fails unless a container is configured for these networks.
func (s *suite) wantNetworks(id string, want ...string) driver.Container {
	s.Helper()
	c := s.mustHave(id)
	var got []string
	for _, e := range c.Endpoints {
		got = append(got, e.Network)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.Errorf("container %q is on the networks %v, want %v", c.Name, got, want)
	}
	return c
}

func testAddresses(s *suite) {
	spec := s.spec("a")
	spec.Endpoints = append(spec.Endpoints, driver.Endpoint{Network: s.network("net2")})
	a := s.create(spec)
	if got := s.mustHave(a).Addresses; len(got) != 0 {
		s.Errorf("the created container has the addresses %v", got)
	}
	s.must(s.Driver.Start(s.ctx, a))
	spec.Name = s.name("b")
	b := s.run(spec)
	got := slices.Concat(s.mustHave(a).Addresses, s.mustHave(b).Addresses)
	slices.Sort(got)
	if len(slices.Compact(got)) != 4 {
		s.Errorf("addresses are %v, want two of each container", got)
	}
	s.must(s.Driver.Disconnect(s.ctx, a, s.name("net2")))
	if got := s.mustHave(a).Addresses; len(got) != 1 {
		s.Errorf("addresses are %v on one network", got)
	}
	s.must(s.Driver.Stop(s.ctx, a))
	if got := s.mustHave(a).Addresses; len(got) != 0 {
		s.Errorf("the stopped container has the addresses %v", got)
	}
}

func testStaticAddress(s *suite) {
	network := s.name("static")
	address := s.Subnet(network)
	static := driver.Endpoint{Network: network, IPv4Address: address}
	wantAddress := func(id string) {
		s.Helper()
		c := s.mustHave(id)
		if len(c.Endpoints) == 0 || !slices.ContainsFunc(c.Endpoints, func(e driver.Endpoint) bool { return e.IPv4Address == address }) {
			s.Errorf("endpoints are %+v, want the configured address %s", c.Endpoints, address)
		}
		if c.Running() && !slices.Contains(c.Addresses, address) {
			s.Errorf("addresses are %v, want %s", c.Addresses, address)
		}
	}
	spec := s.spec("a")
	home := spec.Endpoints[0]
	spec.Endpoints = []driver.Endpoint{static}
	a := s.create(spec)
	wantAddress(a)
	s.must(s.Driver.Start(s.ctx, a))
	wantAddress(a)

	spec.Name = s.name("b")
	spec.Endpoints = []driver.Endpoint{home}
	b := s.run(spec)
	s.want(s.Driver.Connect(s.ctx, b, static), graft.CodeConflict, network)
	s.wantNetworks(b, home.Network)
	if c := s.mustHave(b); len(c.Addresses) != 1 {
		s.Errorf("addresses are %v after a conflict", c.Addresses)
	}
	spec.Name = s.name("c")
	spec.Endpoints = []driver.Endpoint{static}
	c := s.create(spec) // they collide only when both run
	s.want(s.Driver.Start(s.ctx, c), graft.CodeConflict, "address")
	s.must(s.Driver.Disconnect(s.ctx, a, network))
	s.must(s.Driver.Connect(s.ctx, b, static))
	wantAddress(b)
	s.must(s.Driver.Remove(s.ctx, b))
	s.must(s.Driver.Start(s.ctx, c))
	wantAddress(c)

	static.IPv4Address = "seven"
	s.want(s.Driver.Connect(s.ctx, a, static), graft.CodeInvalid, "seven")
}

func testReconnect(s *suite) {
	network := s.name("static")
	address := s.Subnet(network)
	spec := s.spec("web")
	two := spec.Endpoints[0].Network
	spec.Endpoints = []driver.Endpoint{
		{Network: network, Aliases: []string{"api", "web"}, IPv4Address: address},
		{Network: two, Aliases: []string{"www"}},
	}
	spec.Ports = []driver.Port{{HostPort: s.FreePort(), ContainerPort: 8080, Protocol: "tcp"}}
	id := s.run(spec)
	was := s.mustHave(id)
	same := func() {
		s.Helper()
		if c := s.mustHave(id); !reflect.DeepEqual(c.Endpoints, was.Endpoints) || !reflect.DeepEqual(c.Ports, was.Ports) {
			s.Errorf("the container is on %v with ports %v, want %v and %v", c.Endpoints, c.Ports, was.Endpoints, was.Ports)
		}
	}
	for _, running := range []bool{true, false} {
		if !running {
			s.must(s.Driver.Stop(s.ctx, id))
		}
		for _, n := range []string{network, two} {
			s.must(s.Driver.Disconnect(s.ctx, id, n))
		}
		s.wantNetworks(id)
		for range 2 { // what is done already succeeds
			s.must(s.Driver.Reconnect(s.ctx, id, was.Record, two))
			s.must(s.Driver.Reconnect(s.ctx, id, was.Record, network))
		}
		same()
	}
	s.must(s.Driver.Start(s.ctx, id))
	same()
	if got := s.mustHave(id).Addresses; !slices.Contains(got, address) {
		s.Errorf("addresses are %v, want %s among them", got, address)
	}

	s.want(s.Driver.Reconnect(s.ctx, id, was.Record, s.network("other")), graft.CodeInvalid, s.name("other"))
	s.want(s.Driver.Reconnect(s.ctx, id, json.RawMessage(`{}`), two), graft.CodeInvalid, "record")
	s.want(s.Driver.Reconnect(s.ctx, s.name("nobody"), was.Record, two), graft.CodeNotFound, s.name("nobody"))
	s.must(s.Driver.Disconnect(s.ctx, id, two))
	s.must(s.Driver.RemoveNetwork(s.ctx, two))
	s.want(s.Driver.Reconnect(s.ctx, id, was.Record, two), graft.CodeNotFound, two)
}

// testInternalNetwork moves a host port from one running container to another
// and back.
func testInternalNetwork(s *suite) {
	internal := s.internal("internal")
	spec := s.spec("component")
	home := spec.Endpoints[0].Network
	spec.Ports = []driver.Port{{HostPort: s.FreePort(), ContainerPort: 8080, Protocol: "tcp"}}
	taken := strconv.Itoa(int(spec.Ports[0].HostPort))
	component := s.run(spec)
	record := s.mustHave(component).Record

	spec.Name, spec.Endpoints = s.name("plugin"), []driver.Endpoint{{Network: internal}}
	plugin := s.run(spec) // side by side
	for range 2 {
		s.want(s.Driver.Connect(s.ctx, plugin, driver.Endpoint{Network: home}), graft.CodeConflict, taken)
		s.wantNetworks(plugin, internal)
	}
	s.must(s.Driver.Disconnect(s.ctx, component, home))
	s.must(s.Driver.Connect(s.ctx, plugin, driver.Endpoint{Network: home, Aliases: []string{"component"}}))
	s.wantNetworks(plugin, internal, home)
	s.want(s.Driver.Reconnect(s.ctx, component, record, home), graft.CodeConflict, taken)
	s.wantNetworks(component)

	// Ports that are published stay so on any network that is left.
	s.must(s.Driver.Disconnect(s.ctx, plugin, home))
	s.want(s.Driver.Reconnect(s.ctx, component, record, home), graft.CodeConflict, taken)
	s.must(s.Driver.Disconnect(s.ctx, plugin, internal))
	s.must(s.Driver.Reconnect(s.ctx, component, record, home))
	s.must(s.Driver.Connect(s.ctx, plugin, driver.Endpoint{Network: internal}))
	for id, network := range map[string]string{component: home, plugin: internal} {
		if c := s.wantNetworks(id, network); c.State != driver.StateRunning || c.Restarts != 0 {
			s.Errorf("container %q is %s", c.Name, c.State)
		}
	}
}

// testMove moves an endpoint with a host port there and back, in one go each.
func testMove(s *suite) {
	internal := s.internal("internal")
	spec := s.spec("component")
	home := spec.Endpoints[0].Network
	spec.Ports = []driver.Port{{HostPort: s.FreePort(), ContainerPort: 8080, Protocol: "tcp"}}
	component := s.run(spec)
	was := s.mustHave(component)
	spec.Name, spec.Endpoints = s.name("plugin"), []driver.Endpoint{{Network: internal}}
	plugin := s.run(spec)
	there := driver.Endpoint{Network: home, Aliases: []string{"component"}}
	for range 2 {
		for range 2 { // what is done already succeeds
			s.must(s.Driver.Move(s.ctx, component, plugin, there, nil))
		}
		s.wantNetworks(component)
		if c := s.wantNetworks(plugin, internal, home); c.State != driver.StateRunning || c.Restarts != 0 {
			s.Errorf("the plugin is %s", c.State)
		}
		s.must(s.Driver.Disconnect(s.ctx, plugin, internal))
		for range 2 {
			s.must(s.Driver.Move(s.ctx, plugin, component, there, was.Record))
		}
		s.wantNetworks(plugin)
		if c := s.wantNetworks(component, home); !reflect.DeepEqual(c.Endpoints, was.Endpoints) || c.StartedAt != was.StartedAt {
			s.Errorf("the component is back as %+v, was %+v", c, was)
		}
		s.must(s.Driver.Connect(s.ctx, plugin, driver.Endpoint{Network: internal}))
	}
	s.want(s.Driver.Move(s.ctx, component, s.name("nobody"), there, nil), graft.CodeNotFound, s.name("nobody"))
}

func testNetworkGone(s *suite) {
	internal := s.internal("internal")
	spec := s.spec("web")
	home := spec.Endpoints[0].Network
	spec.Endpoints = []driver.Endpoint{{Network: internal}}
	id := s.run(spec)
	s.must(s.Driver.Stop(s.ctx, id))
	s.must(s.Driver.RemoveNetwork(s.ctx, internal))
	s.wantNetworks(id, internal)
	s.must(s.Driver.Connect(s.ctx, id, driver.Endpoint{Network: home}))
	s.want(s.Driver.Start(s.ctx, id), graft.CodeNotFound)
	s.internal("internal") // of the same name, and not the same
	s.want(s.Driver.Start(s.ctx, id), graft.CodeNotFound)
	s.must(s.Driver.RemoveNetwork(s.ctx, internal))
	s.must(s.Driver.Disconnect(s.ctx, id, internal))
	s.must(s.Driver.Disconnect(s.ctx, id, internal))
	s.must(s.Driver.Start(s.ctx, id))
	s.wantNetworks(id, home)
}

// testWithoutNetworks starts a container that was taken off its networks: it
// stays without.
func testWithoutNetworks(s *suite) {
	spec := s.spec("web")
	home := spec.Endpoints[0].Network
	spec.Ports = []driver.Port{{HostPort: s.FreePort(), ContainerPort: 8080, Protocol: "tcp"}}
	id := s.run(spec)
	s.must(s.Driver.Disconnect(s.ctx, id, home))
	s.must(s.Driver.Stop(s.ctx, id))
	s.must(s.Driver.Start(s.ctx, id))
	if c := s.wantNetworks(id); !c.Running() || len(c.Addresses) != 0 || c.NetworkMode != home {
		s.Errorf("the container without networks is %+v", c)
	}
	spec.Name = s.name("other")
	s.run(spec) // the port is free
}

func testMounts(s *suite) {
	spec := s.spec("web")
	spec.Mounts = []driver.Mount{
		{Source: s.name("b"), Target: "/b"},
		{Source: s.name("a"), Target: "/a", Mode: "ro"},
		{Source: "/etc", Target: "/c", Bind: true, Mode: "ro"},
	}
	id := s.create(spec)
	want := []driver.Mount{
		{Source: s.name("a"), Target: "/a", Mode: "ro"},
		{Source: s.name("b"), Target: "/b", Mode: "rw"},
		{Source: "/etc", Target: "/c", Bind: true, Mode: "ro"},
	}
	for range 2 {
		if got := s.mustHave(id).Mounts; !slices.Equal(got, want) {
			s.Errorf("mounts are %+v, want %+v", got, want)
		}
		s.must(s.Driver.Start(s.ctx, id))
	}
}
