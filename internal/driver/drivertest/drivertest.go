// Package drivertest is what every driver.Driver must do, as tests.
package drivertest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// patience is how long a test waits for what has to come; a test that waits so long
// has failed.
const patience = 3 * time.Minute

// Harness is a driver with what its tests need.
type Harness struct {
	Driver driver.Driver
	// Prefix begins the name of everything that a test makes.
	Prefix string
	// Image can be pulled; its containers print a line "app started", with the
	// value of the variable NAME for app, and run until they are stopped.
	Image string
	// Exiting can be pulled; its containers end with code 3 after they started.
	Exiting string
	// Missing is the name of an image that its registry does not have.
	Missing string
	// HealthTest, run in a container of Image, passes soon after the start.
	HealthTest []string
	// FreePort returns a host port that nobody uses.
	FreePort func() uint16
	// OwnImage makes an image like Image that no other test uses, and returns
	// it with what removes it after it was pulled.
	OwnImage func() (image string, remove func())
	// Subnet makes a network of that name in which addresses can be configured,
	// without the driver, and returns one of them.
	Subnet func(name string) (address string)
	// SecondNetwork makes another network of a name that is in use, without
	// the driver; nil where the runtime allows only one.
	SecondNetwork func(name string)
}

// Run runs the suite. The function is called for every test; what it makes has
// to be cleaned up by itself.
func Run(t *testing.T, harness func(*testing.T) Harness) {
	t.Helper()
	for name, test := range map[string]func(*suite){
		"Info":               testInfo,
		"Lifecycle":          testLifecycle,
		"Names":              testNames,
		"Absent":             testAbsent,
		"Invalid":            testInvalid,
		"Ports":              testPorts,
		"Endpoints":          testEndpoints,
		"Addresses":          testAddresses,
		"StaticAddress":      testStaticAddress,
		"Reconnect":          testReconnect,
		"Move":               testMove,
		"InternalNetwork":    testInternalNetwork,
		"NetworkGone":        testNetworkGone,
		"WithoutNetworks":    testWithoutNetworks,
		"Mounts":             testMounts,
		"Networks":           testNetworks,
		"NetworkIDs":         testNetworkIDs,
		"Volumes":            testVolumes,
		"ContainerEvents":    testContainerEvents,
		"ResourceEvents":     testResourceEvents,
		"EventsSince":        testEventsSince,
		"Logs":               testLogs,
		"LogsGoOn":           testLogsGoOn,
		"Pull":               testPull,
		"Recreate":           testRecreate,
		"RecreateFailures":   testRecreateFailures,
		"Vanishing":          testVanishing,
		"RestartPolicy":      testRestartPolicy,
		"Health":             testHealth,
		"GivenUp":            testGivenUp,
		"SnapshotsAreStable": testSnapshotsAreStable,
		"StartedAt":          testStartedAt,
		"Usage":              testUsage,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			t.Cleanup(cancel)
			test(&suite{T: t, Harness: harness(t), ctx: ctx})
		})
	}
}

// suite is one test with its driver and short words for what tests do.
type suite struct {
	*testing.T
	Harness
	ctx context.Context
}

func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// want fails unless err is a *graft.Error of that code that says these words.
func (s *suite) want(err error, code graft.Code, words ...string) {
	s.Helper()
	if graft.ErrorCode(err) != code {
		s.Fatalf("error is %q (%v), want code %q", graft.ErrorCode(err), err, code)
	}
	message := graft.ErrorMessage(err)
	if message == "" {
		s.Fatalf("error %v has no message", err)
	}
	for _, word := range words {
		if !strings.Contains(message, word) {
			s.Errorf("message %q does not say %q", message, word)
		}
	}
}

func (s *suite) name(suffix string) string { return s.Prefix + "-" + suffix }

