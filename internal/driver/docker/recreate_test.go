package docker_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/dockertest"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/docker"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// existing is a container that the driver did not make.
type existing struct {
	t      *testing.T
	api    *client.Client
	driver *docker.Driver
	name   string
}

// createExisting makes one with the image of the specification.
func createExisting(t *testing.T, d *docker.Driver, spec driver.ContainerSpec, options client.ContainerCreateOptions) *existing {
	t.Helper()
	e := &existing{t: t, api: dockertest.Client(t), driver: d, name: spec.Name}
	options.Name = spec.Name
	if options.Config == nil {
		options.Config = &container.Config{}
	}
	if options.Config.Image == "" {
		options.Config.Image = spec.Image
	}
	_, err := e.api.ContainerCreate(t.Context(), options)
	e.must(err)
	return e
}

func (e *existing) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

func (e *existing) inspect() container.InspectResponse {
	e.t.Helper()
	result, err := e.api.ContainerInspect(e.t.Context(), e.name, client.ContainerInspectOptions{})
	e.must(err)
	return result.Container
}

// remove removes the container, with its anonymous volumes or without, and
// returns its record.
func (e *existing) remove(volumes bool) json.RawMessage {
	e.t.Helper()
	result, err := e.api.ContainerInspect(e.t.Context(), e.name, client.ContainerInspectOptions{})
	e.must(err)
	_, err = e.api.ContainerRemove(e.t.Context(), e.name, client.ContainerRemoveOptions{Force: true, RemoveVolumes: volumes})
	e.must(err)
	return result.Raw
}

// recreate makes the container again and says what Docker knows of it.
func (e *existing) recreate(record json.RawMessage) container.InspectResponse {
	e.t.Helper()
	e.must(e.driver.Recreate(e.t.Context(), record, e.name))
	return e.inspect()
}

// volumes returns the names of the container's volumes by their targets.
func volumes(c container.InspectResponse) map[string]string {
	names := map[string]string{}
	for _, m := range c.Mounts {
		if m.Type == mount.TypeVolume {
			names[m.Destination] = m.Name
		}
	}
	return names
}

func TestRecreateKeepsAnonymousVolumes(t *testing.T) {
	t.Parallel()
	d, spec := setUp(t, docker.Options{})
	e := createExisting(t, d, spec, client.ContainerCreateOptions{
		Config: &container.Config{
			Volumes: map[string]struct{}{"/image/": {}}, Labels: map[string]string{"test": spec.Name},
		},
		HostConfig: &container.HostConfig{
			NetworkMode: container.NetworkMode(spec.Endpoints[0].Network),
			Binds:       []string{"/bind", spec.Name + "-data:/data:ro", "/etc:/etc/host"},
			Mounts:      []mount.Mount{{Type: mount.TypeVolume, Target: "/mount"}, {Type: mount.TypeTmpfs, Target: "/tmpfs"}},
		},
	})
	was := e.inspect()
	anonymous := volumes(was)
	delete(anonymous, "/data")
	t.Cleanup(func() {
		_ = d.Remove(context.Background(), e.name)
		e.removeVolumes(context.Background(), anonymous)
	})
	record := e.remove(false)
	got := e.recreate(record)
	if want := volumes(was); len(want) != 4 || !reflect.DeepEqual(volumes(got), want) || len(got.Mounts) != len(was.Mounts) {
		t.Errorf("volumes are %v, want %v", volumes(got), want)
	}
	e.must(d.Start(t.Context(), e.name))

	// Once more, with volumes that are gone.
	e.remove(false)
	e.removeVolumes(t.Context(), anonymous)
	got = e.recreate(record)
	for target, name := range volumes(got) {
		if name == anonymous[target] {
			t.Errorf("volume %s for %s is there again under its name", name, target)
		}
	}
	if len(volumes(got)) != 4 {
		t.Errorf("volumes are %v, want four", volumes(got))
	}
}

