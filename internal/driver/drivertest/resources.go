package drivertest

import (
	"maps"
	"slices"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

func testNetworks(s *suite) {
	spec := driver.NetworkSpec{Name: s.name("net"), Driver: "bridge", Internal: true, Labels: s.labels()}
	s.must(s.Driver.CreateNetwork(s.ctx, spec))
	s.must(s.Driver.CreateNetwork(s.ctx, spec))
	stranger := spec
	stranger.Labels = map[string]string{"graft.test": "another"}
	s.want(s.Driver.CreateNetwork(s.ctx, stranger), graft.CodeConflict, spec.Name)
	stranger.Labels = nil // wants nothing of it
	s.must(s.Driver.CreateNetwork(s.ctx, stranger))

	find := func(n driver.Network) bool { return n.Name == spec.Name }
	networks := s.observe().Networks
	i := slices.IndexFunc(networks, find)
	if i < 0 || networks[i].ID == "" || networks[i].Driver != "bridge" || !networks[i].Internal || networks[i].Labels["graft.test"] != s.Prefix {
		s.Fatalf("networks are %+v, want %s among them", networks, spec.Name)
	}

	dual := driver.NetworkSpec{Name: s.name("dual"), Driver: "bridge", EnableIPv6: true, Labels: s.labels()}
	s.must(s.Driver.CreateNetwork(s.ctx, dual))
	for _, n := range s.observe().Networks {
		if is := n.Name == dual.Name; (is || n.Name == spec.Name) && n.EnableIPv6 != is {
			s.Errorf("network %s has IPv6: %v", n.Name, n.EnableIPv6)
		}
	}
	s.must(s.Driver.RemoveNetwork(s.ctx, dual.Name))

	web := s.spec("web")
	web.Endpoints = []driver.Endpoint{{Network: spec.Name}}
	id := s.create(web)
	s.must(s.Driver.Start(s.ctx, id))
	s.want(s.Driver.RemoveNetwork(s.ctx, spec.Name), graft.CodeConflict, spec.Name)
	s.must(s.Driver.Remove(s.ctx, id))
	s.must(s.Driver.RemoveNetwork(s.ctx, spec.Name))
	s.must(s.Driver.RemoveNetwork(s.ctx, spec.Name))
	if slices.ContainsFunc(s.observe().Networks, find) {
		s.Error("the removed network is still there")
	}
}

func testNetworkIDs(s *suite) {
	name, other := s.network("net"), s.network("other")
	ids := func(name string) []string {
		var ids []string
		for _, n := range s.observe().Networks {
			if n.Name == name {
				ids = append(ids, n.ID)
			}
		}
		return ids
	}
	want := 0
	if s.SecondNetwork != nil {
		s.SecondNetwork(name)
		want = 1
	}
	both := ids(name)
	s.must(s.Driver.RemoveNetwork(s.ctx, both[0]))
	s.must(s.Driver.RemoveNetwork(s.ctx, both[0])) // now it is nobody's name either
	if left := ids(name); len(left) != want || slices.Contains(left, both[0]) {
		s.Errorf("after one of the networks %v was removed by its id, %v are left", both, left)
	}
	if s.SecondNetwork != nil {
		s.SecondNetwork(name)
	}
	s.must(s.Driver.RemoveNetwork(s.ctx, name))
	if left := ids(name); len(left) != 0 {
		s.Errorf("after the networks were removed by their name, %v are left", left)
	}
	if len(ids(other)) != 1 {
		s.Errorf("network %s was removed with another one", other)
	}
}

func testVolumes(s *suite) {
	spec := driver.VolumeSpec{Name: s.name("data"), Driver: "local", Labels: s.labels(),
		DriverOpts: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}}
	s.must(s.Driver.CreateVolume(s.ctx, spec))
	s.must(s.Driver.CreateVolume(s.ctx, spec))
	stranger := spec
	stranger.Labels = map[string]string{"graft.test": "another"}
	s.want(s.Driver.CreateVolume(s.ctx, stranger), graft.CodeConflict, spec.Name)

	found := func(v driver.Volume) bool {
		return v.Name == spec.Name && v.Driver == "local" && maps.Equal(v.DriverOpts, spec.DriverOpts)
	}
	if !slices.ContainsFunc(s.observe().Volumes, found) {
		s.Errorf("volume %s is not as it was to be: %+v", spec.Name, s.observe().Volumes)
	}

	odd := driver.VolumeSpec{Name: s.name("odd"), Driver: "bridge"}
	began := time.Now()
	s.want(s.Driver.CreateVolume(s.ctx, odd), graft.CodeInvalid, "bridge", "local")
	if took := time.Since(began); took > 10*time.Second { // Docker by itself takes 15
		s.Errorf("refusing a volume driver took %v", took)
	}

	web := s.spec("web")
	web.Mounts = []driver.Mount{{Source: spec.Name, Target: "/data"}, {Source: s.name("new"), Target: "/new", Mode: "ro"}}
	id := s.create(web)
	s.want(s.Driver.RemoveVolume(s.ctx, spec.Name), graft.CodeConflict, spec.Name)
	s.must(s.Driver.Remove(s.ctx, id))
	for _, name := range []string{spec.Name, s.name("new")} {
		find := func(v driver.Volume) bool { return v.Name == name && v.Driver == "local" }
		if !slices.ContainsFunc(s.observe().Volumes, find) {
			s.Errorf("volume %s is not there after its container was removed", name)
		}
		s.must(s.Driver.RemoveVolume(s.ctx, name))
		s.must(s.Driver.RemoveVolume(s.ctx, name))
		if slices.ContainsFunc(s.observe().Volumes, find) {
			s.Errorf("the removed volume %s is still there", name)
		}
	}
}
