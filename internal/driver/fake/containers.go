package fake

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// defaultStopTimeout is Docker's.
const defaultStopTimeout = 10 * time.Second

// container is one container with what Container does not tell of it.
type container struct {
	driver.Container
	asked
	givenRecord bool // Record came from the test
	lines       []line

	stopped   bool              // by Stop, since it was started last
	published bool              // its ports are, just now
	live      map[string]string // its addresses by network, while it runs
	lastOn    map[string]string // the ids of the networks that it was on, by name

	life   int // counts starts and ends, so that timers of an earlier life do nothing
	timers []*time.Timer
}

// snapshot returns a copy that shares nothing with c.
func (c *container) snapshot() driver.Container {
	s := c.Container
	s.Labels = maps.Clone(c.Labels)
	s.Ports = slices.Clone(c.Ports)
	s.Mounts = slices.Clone(c.Mounts)
	s.Endpoints = slices.Clone(c.Endpoints)
	for i, e := range s.Endpoints {
		s.Endpoints[i].Aliases = slices.Clone(e.Aliases)
	}
	slices.SortFunc(s.Endpoints, func(a, b driver.Endpoint) int { return strings.Compare(a.Network, b.Network) })
	s.Addresses = nil
	for _, e := range s.Endpoints {
		if address := c.live[e.Network]; address != "" {
			s.Addresses = append(s.Addresses, address)
		}
	}
	if c.lastOn != nil {
		s.NetworkIDs = slices.Sorted(maps.Values(c.lastOn))
	}
	if !c.givenRecord {
		s.Record = nil
		s.Record, _ = json.Marshal(record{s, c.asked}) // these types always encode
	}
	return s
}

// find returns the container with that id or name, nil if there is none.
func (d *Driver) find(id string) *container {
	if c, ok := d.containers[id]; ok {
		return c
	}
	for _, c := range d.containers {
		if c.Name == id {
			return c
		}
	}
	return nil
}

// mustFind is find with the error for people.
func (d *Driver) mustFind(id string) (*container, error) {
	if c := d.find(id); c != nil {
		return c, nil
	}
	return nil, graft.Errorf(graft.CodeNotFound, "there is no container %q", id)
}

// nameOf is what Calls calls a container.
func (d *Driver) nameOf(id string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.find(id); c != nil {
		return c.Name
	}
	return id
}

// Create implements driver.Driver.
func (d *Driver) Create(ctx context.Context, spec driver.ContainerSpec) (string, error) {
	var id string
	err := d.call(ctx, "create", spec.Name, func() error {
		if err := d.canCreate(spec); err != nil {
			return err
		}
		c := d.newContainer(spec)
		id = c.ID
		d.add(c)
		return nil
	})
	return id, err
}

func (d *Driver) canCreate(spec driver.ContainerSpec) error {
	if err := d.hasAll(spec.Name, spec.Image, spec.Endpoints); err != nil {
		return err
	}
	if spec.Restart != "" && !validPolicy(spec.Restart) {
		return graft.Errorf(graft.CodeInvalid, "container %q: %q is no restart policy", spec.Name, spec.Restart)
	}
	if len(spec.Endpoints) == 0 {
		return graft.Errorf(graft.CodeInvalid, "container %q has no network", spec.Name)
	}
	return nil
}

// hasAll tells whether a container can be made: its name is free, and its image
// and networks are there.
func (d *Driver) hasAll(name, image string, endpoints []driver.Endpoint) error {
	if taken := d.find(name); taken != nil {
		return errNameTaken(name, taken)
	}
	if !d.present[image] {
		return graft.Errorf(graft.CodeNotFound, "image %s is not present: pull it first", image)
	}
	for _, e := range endpoints {
		if _, ok := d.networks[e.Network]; !ok {
			return errNoNetwork(e.Network)
		}
	}
	return nil
}

// add puts a new container there, and the volumes that it names, as Docker does.
func (d *Driver) add(c *container) {
	d.containers[c.ID] = c
	for _, m := range c.Mounts {
		if _, ok := d.volumes[m.Source]; !ok && !m.Bind {
			d.addVolume(driver.VolumeSpec{Name: m.Source, Driver: "local"})
		}
	}
	d.emitContainer(c, "create")
}