// removeVolumes uses a client of its own, since the test's may be closed.
func (e *existing) removeVolumes(ctx context.Context, names map[string]string) {
	e.t.Helper()
	api, err := client.New(client.FromEnv)
	e.must(err)
	defer func() { _ = api.Close() }()
	for _, name := range names {
		if _, err := api.VolumeRemove(ctx, name, client.VolumeRemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
			e.t.Error(err)
		}
	}
}

func TestRecreateDropsWhatDockerGenerated(t *testing.T) {
	t.Parallel()
	d, spec := setUp(t, docker.Options{})
	name := spec.Name + "-static"
	address := netip.MustParseAddr(createSubnet(t, name))
	e := createExisting(t, d, spec, client.ContainerCreateOptions{
		Config:     &container.Config{Entrypoint: []string{""}, Cmd: []string{"/app"}},
		HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(name)},
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			name: {Aliases: []string{"www"}, IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: address}},
		}},
	})
	e.must(d.Start(t.Context(), e.name))
	was := e.inspect()
	e.recreate(e.remove(false))
	e.must(d.Start(t.Context(), e.name))
	got := e.inspect()
	if got.Config.Hostname == was.Config.Hostname || !strings.HasPrefix(got.ID, got.Config.Hostname) {
		t.Errorf("host name is %q, and was %q", got.Config.Hostname, was.Config.Hostname)
	}
	if len(got.Config.Entrypoint) != 0 || !reflect.DeepEqual(got.Config.Cmd, was.Config.Cmd) {
		t.Errorf("command is %q %q, want none and %q", got.Config.Entrypoint, got.Config.Cmd, was.Config.Cmd)
	}
	endpoint := got.NetworkSettings.Networks[name]
	if endpoint == nil || endpoint.IPAddress != address || strings.Contains(strings.Join(endpoint.Aliases, " "), was.ID[:12]) {
		t.Errorf("endpoint is %+v", endpoint)
	}
}

func TestRecreateInOtherNetworkModes(t *testing.T) {
	t.Parallel()
	d, spec := setUp(t, docker.Options{})
	other := create(t, d, driver.ContainerSpec{Name: spec.Name + "-other", Image: spec.Image, Restart: "no", Endpoints: spec.Endpoints})
	result, err := dockertest.Client(t).NetworkInspect(t.Context(), spec.Endpoints[0].Network, client.NetworkInspectOptions{})
	if err == nil {
		err = d.Start(t.Context(), other)
	}
	if err != nil {
		t.Fatal(err)
	}
	for mode, starts := range map[string]bool{ // the default bridge need not work for this
		"host": true, "none": true, "container:" + other: true, result.Network.ID: true, "default": false, "bridge": false,
	} {
		e := createExisting(t, d, spec, client.ContainerCreateOptions{
			HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(mode)},
			Config:     &container.Config{Env: []string{"PORT=0"}},
		})
		start := func() container.InspectResponse {
			if starts {
				e.must(d.Start(t.Context(), e.name))
			}
			return e.inspect()
		}
		was := start()
		e.must(d.Recreate(t.Context(), e.remove(false), e.name))
		got := start()
		want := was.HostConfig.NetworkMode
		if mode == result.Network.ID {
			want = container.NetworkMode(result.Network.Name)
		}
		if got.HostConfig.NetworkMode != want || len(got.NetworkSettings.Networks) != len(was.NetworkSettings.Networks) {
			t.Errorf("network mode %s became %s with %v", mode, got.HostConfig.NetworkMode, got.NetworkSettings.Networks)
		}
		e.remove(true)
	}
}

