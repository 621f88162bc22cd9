package drivertest

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

func testInfo(s *suite) {
	info, err := s.Driver.Info(s.ctx)
	s.must(err)
	if info.Name == "" || info.Version == "" || info.APIVersion == "" || !strings.Contains(info.Platform, "/") {
		s.Errorf("info is %+v, want every field", info)
	}
}

func testLifecycle(s *suite) {
	spec := s.spec("web")
	spec.Restart = "unless-stopped"
	spec.Labels["inherited"] = "yes"
	spec.StopGracePeriod = 7 * time.Second
	id := s.create(spec)

	c := s.wantState(id, driver.StateCreated)
	switch {
	case c.Name != spec.Name, c.Image != spec.Image, c.ImageID == "", c.ImageDigest != spec.Image, c.RestartPolicy != spec.Restart,
		c.NetworkMode != spec.Endpoints[0].Network, c.Labels["inherited"] != "yes", c.CreatedAt.IsZero(),
		!c.StartedAt.IsZero(), !c.FinishedAt.IsZero(), c.Health != "", !json.Valid(c.Record), c.Running(),
		c.StopTimeout != spec.StopGracePeriod, c.AutoRemove:
		s.Errorf("created container is %+v", c)
	}

	s.must(s.Driver.Start(s.ctx, id))
	s.must(s.Driver.Start(s.ctx, id))
	if c = s.wantState(id, driver.StateRunning); c.StartedAt.IsZero() || !c.Running() || c.Restarts != 0 {
		s.Errorf("running container is %+v", c)
	}
	s.awaitStarted(id)
	s.must(s.Driver.Stop(s.ctx, id))
	s.must(s.Driver.Stop(s.ctx, id))
	if c = s.wantState(id, driver.StateExited); c.FinishedAt.IsZero() || c.ExitCode != 0 || c.Running() {
		s.Errorf("stopped container is %+v", c)
	}
	s.must(s.Driver.Start(s.ctx, spec.Name)) // by name as well
	s.wantState(id, driver.StateRunning)

	var removers sync.WaitGroup
	for range 3 { // although it runs, and others do the same
		removers.Go(func() {
			if err := s.Driver.Remove(s.ctx, id); err != nil {
				s.Error(err)
			}
		})
	}
	removers.Wait()
	s.must(s.Driver.Remove(s.ctx, id))
	if s.container(id) != nil {
		s.Error("the removed container is still there")
	}
}

func testNames(s *suite) {
	spec := s.spec("a")
	a := s.create(spec)
	_, err := s.Driver.Create(s.ctx, spec)
	s.want(err, graft.CodeConflict, spec.Name, a[:12])

	spec.Name = s.name("b")
	b := s.create(spec)
	s.want(s.Driver.Rename(s.ctx, b, s.name("a")), graft.CodeConflict, s.name("a"), a[:12])
	s.must(s.Driver.Rename(s.ctx, a, s.name("a")))
	s.must(s.Driver.Rename(s.ctx, a, s.name("c")))
	s.must(s.Driver.Rename(s.ctx, a, s.name("c")))
	s.must(s.Driver.Rename(s.ctx, b, s.name("a")))
	if got := s.mustHave(a).Name; got != s.name("c") {
		s.Errorf("renamed container is called %q", got)
	}
	if got := s.mustHave(s.name("a")).ID; got != b {
		s.Errorf("the name leads to %s, want %s", got, b)
	}
}

func testAbsent(s *suite) {
	spec := s.spec("web")
	const nobody = "ab12" // could be the beginning of an id
	s.must(s.Driver.Stop(s.ctx, nobody))
	s.must(s.Driver.Remove(s.ctx, nobody))
	s.must(s.Driver.Disconnect(s.ctx, nobody, spec.Endpoints[0].Network))
	s.want(s.Driver.Start(s.ctx, nobody), graft.CodeNotFound, nobody)
	s.want(s.Driver.Rename(s.ctx, nobody, s.name("x")), graft.CodeNotFound, nobody)
	s.want(s.Driver.SetRestartPolicy(s.ctx, nobody, "no"), graft.CodeNotFound, nobody)
	s.want(s.Driver.Connect(s.ctx, nobody, spec.Endpoints[0]), graft.CodeNotFound, nobody)
	s.want(s.Driver.Logs(s.ctx, nobody, driver.LogOptions{}, &strings.Builder{}), graft.CodeNotFound, nobody)

	id := s.create(spec)
	s.must(s.Driver.Disconnect(s.ctx, id, s.name("no-network")))
	s.want(s.Driver.Connect(s.ctx, id, driver.Endpoint{Network: s.name("no-network")}), graft.CodeNotFound, s.name("no-network"))

	spec.Name = s.name("no-network")
	spec.Endpoints = []driver.Endpoint{spec.Endpoints[0], {Network: s.name("no-network")}}
	_, err := s.Driver.Create(s.ctx, spec)
	s.want(err, graft.CodeNotFound, s.name("no-network"))
	if s.container(spec.Name) != nil {
		s.Error("a container is left although its creation failed")
	}

	spec.Endpoints = spec.Endpoints[:1]
	spec.Image = s.Missing
	_, err = s.Driver.Create(s.ctx, spec)
	s.want(err, graft.CodeNotFound, s.Missing)
	if s.container(spec.Name) != nil {
		s.Error("a container is left although its image is missing")
	}
}

func testInvalid(s *suite) {
	spec := s.spec("web")
	spec.Restart = "sometimes"
	_, err := s.Driver.Create(s.ctx, spec)
	s.want(err, graft.CodeInvalid, "sometimes")
	spec.Restart, spec.Endpoints = "no", nil
	_, err = s.Driver.Create(s.ctx, spec)
	s.want(err, graft.CodeInvalid, "network")
}