func (d *Driver) newContainer(spec driver.ContainerSpec) *container {
	c := &container{Container: driver.Container{
		ID:            d.newID(),
		Name:          spec.Name,
		Image:         spec.Image,
		ImageID:       "sha256:" + spec.Image,
		ImageDigest:   digestOf(spec.Image),
		Labels:        maps.Clone(spec.Labels),
		State:         driver.StateCreated,
		CreatedAt:     d.clock(),
		Ports:         slices.Clone(spec.Ports),
		NetworkMode:   spec.Endpoints[0].Network,
		RestartPolicy: cmp.Or(spec.Restart, "no"),
		StopTimeout:   cmp.Or(spec.StopGracePeriod, defaultStopTimeout),
		MemLimit:      spec.MemLimit,
	}, asked: asked{Environment: maps.Clone(spec.Environment)}}
	for _, e := range spec.Endpoints {
		c.Endpoints = append(c.Endpoints, endpointOf(e))
	}
	for _, m := range spec.Mounts {
		c.Mounts = append(c.Mounts, mountOf(m))
	}
	slices.SortFunc(c.Mounts, func(a, b driver.Mount) int { return strings.Compare(a.Target, b.Target) })
	if h := spec.Healthcheck; h != nil {
		c.NoHealthcheck = h.Disable || len(h.Test) > 0 && h.Test[0] == "NONE"
		c.Healthcheck = !c.NoHealthcheck && len(h.Test) > 0
	}
	slices.SortFunc(c.Ports, func(a, b driver.Port) int {
		return cmp.Or(cmp.Compare(a.ContainerPort, b.ContainerPort), strings.Compare(a.Protocol, b.Protocol),
			cmp.Compare(a.HostPort, b.HostPort), strings.Compare(a.HostIP, b.HostIP))
	})
	return c
}

// mountOf returns m as it is reported.
func mountOf(m driver.Mount) driver.Mount {
	mode := "rw"
	if slices.Contains(strings.Split(m.Mode, ","), "ro") {
		mode = "ro"
	}
	m.Mode = mode
	return m
}

// digestOf is the image itself if it is one by digest.
func digestOf(image string) string {
	if !strings.Contains(image, "@") {
		return ""
	}
	return image
}

// Start implements driver.Driver.
func (d *Driver) Start(ctx context.Context, id string) error {
	return d.call(ctx, "start", d.nameOf(id), func() error {
		c, err := d.mustFind(id)
		if err != nil || c.Running() || c.State == driver.StateRestarting {
			return err
		}
		c.Restarts, c.stopped = 0, false
		return d.start(c)
	})
}

// Stop implements driver.Driver.
func (d *Driver) Stop(ctx context.Context, id string) error {
	return d.call(ctx, "stop", d.nameOf(id), func() error {
		c := d.find(id)
		switch {
		case c == nil:
		case c.Running():
			c.stopped = true
			d.end(c, 0)
			d.emitContainer(c, "stop")
		case c.State == driver.StateRestarting:
			c.newLife()
			c.State, c.stopped = driver.StateExited, true
			d.emitContainer(c, "stop")
		}
		return nil
	})
}

// Remove implements driver.Driver.
func (d *Driver) Remove(ctx context.Context, id string) error {
	return d.call(ctx, "remove", d.nameOf(id), func() error {
		c := d.find(id)
		if c == nil {
			return nil
		}
		if c.Running() {
			d.end(c, 137)
		}
		d.drop(c)
		return nil
	})
}

// Rename implements driver.Driver.
func (d *Driver) Rename(ctx context.Context, id, name string) error {
	return d.call(ctx, "rename", d.nameOf(id)+" "+name, func() error {
		c, err := d.mustFind(id)
		if err != nil || c.Name == name {
			return err
		}
		if taken := d.find(name); taken != nil {
			return errNameTaken(name, taken)
		}
		c.Name = name
		d.emitContainer(c, "rename")
		return nil
	})
}

// SetRestartPolicy implements driver.Driver.
func (d *Driver) SetRestartPolicy(ctx context.Context, id, policy string) error {
	return d.call(ctx, "set-restart-policy", d.nameOf(id)+" "+policy, func() error {
		c, err := d.mustFind(id)
		if err != nil {
			return err
		}
		if !validPolicy(policy) {
			return graft.Errorf(graft.CodeInvalid, "%q is no restart policy: use no, always, unless-stopped or on-failure[:n]", policy)
		}
		c.RestartPolicy = policy
		d.emitContainer(c, "update")
		return nil
	})
}

func errNameTaken(name string, by *container) error {
	return graft.Errorf(graft.CodeConflict, "the container name %q is already in use by container %.12s", name, by.ID)
}
