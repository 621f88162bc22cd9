package fake_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// component puts a container there that publishes port 80 and answers to redis.
func component(d *fake.Driver, c driver.Container) string {
	if c.Name == "" {
		c.Name = "root_redis"
	}
	c.Image = "redis"
	c.Ports = []driver.Port{{HostPort: 80, ContainerPort: 8080, Protocol: "tcp"}}
	c.Endpoints = []driver.Endpoint{{Network: "oakestra", Aliases: []string{"redis"}}}
	return d.AddContainer(c)
}

func find(t *testing.T, d *fake.Driver, id string) driver.Container {
	t.Helper()
	snapshot, err := d.Observe(t.Context())
	must(t, err)
	i := slices.IndexFunc(snapshot.Containers, func(c driver.Container) bool { return c.ID == id })
	if i < 0 {
		return driver.Container{}
	}
	return snapshot.Containers[i]
}

// wantOwner fails unless these containers, and nobody else, have the component's
// name, alias and port.
func wantOwner(t *testing.T, d *fake.Driver, want ...string) {
	t.Helper()
	if got := d.Owners("oakestra", "redis"); !slices.Equal(got, want) {
		t.Errorf("redis is %v, want %v", got, want)
	}
	if got := d.Publishers(80); !slices.Equal(got, want) {
		t.Errorf("port 80 is of %v, want %v", got, want)
	}
}

func TestOwners(t *testing.T) {
	t.Parallel()
	d := fake.New(nil)
	ctx := t.Context()
	redis := component(d, driver.Container{ImageDigest: "redis@sha256:1"})
	d.AddNetwork(driver.Network{Name: "internal", Driver: "bridge", Internal: true})
	plugin := d.AddContainer(driver.Container{
		Name: "plugin", Image: "plugin@sha256:2", Endpoints: []driver.Endpoint{{Network: "internal"}},
		Ports: []driver.Port{{HostPort: 80, ContainerPort: 8080, Protocol: "tcp"}},
	})
	record := find(t, d, redis).Record
	if a, b := find(t, d, redis).ImageDigest, find(t, d, plugin).ImageDigest; a != "redis@sha256:1" || b != "plugin@sha256:2" {
		t.Errorf("digests are %q and %q", a, b)
	}
	wantOwner(t, d, "root_redis")
	if got := d.Owners("oakestra", "root_redis"); !slices.Equal(got, []string{"root_redis"}) {
		t.Errorf("root_redis is %v", got)
	}

	must(t, d.Disconnect(ctx, redis, "oakestra"))
	wantOwner(t, d)
	must(t, d.Connect(ctx, plugin, driver.Endpoint{Network: "oakestra", Aliases: []string{"redis"}}))
	must(t, d.Disconnect(ctx, plugin, "internal"))
	wantOwner(t, d, "plugin")
	if err := d.Reconnect(ctx, redis, record, "oakestra"); graft.ErrorCode(err) != graft.CodeConflict {
		t.Errorf("reconnected although the port is taken: %v", err)
	}
	d.SetPaused(plugin, true)
	if c := find(t, d, plugin); c.State != driver.StatePaused {
		t.Errorf("the plugin is %s", c.State)
	}
	wantOwner(t, d, "plugin")
	d.SetPaused(plugin, false)
	must(t, d.Stop(ctx, plugin))
	wantOwner(t, d)
	must(t, d.Reconnect(ctx, redis, record, "oakestra"))
	wantOwner(t, d, "root_redis")
	if err := d.Start(ctx, plugin); graft.ErrorCode(err) != graft.CodeConflict {
		t.Errorf("started although the port is taken: %v", err)
	}
	must(t, d.Stop(ctx, redis))
	must(t, d.Start(ctx, plugin))
	wantOwner(t, d, "plugin")
	must(t, d.Remove(ctx, plugin))
	wantOwner(t, d)
}

func TestRestartDaemon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := fake.New(nil)
		ended := make(chan error)
		go func() { ended <- d.Watch(t.Context(), time.Time{}, nil, func(driver.Event) {}) }()
		synctest.Wait()
		ids := map[string]string{}
		for _, policy := range []string{"no", "on-failure:3", "always", "unless-stopped"} {
			for _, stopped := range []string{"", " stopped", " created"} {
				c := driver.Container{Name: policy + stopped, Image: "image", RestartPolicy: policy}
				if stopped == " created" {
					c.State = driver.StateCreated
				}
				ids[c.Name] = d.AddContainer(c)
				if stopped == " stopped" {
					must(t, d.Stop(t.Context(), c.Name))
				}
			}
		}
		d.RestartDaemon()
		if err := <-ended; graft.ErrorCode(err) != graft.CodeUnavailable {
			t.Errorf("the watch ended with %v", err)
		}
		var running []string
		for name, id := range ids {
			if c := find(t, d, id); c.Running() {
				running = append(running, name)
			}
		}
		slices.Sort(running)
		if want := []string{"always", "always stopped", "unless-stopped"}; !slices.Equal(running, want) {
			t.Errorf("running are %q, want %q", running, want)
		}
	})
}

func TestDaemonStartsWithoutNetworks(t *testing.T) {
	t.Parallel()
	d := fake.New(nil)
	redis := component(d, driver.Container{RestartPolicy: "always"})
	must(t, d.Disconnect(t.Context(), redis, "oakestra"))
	component(d, driver.Container{Name: "plugin", RestartPolicy: "always"})
	d.RestartDaemon()
	wantOwner(t, d, "plugin")
	if c := find(t, d, redis); !c.Running() || len(c.Endpoints) != 0 {
		t.Errorf("the component is %s on %v", c.State, c.Endpoints)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	d := fake.New(nil)
	running := component(d, driver.Container{})
	stopped := component(d, driver.Container{Name: "stopped"})
	created := component(d, driver.Container{Name: "created", State: driver.StateCreated})
	paused := component(d, driver.Container{Name: "paused", State: driver.StatePaused})
	must(t, d.Stop(t.Context(), stopped))
	d.Prune()
	for id, want := range map[string]bool{running: true, paused: true, stopped: false, created: false} {
		if got := find(t, d, id).ID != ""; got != want {
			t.Errorf("container %.12s is there: %v, want %v", id, got, want)
		}
	}
}