func testPorts(s *suite) {
	port := s.FreePort()
	spec := s.spec("a")
	spec.Ports = []driver.Port{
		{HostPort: port, ContainerPort: 9090, Protocol: "udp"},
		{HostPort: port, ContainerPort: 8080, Protocol: "tcp"},
	}
	want := []driver.Port{spec.Ports[1], spec.Ports[0]}
	a := s.create(spec)
	spec.Name = s.name("b")
	spec.Ports = want[:1]
	b := s.create(spec) // they collide only when both run

	s.must(s.Driver.Start(s.ctx, a))
	s.want(s.Driver.Start(s.ctx, b), graft.CodeConflict, strconv.Itoa(int(port)))
	if c := s.wantState(b, driver.StateCreated); c.Error == "" {
		s.Error("the container does not say why it did not start")
	}
	if got := s.mustHave(a).Ports; !slices.Equal(got, want) {
		s.Errorf("ports of the running container are %v, want %v", got, want)
	}
	s.must(s.Driver.Stop(s.ctx, a))
	if got := s.mustHave(a).Ports; !slices.Equal(got, want) {
		s.Errorf("ports of the stopped container are %v, want %v", got, want)
	}
	s.must(s.Driver.Start(s.ctx, b))
	if c := s.wantState(b, driver.StateRunning); c.Error != "" {
		s.Errorf("the container runs and still says %q", c.Error)
	}
}

func testEndpoints(s *suite) {
	spec := s.spec("web")
	one, two, three := spec.Endpoints[0].Network, s.network("net2"), s.network("net3")
	spec.Endpoints = []driver.Endpoint{
		{Network: two, Aliases: []string{"www", "api"}},
		{Network: one, Aliases: []string{"web"}},
	}
	id := s.create(spec)
	wantEndpoints := func(want ...driver.Endpoint) {
		s.Helper()
		c := s.mustHave(id)
		got := slices.Clone(c.Endpoints)
		for i := range got {
			if len(got[i].Aliases) == 0 {
				got[i].Aliases = nil
			}
		}
		if !reflect.DeepEqual(got, want) {
			s.Errorf("endpoints are %v, want %v", got, want)
		}
		if c.NetworkMode != two {
			s.Errorf("network mode is %q, want %q", c.NetworkMode, two)
		}
	}
	first := driver.Endpoint{Network: one, Aliases: []string{"web"}}
	second := driver.Endpoint{Network: two, Aliases: []string{"api", "www"}}
	third := driver.Endpoint{Network: three, Aliases: []string{"more"}}
	wantEndpoints(first, second)
	s.must(s.Driver.Start(s.ctx, id))
	wantEndpoints(first, second)

	s.must(s.Driver.Connect(s.ctx, id, third))
	s.must(s.Driver.Connect(s.ctx, id, driver.Endpoint{Network: three, Aliases: []string{"other"}})) // stays as it is
	wantEndpoints(first, second, third)
	s.must(s.Driver.Disconnect(s.ctx, id, one))
	s.must(s.Driver.Disconnect(s.ctx, id, one))
	wantEndpoints(second, third)

	s.must(s.Driver.Stop(s.ctx, id))
	s.must(s.Driver.Connect(s.ctx, id, first))
	s.must(s.Driver.Disconnect(s.ctx, id, three))
	wantEndpoints(first, second)
	s.must(s.Driver.Start(s.ctx, id))
	wantEndpoints(first, second)

	// Compose gives services aliases that are their containers' names: who is
	// renamed answers to them still.
	named := driver.Endpoint{Network: three, Aliases: []string{spec.Name}}
	s.must(s.Driver.Connect(s.ctx, id, named))
	wantEndpoints(first, second, named)
	s.must(s.Driver.Rename(s.ctx, id, spec.Name+"-aside"))
	wantEndpoints(first, second, named)
}

func testVanishing(s *suite) {
	spec := s.spec("")
	var workers sync.WaitGroup
	ctx, stop := context.WithCancel(s.ctx)
	for i := range 3 {
		workers.Go(func() {
			spec := spec
			spec.Name = s.name("v" + strconv.Itoa(i))
			for range 15 {
				id, err := s.Driver.Create(s.ctx, spec)
				if err == nil {
					err = s.Driver.Remove(s.ctx, id)
				}
				if err != nil {
					s.Error(err)
					return
				}
			}
		})
	}
	go func() {
		workers.Wait()
		stop()
	}()
	for ctx.Err() == nil {
		s.observe()
	}
	workers.Wait()
}

func testSnapshotsAreStable(s *suite) {
	spec := s.spec("web")
	spec.Environment = map[string]string{"A": "1", "B": "2"}
	id := s.create(spec)
	before := s.mustHave(id)
	after := s.mustHave(id)
	if !reflect.DeepEqual(before, after) {
		s.Errorf("nothing happened, and the container changed:\n%+v\n%+v", before, after)
	}
	snapshot := s.observe()
	byName := func(a, b driver.Container) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(snapshot.Containers, byName) {
		s.Error("containers are not in the order of their names")
	}
}

func testGivenUp(s *suite) {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	_, err := s.Driver.Observe(ctx)
	s.want(err, graft.CodeUnavailable)
	s.want(s.Driver.Start(ctx, "x"), graft.CodeUnavailable)
	s.must(s.Driver.Watch(ctx, time.Time{}, nil, func(driver.Event) {}))
}