func TestRecreateWithTheImageItHad(t *testing.T) {
	t.Parallel()
	d, spec := setUp(t, docker.Options{})
	api := dockertest.Client(t)
	tag, _, _ := strings.Cut(spec.Image, "@")
	tag += ":moving"
	retag := func(to string) {
		t.Helper()
		if _, err := api.ImageTag(t.Context(), client.ImageTagOptions{Source: to, Target: tag}); err != nil {
			t.Fatal(err)
		}
	}
	retag(spec.Image)
	e := createExisting(t, d, spec, client.ContainerCreateOptions{Config: &container.Config{Image: tag}})
	was := e.inspect()
	if got := e.recreate(e.remove(false)); got.Config.Image != tag || got.Image != was.Image {
		t.Errorf("image is %s (%s), want %s (%s)", got.Config.Image, got.Image, tag, was.Image)
	}
	newer := dockertest.NewImage(t)
	e.must(d.Pull(t.Context(), newer.Ref, nil))
	retag(newer.Ref)
	if got := e.recreate(e.remove(false)); got.Image != was.Image {
		t.Errorf("image is %s (%s), want %s whatever %s is now", got.Config.Image, got.Image, was.Image, tag)
	}
}

// A Recreate that was killed leaves a container behind that is not whole.
func TestRecreateAfterAnUnfinishedOne(t *testing.T) {
	t.Parallel()
	d, spec := setUp(t, docker.Options{})
	spec.Labels = map[string]string{"test": spec.Name}
	e := createExisting(t, d, spec, client.ContainerCreateOptions{Config: &container.Config{Labels: spec.Labels}})
	record := e.remove(false)
	leftover := spec
	leftover.Name += ".unfinished"
	id := create(t, d, leftover)
	if got := e.recreate(record); got.Config.Labels["test"] != spec.Name {
		t.Errorf("labels are %v", got.Config.Labels)
	}
	if err := d.Start(t.Context(), id); graft.ErrorCode(err) != graft.CodeNotFound {
		t.Errorf("the unfinished container is left: %v", err)
	}

	// Somebody else's stays.
	e.remove(false)
	leftover.Labels = nil
	create(t, d, leftover)
	wantCode(t, d.Recreate(t.Context(), record, spec.Name), graft.CodeConflict, leftover.Name)
	e.must(d.Start(t.Context(), leftover.Name))
}

func TestRecreateLeavesNothingOnFailure(t *testing.T) {
	t.Parallel()
	d, spec := setUp(t, docker.Options{})
	second := spec.Name + "-second"
	createNetwork(t, client.NetworkCreateOptions{}, second)
	e := createExisting(t, d, spec, client.ContainerCreateOptions{
		HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(spec.Endpoints[0].Network)},
	})
	e.must(d.Connect(t.Context(), e.name, driver.Endpoint{Network: second}))
	record := strings.ReplaceAll(string(e.remove(false)), second, "host") // nothing can be connected to that
	if err := d.Recreate(t.Context(), json.RawMessage(record), spec.Name); err == nil || !strings.Contains(graft.ErrorMessage(err), "host") {
		t.Errorf("recreating a container that can't be connected: %v", err)
	}
	list, err := e.api.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("name", spec.Name)})
	if err != nil || len(list.Items) != 0 {
		t.Errorf("%d containers are left, %v", len(list.Items), err)
	}
}

func TestAutoRemoveAndStopTimeout(t *testing.T) {
	t.Parallel()
	d, spec := setUp(t, docker.Options{})
	for seconds, want := range map[int]time.Duration{5: 5 * time.Second, 0: 0, -1: 24 * time.Hour} {
		e := createExisting(t, d, spec, client.ContainerCreateOptions{
			Config: &container.Config{StopTimeout: &seconds}, HostConfig: &container.HostConfig{AutoRemove: true},
		})
		e.recreate(e.remove(false))
		snapshot, err := d.Observe(t.Context())
		e.must(err)
		for _, c := range snapshot.Containers {
			if c.Name == spec.Name && (!c.AutoRemove || c.StopTimeout != want) {
				t.Errorf("stop timeout of %d s is %v, auto remove %v", seconds, c.StopTimeout, c.AutoRemove)
			}
		}
		e.remove(true)
	}
}
