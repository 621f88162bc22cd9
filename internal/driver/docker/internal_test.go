package docker

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/api/types/mount"
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

// A daemon that was killed says this of containers that it was starting; it is no
// fault of theirs.
func TestStartAfterTheDaemonWasKilled(t *testing.T) {
	t.Parallel()
	err := (&Driver{}).startFailed(nil, errors.New("Error response from daemon: id already in use"), "web")
	if graft.ErrorCode(err) != graft.CodeUnavailable {
		t.Errorf("%s: %v", graft.ErrorCode(err), err)
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

func TestCacheOfAnEnd(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	end := start.Add(time.Minute)
	tests := []struct {
		name, policy string
		code         int
		at           time.Time
		want         driver.State // empty: it is asked for again
	}{
		{"never started again", "no", 3, end, driver.StateExited},
		{"always started again", "always", 0, end, driver.StateRestarting},
		{"unless stopped, perhaps just now", "unless-stopped", 137, end, driver.StateRestarting},
		{"started again on failure", "on-failure:3", 1, end, driver.StateRestarting},
		{"not started again after success", "on-failure", 0, end, driver.StateExited},
		{"the end of an earlier life", "no", 3, start.Add(-time.Second), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var c cache
			defer c.watch()()
			c.put(c.begin(), "running", driver.Container{
				ID: "1", State: driver.StateRunning, Health: "healthy", StartedAt: start, RestartPolicy: tt.policy, Addresses: []string{"10.0.0.2"},
			})
			mark := c.begin()
			c.ended("1", tt.at, tt.code)
			c.put(mark, "running", driver.Container{ID: "1", State: driver.StateRunning}) // asked for before the end
			got, ok := c.get("1", "running")
			if want := (driver.Container{
				ID: "1", State: tt.want, StartedAt: start, FinishedAt: end, ExitCode: tt.code, RestartPolicy: tt.policy,
			}); ok != (tt.want != "") || ok && !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %t; want %+v", got, ok, want)
			}
			if _, ok := c.get("1", "exited"); ok {
				t.Error("the list knows more by now, and the container is taken from the cache")
			}
		})
	}
}

func TestCacheOfDigests(t *testing.T) {
	t.Parallel()
	var c cache
	kept := func(image string) bool {
		_, ok := c.digestsOf(image)
		return ok
	}
	put := func() {
		c.putDigests(c.begin(), "with", []string{"digest"})
		c.putDigests(c.begin(), "without", nil)
	}
	put()
	if !kept("with") || kept("without") {
		t.Error("without a watch only an image with a digest is to be kept")
	}
	end := c.watch()
	put()
	if !kept("with") || !kept("without") {
		t.Error("with a watch every image is to be kept")
	}
	if c.imagesChanged(); kept("with") || kept("without") {
		t.Error("after a change every image is to be looked at again")
	}
	c.putDigests(c.begin(), "with", []string{"another"})
	if got, _ := c.digestsOf("with"); !slices.Equal(got, []string{"another", "digest"}) {
		t.Errorf("an image with two names has %v", got)
	}
	put()
	if end(); !kept("with") || kept("without") {
		t.Error("after the watch only an image with a digest is to be kept")
	}
	if c.retainImages(map[string]bool{"other": true}); kept("with") {
		t.Error("an image that nobody uses is kept")
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
				c.ended("1", time.Time{}, 1)
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
		HostConfig: &container.HostConfig{Resources: container.Resources{Memory: -1}, PortBindings: network.PortMap{
			network.MustParsePort("80/tcp"): {{HostPort: "8000-8010"}, {HostPort: ""}},
		}},
		NetworkSettings: &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{
			"net": {Aliases: []string{"web", "z", id[:12], "a", "z"}}, "odd": nil,
		}},
	})
	if c.Health != "" || !c.StartedAt.IsZero() || c.RestartPolicy != "no" || c.MemLimit != 0 {
		t.Errorf("stopped container became %+v", c)
	}
	if len(c.Ports) != 2 || c.Ports[0].HostPort != 0 {
		t.Errorf("ports are %v", c.Ports)
	}
	if len(c.Endpoints) != 2 || !slices.Equal(c.Endpoints[0].Aliases, []string{"a", "web", "z"}) {
		t.Errorf("endpoints are %v", c.Endpoints)
	}
}

