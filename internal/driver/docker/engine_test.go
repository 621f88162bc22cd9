package docker_test

import (
	"encoding/json"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/dockertest"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/docker"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// setUp returns a driver, and the specification of a container on a network of
// its own whose image is there.
func setUp(t *testing.T, options docker.Options) (*docker.Driver, driver.ContainerSpec) {
	t.Helper()
	d := newDriver(t, options)
	image, prefix := dockertest.NewImage(t), dockertest.Name(t)
	err := d.Pull(t.Context(), image.Ref, nil)
	if err == nil {
		err = d.CreateNetwork(t.Context(), driver.NetworkSpec{Name: prefix + "-net", Driver: "bridge"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return d, driver.ContainerSpec{
		Name: prefix + "-web", Image: image.Ref, Restart: "no", Endpoints: []driver.Endpoint{{Network: prefix + "-net"}},
	}
}

func create(t *testing.T, d *docker.Driver, spec driver.ContainerSpec) string {
	t.Helper()
	id, err := d.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func start(t *testing.T, d *docker.Driver, spec driver.ContainerSpec) string {
	t.Helper()
	id := create(t, d, spec)
	if err := d.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestStartFailures(t *testing.T) {
	t.Parallel()
	d, spec := setUp(t, docker.Options{})
	spec.Entrypoint = []string{"/no-such-program"}
	wantCode(t, d.Start(t.Context(), create(t, d, spec)), graft.CodeInvalid, "no-such-program")

	// The port is taken by something that is no container.
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	spec.Name += "2"
	spec.Entrypoint = nil
	spec.Ports = []driver.Port{{HostPort: port, ContainerPort: 8080, Protocol: "tcp"}}
	wantCode(t, d.Start(t.Context(), create(t, d, spec)), graft.CodeConflict,
		fmt.Sprintf("host port %d is already in use", port))
}

func TestEverythingOfASpecification(t *testing.T) {
	t.Parallel()
	d, spec := setUp(t, docker.Options{})
	second := graft.Duration(time.Second)
	spec.Command = []string{"-x", "a b"}
	spec.Environment = map[string]string{"B": "2=2", "A": "1"}
	spec.Mounts = []driver.Mount{{Source: "/etc", Target: "/host", Bind: true, Mode: "ro"}}
	spec.Ports = []driver.Port{{HostIP: "127.0.0.1", HostPort: freePort(t), ContainerPort: 8080, Protocol: "tcp"}}
	spec.Restart = "on-failure:3"
	spec.Healthcheck = &graft.Healthcheck{Test: []string{"CMD", "/app", "-healthcheck"}, Interval: &second, Retries: 2}
	spec.Hostname, spec.User, spec.WorkingDir = "host", "1000:1000", "/tmp"
	spec.CapAdd, spec.CapDrop = []string{"NET_ADMIN"}, []string{"ALL"}
	spec.Devices = []string{"/dev/null:/dev/nothing:r", "/dev/zero"}
	spec.ReadOnly, spec.Tmpfs = true, []string{"/run:size=1m", "/var"}
	spec.MemLimit, spec.CPUs = 64<<20, 0.5
	spec.StopGracePeriod, spec.StopSignal = 1500*time.Millisecond, "SIGINT"
	id := start(t, d, spec)

	result, err := dockertest.Client(t).ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, h := result.Container.Config, result.Container.HostConfig
	for what, pair := range map[string][2]any{
		"command":   {strings.Join(c.Cmd, "|"), "-x|a b"},
		"env":       {fmt.Sprint(c.Env), "[A=1 B=2=2 PATH=/]"},
		"hostname":  {c.Hostname, "host"},
		"user":      {c.User, "1000:1000"},
		"directory": {c.WorkingDir, "/tmp"},
		"signal":    {c.StopSignal, "SIGINT"},
		"grace":     {*c.StopTimeout, 2},
		"health":    {fmt.Sprint(c.Healthcheck.Test, c.Healthcheck.Interval, c.Healthcheck.Retries), "[CMD /app -healthcheck] 1s 2"},
		"binds":     {fmt.Sprint(h.Binds), "[/etc:/host:ro]"},
		"restart":   {fmt.Sprint(h.RestartPolicy), "{on-failure 3}"},
		"cap add":   {fmt.Sprint(h.CapAdd), "[CAP_NET_ADMIN]"},
		"cap drop":  {fmt.Sprint(h.CapDrop), "[ALL]"},
		"devices":   {fmt.Sprint(h.Devices), "[{/dev/null /dev/nothing r} {/dev/zero /dev/zero rwm}]"},
		"read only": {h.ReadonlyRootfs, true},
		"tmpfs":     {fmt.Sprint(h.Tmpfs), "map[/run:size=1m /var:]"},
		"memory":    {h.Memory, int64(64 << 20)},
		"cpus":      {h.NanoCPUs, int64(5e8)},
		"published": {len(h.PortBindings), 1},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s is %v, want %v", what, pair[0], pair[1])
		}
	}
	snapshot, err := d.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, seen := range snapshot.Containers {
		if seen.ID == id && (seen.RestartPolicy != spec.Restart || !reflect.DeepEqual(seen.Ports, spec.Ports)) {
			t.Errorf("observed restart policy %q and ports %v", seen.RestartPolicy, seen.Ports)
		}
	}
}

func TestAliasesAreAnswered(t *testing.T) {
	t.Parallel()
	m := newMover(t, nil)
	server := m.spec
	server.Name += "-server"
	server.Ports = nil
	server.Endpoints = []driver.Endpoint{{Network: m.home, Aliases: []string{"scheduler"}}}
	server.Environment = map[string]string{"NAME": "the scheduler"}
	start(t, m.Driver, server)
	start(t, m.Driver, m.spec)
	m.answers("/get?url=http://scheduler:8080/", "the scheduler")
}

func TestAnonymousVolumesGo(t *testing.T) {
	t.Parallel()
	d, spec := setUp(t, docker.Options{})
	api := dockertest.Client(t)
	created, err := api.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Name: spec.Name, Config: &container.Config{Image: spec.Image, Volumes: map[string]struct{}{"/data": {}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	result, err := api.ContainerInspect(t.Context(), created.ID, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(t.Context(), spec.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := api.VolumeInspect(t.Context(), result.Container.Mounts[0].Name, client.VolumeInspectOptions{}); err == nil {
		t.Error("the anonymous volume is still there")
	}
}

func TestLogsOfATerminal(t *testing.T) {
	t.Parallel()
	d, spec := setUp(t, docker.Options{})
	created, err := dockertest.Client(t).ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Name: spec.Name, Config: &container.Config{Image: spec.Image, Tty: true, Env: []string{"EXIT_CODE=0"}},
		HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(spec.Endpoints[0].Network)},
	})
	if err == nil {
		err = d.Start(t.Context(), created.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := d.Logs(t.Context(), created.ID, driver.LogOptions{Follow: true}, &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != "app started\r\n" {
		t.Errorf("output is %q", out.String())
	}
}

func TestNetworksOfOneNameAtTheSameTime(t *testing.T) {
	t.Parallel()
	name := dockertest.Name(t) + "-net"
	var clients sync.WaitGroup
	for range 5 {
		d := newDriver(t, docker.Options{})
		clients.Go(func() {
			if err := d.CreateNetwork(t.Context(), driver.NetworkSpec{Name: name, Driver: "bridge"}); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	list, err := dockertest.Client(t).NetworkList(t.Context(), client.NetworkListOptions{Filters: client.Filters{}.Add("name", name)})
	if err != nil || len(list.Items) != 1 {
		t.Errorf("%d networks are called %s (%v), want one", len(list.Items), name, err)
	}
}

func TestNoIDIsTakenForAName(t *testing.T) {
	t.Parallel()
	d, spec := setUp(t, docker.Options{})
	id := start(t, d, spec)
	for _, prefix := range []string{id[:12], id[:4]} {
		if err := d.Remove(t.Context(), prefix); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Rename(t.Context(), id, spec.Name); err != nil {
		t.Errorf("a container was removed by the beginning of its id: %v", err)
	}
}

// With a watch, only what changed is inspected; without one, everything is.
func TestObserveInspectsWhatChanged(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	p.start()
	d, spec := setUp(t, docker.Options{Host: p.host()})
	id := create(t, d, spec)
	other := newDriver(t, docker.Options{}) // what it does, only events tell

	inspected := func() int {
		t.Helper()
		p.count("")
		if _, err := d.Observe(t.Context()); err != nil {
			t.Fatal(err)
		}
		return p.count("GET /containers/" + id + "/json")
	}
	for range 2 {
		if inspected() != 1 {
			t.Error("without a watch the container is not inspected every time")
		}
	}
	connected, events, ended := make(chan struct{}), make(chan driver.Event, 1000), make(chan error, 1)
	go func() {
		ended <- d.Watch(t.Context(), time.Time{}, func() { close(connected) }, func(e driver.Event) {
			if e.ID == id {
				events <- e
			}
		})
	}()
	<-connected
	// The events of other tests may spoil one.
	eventually(t, "with a watch the container is not inspected", func() bool { return inspected() == 0 })
	if err := other.SetRestartPolicy(t.Context(), id, "always"); err != nil { // the list does not show that
		t.Fatal(err)
	}
	for (<-events).Action != "update" {
	}
	if inspected() != 1 {
		t.Error("after an event the container is not inspected")
	}
	p.stop()
	<-ended
	p.start()
	if inspected() != 1 {
		t.Error("after the watch broke the container is not inspected")
	}
}

func TestRecordIsWhatDockerSaid(t *testing.T) {
	t.Parallel()
	d, spec := setUp(t, docker.Options{})
	id := create(t, d, spec)
	snapshot, err := d.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range snapshot.Containers {
		var record container.InspectResponse
		if c.ID == id && (json.Unmarshal(c.Record, &record) != nil || record.ID != id || record.HostConfig == nil) {
			t.Errorf("record is %s", c.Record)
		}
	}
}

func TestNetworkDriversAndIPv6(t *testing.T) {
	t.Parallel()
	d, prefix := newDriver(t, docker.Options{}), dockertest.Name(t)
	err := d.CreateNetwork(t.Context(), driver.NetworkSpec{Name: prefix + "-odd", Driver: "odd"})
	wantCode(t, err, graft.CodeInvalid, "odd")
	if err := d.CreateNetwork(t.Context(), driver.NetworkSpec{Name: prefix + "-six", Driver: "bridge", EnableIPv6: true}); err != nil {
		t.Fatal(err)
	}
	result, err := dockertest.Client(t).NetworkInspect(t.Context(), prefix+"-six", client.NetworkInspectOptions{})
	if err != nil || !result.Network.EnableIPv6 {
		t.Errorf("network is %+v, %v", result.Network, err)
	}
}
