package fake_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/drivertest"
	"github.com/graftplatform/graft/internal/driver/fake"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	drivertest.Run(t, func(*testing.T) drivertest.Harness {
		d := fake.New(nil)
		d.AddImage("example.org/app@sha256:1", fake.Behaviour{Output: "${NAME} started\n", HealthAfter: 0})
		d.AddImage("example.org/exit@sha256:2", fake.Behaviour{ExitAfter: 10 * time.Millisecond, ExitCode: 3})
		var port atomic.Uint32
		return drivertest.Harness{
			Driver:     d,
			Prefix:     "test",
			Image:      "example.org/app@sha256:1",
			Exiting:    "example.org/exit@sha256:2",
			Missing:    "example.org/none@sha256:3",
			HealthTest: []string{"CMD", "/app", "-healthcheck"},
			FreePort:   func() uint16 { return uint16(20000 + port.Add(1)) },
			Subnet: func(name string) string {
				d.AddNetwork(driver.Network{Name: name, Driver: "bridge"})
				return "10.213.0.7"
			},
			OwnImage: func() (string, func()) {
				const image = "example.org/own@sha256:4"
				d.AddImage(image, fake.Behaviour{})
				return image, func() { d.RemoveImage(image) }
			},
		}
	})
}

// setUp returns a driver with one running container.
func setUp(t *testing.T, behaviour fake.Behaviour) (*fake.Driver, string) {
	t.Helper()
	d := fake.New(time.Now)
	d.AddImage(fake.AnyImage, behaviour)
	if err := d.Pull(t.Context(), "any@sha256:1", nil); err != nil {
		t.Fatal(err)
	}
	id, err := d.Create(t.Context(), driver.ContainerSpec{
		Name: "web", Image: "any@sha256:1", Restart: "unless-stopped", Endpoints: []driver.Endpoint{{Network: "bridge"}},
	})
	if err == nil {
		err = d.Start(t.Context(), id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d, id
}

func state(t *testing.T, d *fake.Driver) driver.Container {
	t.Helper()
	snapshot, err := d.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return snapshot.Containers[0]
}

func TestTimeIsTheBubbles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, _ := setUp(t, fake.Behaviour{ExitAfter: time.Hour, ExitCode: 4, HealthAfter: time.Minute})
		if c := state(t, d); c.Health != "starting" {
			t.Errorf("health is %q, want starting", c.Health)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if c := state(t, d); c.Health != "healthy" {
			t.Errorf("health is %q after a minute", c.Health)
		}
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		if c := state(t, d); c.State != driver.StateRestarting || c.ExitCode != 4 || c.Restarts != 1 {
			t.Errorf("container is %+v after an hour", c)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if c := state(t, d); c.State != driver.StateRunning {
			t.Errorf("container is %s, want it restarted", c.State)
		}
	})
}

func TestWatchInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, id := setUp(t, fake.Behaviour{})
		var actions []string
		ended := make(chan error)
		go func() {
			ended <- d.Watch(t.Context(), time.Time{}, nil, func(e driver.Event) { actions = append(actions, e.Action) })
		}()
		synctest.Wait()
		d.SetHealth(id, "unhealthy")
		d.Exit(id, 1)
		time.Sleep(time.Second)
		synctest.Wait()
		if want := []string{"health_status", "die", "start"}; !slices.Equal(actions, want) {
			t.Errorf("events are %v, want %v", actions, want)
		}
		d.SetAway(true)
		if err := <-ended; graft.ErrorCode(err) != graft.CodeUnavailable {
			t.Errorf("watch ended with %v", err)
		}
		if _, err := d.Observe(t.Context()); graft.ErrorCode(err) != graft.CodeUnavailable {
			t.Errorf("observe while away: %v", err)
		}
		d.SetAway(false)
		if c := state(t, d); c.State != driver.StateRunning {
			t.Errorf("container is %s when the runtime is back", c.State)
		}
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	d, id := setUp(t, fake.Behaviour{})
	d.ResetCalls()
	before, after, next := errors.New("before"), errors.New("after"), errors.New("next")

	d.FailNext("stop", next)
	if err := d.Stop(t.Context(), id); !errors.Is(err, next) || !running(t, d) {
		t.Errorf("stop with a failure: %v, running %v", err, running(t, d))
	}
	d.OnCall(func(op, target string) error {
		if op == "stop" && target == "web" {
			return before
		}
		return nil
	})
	if err := d.Stop(t.Context(), id); !errors.Is(err, before) || !running(t, d) {
		t.Errorf("stop with a hook before: %v, running %v", err, running(t, d))
	}
	d.OnCall(nil)
	d.AfterCall(func(op, _ string) error {
		if op == "stop" {
			return after
		}
		return nil
	})
	if err := d.Stop(t.Context(), id); !errors.Is(err, after) || running(t, d) {
		t.Errorf("stop with a lost answer: %v, running %v", err, running(t, d))
	}
	if err := d.Rename(t.Context(), id, "old"); err != nil {
		t.Error(err)
	}
	if got, want := d.Calls(), []string{"stop web", "stop web", "stop web", "rename web old"}; !slices.Equal(got, want) {
		t.Errorf("calls are %q, want %q", got, want)
	}
}

func running(t *testing.T, d *fake.Driver) bool {
	t.Helper()
	c := state(t, d)
	return c.Running()
}

func TestComponents(t *testing.T) {
	t.Parallel()
	d := fake.New(nil)
	id := d.AddContainer(driver.Container{
		Name: "root_redis", Image: "redis", Ports: []driver.Port{{HostPort: 6379, ContainerPort: 6379, Protocol: "tcp"}},
		Endpoints: []driver.Endpoint{{Network: "oakestra", Aliases: []string{"redis"}}},
	})
	c := state(t, d)
	if c.ID != id || !c.Running() || c.NetworkMode != "oakestra" || len(c.Record) == 0 || c.RestartPolicy != "no" {
		t.Errorf("component is %+v", c)
	}
	if len(d.Calls()) != 0 {
		t.Errorf("adding a component counts as a call: %q", d.Calls())
	}
	if err := d.Stop(t.Context(), id); err != nil {
		t.Error(err)
	}
	if err := d.Start(t.Context(), "root_redis"); err != nil {
		t.Error(err)
	}
}

func TestAutoRemove(t *testing.T) {
	t.Parallel()
	d := fake.New(nil)
	for _, end := range []func(id string) error{
		func(id string) error { return d.Stop(t.Context(), id) },
		func(id string) error { d.Exit(id, 1); return nil },
		func(id string) error { return d.Remove(t.Context(), id) },
	} {
		id := d.AddContainer(driver.Container{Name: "web", Image: "web", AutoRemove: true})
		c := state(t, d)
		if !c.AutoRemove || c.StopTimeout != 10*time.Second {
			t.Errorf("component is %+v", c)
		}
		if err := end(id); err != nil {
			t.Error(err)
		}
		snapshot, err := d.Observe(t.Context())
		if err != nil || len(snapshot.Containers) != 0 {
			t.Errorf("containers are %+v, %v; want none left", snapshot, err)
		}
		if err := d.Recreate(t.Context(), c.Record, "again"); err != nil {
			t.Error(err)
		}
		if err := d.Remove(t.Context(), "again"); err != nil {
			t.Error(err)
		}
	}
}
