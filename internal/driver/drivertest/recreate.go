package drivertest

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// elaborate returns a specification with something of everything.
func (s *suite) elaborate() driver.ContainerSpec {
	s.Helper()
	spec := s.spec("web")
	spec.Endpoints = []driver.Endpoint{
		{Network: s.network("net2"), Aliases: []string{"api", "www"}},
		{Network: spec.Endpoints[0].Network, Aliases: []string{"web"}},
	}
	spec.Environment["NAME"] = "again"
	spec.Labels["more"] = "yes"
	spec.Mounts = []driver.Mount{{Source: s.name("data"), Target: "/data"}}
	spec.Ports = []driver.Port{{HostPort: s.FreePort(), ContainerPort: 8080, Protocol: "tcp"}}
	spec.Restart = "on-failure:2"
	spec.StopGracePeriod = 3 * time.Second
	s.must(s.Driver.CreateVolume(s.ctx, driver.VolumeSpec{Name: s.name("data"), Driver: "local"}))
	return spec
}

func testRecreate(s *suite) {
	spec := s.elaborate()
	id := s.create(spec)
	aside := s.name("aside")
	for range 2 { // what was made again can be made again
		s.must(s.Driver.Start(s.ctx, id))
		was := s.mustHave(id)
		s.must(s.Driver.Remove(s.ctx, id))
		s.must(s.Driver.Recreate(s.ctx, was.Record, aside))

		c := s.wantState(aside, driver.StateCreated)
		if c.ID == was.ID || !c.StartedAt.IsZero() || c.CreatedAt.Before(was.CreatedAt) {
			s.Errorf("the new container is the old one: %+v", c)
		}
		s.wantAlike(c, was)
		s.want(s.Driver.RemoveVolume(s.ctx, s.name("data")), graft.CodeConflict, s.name("data"))

		s.must(s.Driver.Rename(s.ctx, c.ID, spec.Name))
		s.must(s.Driver.Start(s.ctx, c.ID))
		c = s.wantState(spec.Name, driver.StateRunning)
		s.wantAlike(c, was)
		s.must(s.Driver.Stop(s.ctx, c.ID))
		var out strings.Builder
		s.must(s.Driver.Logs(s.ctx, c.ID, driver.LogOptions{}, &out))
		if !strings.HasPrefix(out.String(), "again started\n") {
			s.Errorf("the environment was lost: output is %q", out.String())
		}
		id = c.ID
	}
}

// wantAlike fails unless a container is configured as another one was.
func (s *suite) wantAlike(got, was driver.Container) {
	s.Helper()
	configuration := func(c driver.Container) driver.Container {
		return driver.Container{
			Image: c.Image, ImageID: c.ImageID, ImageDigest: c.ImageDigest, Labels: c.Labels, Endpoints: c.Endpoints, Ports: c.Ports,
			Mounts: c.Mounts, NetworkMode: c.NetworkMode, RestartPolicy: c.RestartPolicy,
			AutoRemove: c.AutoRemove, StopTimeout: c.StopTimeout,
		}
	}
	if got, was := configuration(got), configuration(was); !reflect.DeepEqual(got, was) {
		s.Errorf("the new container is\n%+v\nand the old one was\n%+v", got, was)
	}
}

func testRecreateFailures(s *suite) {
	spec := s.elaborate()
	image, removeImage := s.OwnImage()
	s.must(s.Driver.Pull(s.ctx, image, nil))
	spec.Image = image
	id := s.create(spec)
	record := s.mustHave(id).Record
	s.want(s.Driver.Recreate(s.ctx, record, spec.Name), graft.CodeConflict, spec.Name, id[:12])
	s.must(s.Driver.Remove(s.ctx, id))

	for _, odd := range []string{`{}`, `7`, `{`} {
		s.want(s.Driver.Recreate(s.ctx, json.RawMessage(odd), spec.Name), graft.CodeInvalid, "record")
	}
	network := spec.Endpoints[1].Network
	s.must(s.Driver.RemoveNetwork(s.ctx, network))
	s.want(s.Driver.Recreate(s.ctx, record, spec.Name), graft.CodeNotFound, network)
	s.network("net")
	removeImage()
	s.want(s.Driver.Recreate(s.ctx, record, spec.Name), graft.CodeNotFound, image)
	for _, c := range s.observe().Containers {
		if strings.HasPrefix(c.Name, s.Prefix) {
			s.Errorf("container %s is left", c.Name)
		}
	}
	s.must(s.Driver.Pull(s.ctx, image, nil))
	s.must(s.Driver.Recreate(s.ctx, record, spec.Name)) // with the network that was made again
}
