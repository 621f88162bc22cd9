package docker

import (
	"errors"
	"sync"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/api/types/network"
)

func TestPortTaken(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"driver failed programming external connectivity on endpoint web (0a1b): Bind for 0.0.0.0:8080 failed: port is already allocated":                                                           "8080",
		"driver failed programming external connectivity on endpoint web (0a1b): Bind for :::53 failed: port is already allocated":                                                                  "53",
		"driver failed programming external connectivity on endpoint web (0a1b): Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use":                               "80",
		"Error starting userland proxy: listen tcp6 [::]:81: bind: address already in use":                                                                                                          "81",
		"failed to set up container networking: driver failed programming external connectivity on endpoint web: failed to bind host port for 0.0.0.0:82:172.17.0.2:80/tcp: address already in use": "82",
		"failed to bind host port 0.0.0.0:83/tcp: address already in use":                                                                                                                           "83",
		"something else: address already in use":                               "?",
		"failed to create endpoint web on network net: Address already in use": "",
		"no such container": "",
	} {
		if got := portTaken(errors.New(text)); got != want {
			t.Errorf("port in %q is %q, want %q", text, got, want)
		}
	}
}

// Another client may make a network of the same name at the same time; until one
// of the two is gone, Docker does not know which is meant.
func TestAmbiguousNetworkIsTemporary(t *testing.T) {
	t.Parallel()
	d := &Driver{}
	err := d.startFailed(nil, errors.New("Error response from daemon: network oakestra is ambiguous (2 matches found on name)"), "web")
	if got := graft.ErrorCode(err); got != graft.CodeUnavailable {
		t.Errorf("code %s of %v", got, err)
	}
}

func TestCache(t *testing.T) {
	t.Parallel()
	var c cache
	web := driver.Container{ID: "1", Name: "web"}
	kept := func() bool {
		_, ok := c.get("1", "running")
		return ok
	}
	put := func() { c.put(c.begin(), "running", web) }

	put()
	if kept() {
		t.Error("something is kept without a watch")
	}
	end := c.watch()
	put()
	if !kept() {
		t.Error("nothing is kept with a watch")
	}
	if _, ok := c.get("1", "exited"); ok {
		t.Error("the list says something else, and the container is taken from the cache")
	}
	for what, change := range map[string]func(){
		"its id":          func() { c.changed("1") },
		"its name":        func() { c.changed("web") },
		"its absence":     func() { c.retain(map[string]bool{"2": true}) },
		"another watch":   func() { c.watch()() },
		"a stale reading": func() { c.changed("1"); mark := c.begin(); c.changed("2"); c.put(mark, "running", web) },
	} {
		put()
		if change(); kept() {
			t.Errorf("the container is kept after %s", what)
		}
	}
	put()
	if end(); kept() {
		t.Error("the container is kept after the watch")
	}
}

func TestCacheIsSafe(t *testing.T) {
	t.Parallel()
	var c cache
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for range 1000 {
				end := c.watch()
				c.put(c.begin(), "running", driver.Container{ID: "1"})
				c.get("1", "running")
				c.changed("1")
				c.retain(nil)
				end()
			}
		})
	}
	users.Wait()
}

func TestConvertOddAnswers(t *testing.T) {
	t.Parallel()
	if c := convert(&container.InspectResponse{ID: "1", Name: "/web"}); c.Name != "web" || !c.CreatedAt.IsZero() {
		t.Errorf("an answer with nothing in it became %+v", c)
	}
	id := "0123456789abcdef"
	c := convert(&container.InspectResponse{
		ID: id, Name: "/web",
		State: &container.State{Status: "exited", StartedAt: "0001-01-01T00:00:00Z", Health: &container.Health{Status: container.Unhealthy}},
		HostConfig: &container.HostConfig{PortBindings: network.PortMap{
			network.MustParsePort("80/tcp"): {{HostPort: "8000-8010"}, {HostPort: ""}},
		}},
		NetworkSettings: &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{
			"net": {Aliases: []string{"web", "z", id[:12], "a", "z"}}, "odd": nil,
		}},
	})
	if c.Health != "" || !c.StartedAt.IsZero() || c.RestartPolicy != "no" {
		t.Errorf("stopped container became %+v", c)
	}
	if len(c.Ports) != 2 || c.Ports[0].HostPort != 0 {
		t.Errorf("ports are %v", c.Ports)
	}
	if len(c.Endpoints) != 2 || len(c.Endpoints[0].Aliases) != 2 || c.Endpoints[0].Aliases[0] != "a" {
		t.Errorf("endpoints are %v", c.Endpoints)
	}
}

func TestMark(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{
		"Up 2 minutes": "", "Up 2 minutes (healthy)": "healthy", "Up 1 second (health: starting)": "health: starting",
		"Exited (137) 3 hours ago": "137", "Created": "", "Restarting (1) 1 second ago": "1",
	} {
		if got := mark(status); got != want {
			t.Errorf("mark of %q is %q, want %q", status, got, want)
		}
	}
}

func TestLayers(t *testing.T) {
	t.Parallel()
	var l layers
	say := func(id, status string, current, total int64) bool {
		m := jsonstream.Message{ID: id, Status: status}
		if total > 0 {
			m.Progress = &jsonstream.Progress{Current: current, Total: total}
		}
		return l.add(&m)
	}
	if say("1.0", "Pulling from app", 0, 0) {
		t.Error("the first line is taken for a layer")
	}
	say("a", "Already exists", 0, 0)
	say("b", "Pulling fs layer", 0, 0)
	say("b", "Downloading", 30, 100)
	if got, want := l.progress(), (driver.PullProgress{LayersDone: 1, Layers: 2, BytesDone: 30, Bytes: 100}); got != want {
		t.Errorf("progress is %+v, want %+v", got, want)
	}
	say("b", "Extracting", 10, 100)
	if got := l.progress().BytesDone; got != 100 {
		t.Errorf("%d bytes are done while extracting, want 100", got)
	}
	say("b", "Pull complete", 0, 0)
	if got := l.progress().LayersDone; got != 2 {
		t.Errorf("%d layers are done, want 2", got)
	}
}