func TestConvertNetworksAndMounts(t *testing.T) {
	t.Parallel()
	in := &container.InspectResponse{
		ID: "1", Name: "/web", State: &container.State{Status: "running", Running: true},
		Mounts: []container.MountPoint{
			{Type: mount.TypeVolume, Name: "data", Source: "/var/lib/docker/volumes/data", Destination: "/z", Mode: "z", RW: true},
			{Type: mount.TypeTmpfs, Destination: "/tmp"},
			{Type: mount.TypeBind, Source: "/etc", Destination: "/a"},
		},
		NetworkSettings: &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{
			"b": {IPAddress: netip.MustParseAddr("10.0.0.2"), GlobalIPv6Address: netip.MustParseAddr("fd00::2")},
			"a": {
				IPAddress:  netip.MustParseAddr("10.0.1.2"),
				IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: netip.MustParseAddr("10.0.1.2"), IPv6Address: netip.MustParseAddr("fd01::2")},
			},
		}},
	}
	c := convert(in)
	wantMounts := []driver.Mount{{Source: "/etc", Target: "/a", Bind: true, Mode: "ro"}, {Source: "data", Target: "/z", Mode: "rw"}}
	if !slices.Equal(c.Mounts, wantMounts) {
		t.Errorf("mounts are %+v, want %+v", c.Mounts, wantMounts)
	}
	if want := []string{"10.0.1.2", "10.0.0.2", "fd00::2"}; !slices.Equal(c.Addresses, want) {
		t.Errorf("addresses are %v, want %v", c.Addresses, want)
	}
	a, b := c.Endpoints[0], c.Endpoints[1]
	if a.IPv4Address != "10.0.1.2" || a.IPv6Address != "fd01::2" || b.IPv4Address != "" || b.IPv6Address != "" {
		t.Errorf("endpoints are %+v, want the configured addresses only", c.Endpoints)
	}
	in.State = &container.State{Status: "restarting", Running: true, Restarting: true}
	if c := convert(in); len(c.Addresses) != 0 {
		t.Errorf("a container that waits for its restart has the addresses %v", c.Addresses)
	}
}

// Both versions of control groups, and what neither should say.
func TestMemory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		usage uint64
		stats map[string]uint64
		want  int64
	}{
		{"version 1", 100, map[string]uint64{"total_inactive_file": 30, "inactive_file": 10}, 70},
		{"version 2", 100, map[string]uint64{"inactive_file": 30}, 70},
		{"no files", 100, nil, 100},
		{"more files than memory", 100, map[string]uint64{"inactive_file": 101}, 100},
		{"nothing", 0, nil, 0},
	} {
		if got := memory(&container.MemoryStats{Usage: c.usage, Stats: c.stats}); got != c.want {
			t.Errorf("%s: %d bytes, want %d", c.name, got, c.want)
		}
	}
}

func TestChooseDigest(t *testing.T) {
	t.Parallel()
	digests := []string{"example.org/a@sha256:1", "redis@sha256:2", "example.org:5000/b@sha256:3"}
	for i, digest := range digests { // of the right length
		digests[i] = digest + strings.Repeat("0", 63)
	}
	for asked, want := range map[string]string{
		"docker.io/library/redis:7": digests[1], "redis": digests[1], "example.org:5000/b:1": digests[2], digests[2]: digests[2],
		"other": digests[0], "sha256:1": digests[0], "": digests[0], "No Name": digests[0],
	} {
		if got := chooseDigest(digests, asked); got != want {
			t.Errorf("digest for %q is %q, want %q", asked, got, want)
		}
	}
	if got := chooseDigest(nil, "redis"); got != "" {
		t.Errorf("digest is %q, want none", got)
	}
}

func TestIsTag(t *testing.T) {
	t.Parallel()
	for ref, want := range map[string]bool{
		"redis": true, "redis:7": true, "localhost:5000/a/b:c": true, "redis@sha256:" + strings.Repeat("0", 64): false,
		"sha256:" + strings.Repeat("0", 64): false, "0123456789ab": false, "": false,
	} {
		if got := isTag(ref); got != want {
			t.Errorf("%q is a tag: %v, want %v", ref, got, want)
		}
	}
}

func TestCollides(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ip     string
		port   uint16
		theirs string
		want   bool
	}{
		{"", 80, "0.0.0.0", true}, {"", 80, "10.0.0.1", true}, {"10.0.0.1", 80, "::", true}, {"10.0.0.1", 80, "10.0.0.1", true},
		{"10.0.0.1", 80, "10.0.0.2", false}, {"", 81, "0.0.0.0", false}, {"", 0, "0.0.0.0", false},
	} {
		theirs := container.PortSummary{IP: netip.MustParseAddr(test.theirs), PublicPort: 80, Type: "tcp"}
		if got := collides(test.ip, test.port, "tcp", theirs); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
		if collides(test.ip, test.port, "udp", theirs) {
			t.Errorf("%+v collides with another protocol", test)
		}
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

// A container that has just ended is taken for one that runs for a moment.
func TestWhenEnded(t *testing.T) {
	t.Parallel()
	stopped := errors.New("Cannot update container 1: OCI runtime: cannot update a stopped container: unknown")
	for _, c := range []struct {
		err   error // what Docker answers the first two times
		calls int
	}{{stopped, 3}, {errors.New("something else"), 1}, {nil, 1}} {
		calls := 0
		err := whenEnded(t.Context(), func() error {
			if calls++; calls < 3 {
				return c.err
			}
			return nil
		})
		if calls != c.calls || calls == 1 && !errors.Is(err, c.err) || calls == 3 && err != nil {
			t.Errorf("%v: called %d times, %v", c.err, calls, err)
		}
	}
}