// network makes a network and returns its name.
func (s *suite) network(suffix string) string {
	s.Helper()
	name := s.name(suffix)
	s.must(s.Driver.CreateNetwork(s.ctx, driver.NetworkSpec{Name: name, Driver: "bridge", Labels: s.labels()}))
	return name
}

func (s *suite) labels() map[string]string { return map[string]string{"graft.test": s.Prefix} }

// spec returns the specification of a container on one network, with the image
// and the network there.
func (s *suite) spec(suffix string) driver.ContainerSpec {
	s.Helper()
	s.must(s.Driver.Pull(s.ctx, s.Image, nil))
	return driver.ContainerSpec{
		Name:        s.name(suffix),
		Image:       s.Image,
		Labels:      s.labels(),
		Environment: map[string]string{"NAME": "app"},
		Endpoints:   []driver.Endpoint{{Network: s.network("net")}},
		Restart:     "no",
	}
}

func (s *suite) create(spec driver.ContainerSpec) string {
	s.Helper()
	id, err := s.Driver.Create(s.ctx, spec)
	s.must(err)
	return id
}

func (s *suite) observe() *driver.Snapshot {
	s.Helper()
	snapshot, err := s.Driver.Observe(s.ctx)
	s.must(err)
	return snapshot
}

// container returns the container of that id or name, nil if there is none.
func (s *suite) container(id string) *driver.Container {
	s.Helper()
	snapshot := s.observe()
	i := slices.IndexFunc(snapshot.Containers, func(c driver.Container) bool { return c.ID == id || c.Name == id })
	if i < 0 {
		return nil
	}
	return &snapshot.Containers[i]
}

func (s *suite) mustHave(id string) driver.Container {
	s.Helper()
	c := s.container(id)
	if c == nil {
		s.Fatalf("there is no container %q", id)
	}
	return *c
}

func (s *suite) wantState(id string, state driver.State) driver.Container {
	s.Helper()
	c := s.mustHave(id)
	if c.State != state {
		s.Fatalf("container %q is %s (%s), want %s", c.Name, c.State, c.Error, state)
	}
	return c
}

// watcher collects the events since it was made.
type watcher struct {
	s    *suite
	news chan struct{}

	mu     sync.Mutex
	events []driver.Event
}

// watch returns when no later event can be missed.
func (s *suite) watch(since time.Time) *watcher {
	s.Helper()
	w := &watcher{s: s, news: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(s.ctx)
	connected, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.Driver.Watch(ctx, since, func() { close(connected) }, w.add)
	}()
	select {
	case <-connected:
	case err := <-ended:
		s.Fatalf("watch ended at once: %v", err)
	}
	s.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.Errorf("watch ended with %v, want nil after its context", err)
		}
	})
	return w
}

func (w *watcher) add(e driver.Event) {
	w.mu.Lock()
	w.events = append(w.events, e)
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

func (w *watcher) find(match func(driver.Event) bool) (driver.Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.IndexFunc(w.events, match); i >= 0 {
		return w.events[i], true
	}
	return driver.Event{}, false
}

// await waits for an event.
func (w *watcher) await(kind, action, name string) driver.Event {
	w.s.Helper()
	timeout := time.After(patience)
	for {
		e, ok := w.find(func(e driver.Event) bool { return e.Type == kind && e.Action == action && e.Name == name })
		if ok {
			return e
		}
		select {
		case <-w.news:
		case <-timeout:
			w.mu.Lock()
			defer w.mu.Unlock()
			w.s.Fatalf("no event %s %s of %q came; these did: %v", kind, action, name, w.events)
		}
	}
}

// until observes a container at every event until it is as it should be.
func (w *watcher) until(id, what string, ok func(driver.Container) bool) driver.Container {
	w.s.Helper()
	timeout := time.After(patience)
	for {
		c := w.s.mustHave(id)
		if ok(c) {
			return c
		}
		select {
		case <-w.news:
		case <-timeout:
			c.Record = nil
			w.s.Fatalf("container never was %s; now it is %+v", what, c)
		}
	}
}
