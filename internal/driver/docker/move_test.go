package docker_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/dockertest"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/docker"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
)

// mover moves containers between networks, and sees what becomes of their port.
type mover struct {
	*testing.T
	*docker.Driver
	api      *client.Client
	spec     driver.ContainerSpec // publishes port
	port     uint16
	home     string
	internal string
}

func newMover(t *testing.T, environment map[string]string) *mover {
	t.Helper()
	d, spec := setUp(t, docker.Options{})
	m := &mover{T: t, Driver: d, api: dockertest.Client(t), spec: spec, port: freePort(t)}
	m.spec.Environment = environment
	m.spec.Ports = []driver.Port{{HostPort: m.port, ContainerPort: 8080, Protocol: "tcp"}}
	m.home, m.internal = spec.Endpoints[0].Network, spec.Name+"-internal"
	m.must(d.CreateNetwork(t.Context(), driver.NetworkSpec{Name: m.internal, Driver: "bridge", Internal: true}))
	return m
}

func (m *mover) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

func (m *mover) connect(id, network string, aliases ...string) {
	m.Helper()
	m.must(m.Connect(m.Context(), id, driver.Endpoint{Network: network, Aliases: aliases}))
}

func (m *mover) disconnect(id, network string) {
	m.Helper()
	m.must(m.Disconnect(m.Context(), id, network))
}

func (m *mover) restart(id string) {
	m.Helper()
	_, err := m.api.ContainerRestart(m.Context(), id, client.ContainerRestartOptions{})
	m.must(err)
}

func (m *mover) container(id string) driver.Container {
	m.Helper()
	snapshot, err := m.Observe(m.Context())
	m.must(err)
	for _, c := range snapshot.Containers {
		if c.ID == id {
			return c
		}
	}
	m.Fatalf("there is no container %s", id)
	return driver.Container{}
}

func (m *mover) inspect(id string) container.InspectResponse {
	m.Helper()
	result, err := m.api.ContainerInspect(m.Context(), id, client.ContainerInspectOptions{})
	m.must(err)
	return result.Container
}

// answer is what the published port answers to a path.
func (m *mover) answer(path string) (string, error) {
	request, err := http.NewRequestWithContext(m.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", m.port, path), nil)
	if err != nil {
		return "", err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return strings.TrimSpace(string(body)), err
}

// answers waits for the published port to answer; the program needs a moment
// after its start.
func (m *mover) answers(path, want string) {
	m.Helper()
	eventually(m.T, fmt.Sprintf("%s answers %q", path, want), func() bool {
		got, err := m.answer(path)
		return err == nil && got == want
	})
}

// eventually waits for what Docker tells nobody of.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	const patience = 2 * time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	often := time.NewTicker(20 * time.Millisecond)
	defer often.Stop()
	for !ok() {
		select {
		case <-often.C:
		case <-ctx.Done():
			t.Fatalf("never came true: %s", what)
		}
	}
}

// isClosed fails unless the container publishes nothing and nobody listens.
func (m *mover) isClosed(id string) {
	m.Helper()
	for port, bindings := range m.inspect(id).NetworkSettings.Ports {
		if len(bindings) > 0 {
			m.Errorf("the container still publishes %s", port)
		}
	}
	if connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", m.port)); err == nil {
		_ = connection.Close()
		m.Error("the port still answers")
	}
}

func TestReconnectedContainerIsAsBefore(t *testing.T) {
	t.Parallel()
	m := newMover(t, nil)
	static := m.spec.Name + "-static"
	address := createSubnet(t, static)
	m.spec.Endpoints = []driver.Endpoint{{Network: static, Aliases: []string{"api"}, IPv4Address: address}}
	id := start(t, m.Driver, m.spec)
	was := m.container(id)
	m.answers("/lookup?host=api", address)
	m.disconnect(id, static)
	m.isClosed(id)
	m.must(m.Reconnect(t.Context(), id, was.Record, static))
	m.answers("/lookup?host=api", address)
	if c := m.container(id); c.StartedAt != was.StartedAt {
		t.Error("the container was started again")
	}
}

// The plugin's way in a warm swap.
func TestPortsComeWithTheRealNetwork(t *testing.T) {
	t.Parallel()
	m := newMover(t, nil)
	m.spec.Endpoints = []driver.Endpoint{{Network: m.internal}}
	id := start(t, m.Driver, m.spec)
	m.isClosed(id)
	m.connect(id, m.home, "scheduler")
	m.answers("/get?url=http://scheduler:8080/", "app")
	m.disconnect(id, m.internal)
	m.answers("/", "app")
	m.restart(id)
	m.answers("/get?url=http://scheduler:8080/", "app")
	m.must(m.RemoveNetwork(t.Context(), m.internal))
	m.restart(id)
	m.answers("/get?url=http://scheduler:8080/", "app")
}

// Whoever leaves the internal network last keeps the port, although nothing
// there could have published it.
func TestPortsMoveToTheInternalNetwork(t *testing.T) {
	t.Parallel()
	m := newMover(t, nil)
	id := start(t, m.Driver, m.spec)
	m.connect(id, m.internal)
	m.disconnect(id, m.home)
	m.answers("/", "app")
	m.disconnect(id, m.internal)
	m.isClosed(id)
}

func TestDisconnectInEveryState(t *testing.T) {
	t.Parallel()
	for state, bring := range map[driver.State]func(m *mover, id string) error{
		driver.StateRunning: func(*mover, string) error { return nil },
		driver.StateExited:  func(m *mover, id string) error { return m.Stop(m.Context(), id) },
		driver.StateCreated: func(*mover, string) error { return nil },
		driver.StatePaused: func(m *mover, id string) error {
			_, err := m.api.ContainerPause(m.Context(), id, client.ContainerPauseOptions{})
			return err
		},
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			m := newMover(t, nil)
			id := create(t, m.Driver, m.spec)
			if state != driver.StateCreated {
				m.must(m.Start(t.Context(), id))
			}
			m.must(bring(m, id))
			m.disconnect(id, m.home)
			m.isClosed(id)
			if c := m.container(id); c.State != state || len(c.Endpoints) != 0 {
				t.Errorf("the container is %s on %v", c.State, c.Endpoints)
			}
			m.connect(id, m.home) // and back
			if c := m.container(id); c.State != state || len(c.Endpoints) != 1 {
				t.Errorf("the container is %s on %v", c.State, c.Endpoints)
			}
		})
	}
}

// crashing returns a container that waits for its restart.
func (m *mover) crashing() string {
	m.Helper()
	m.spec.Restart = "always"
	id := start(m.T, m.Driver, m.spec)
	const tries = 5 // from then on it waits for more than three seconds
	eventually(m.T, "the container waits for its restart", func() bool {
		c := m.inspect(id)
		return c.State.Restarting && c.RestartCount >= tries
	})
	return id
}

func TestNetworksOfARestartingContainer(t *testing.T) {
	t.Parallel()
	m := newMover(t, map[string]string{"EXIT_AFTER": "10ms", "EXIT_CODE": "3"})
	id := m.crashing()
	m.disconnect(id, m.home)
	if c := m.container(id); len(c.Endpoints) != 0 || c.State == driver.StateExited {
		t.Errorf("the container is %s on %v", c.State, c.Endpoints)
	}
	m.isClosed(id)
	m.must(m.Stop(t.Context(), id))
	m.must(m.Remove(t.Context(), id))

	id = m.crashing()
	m.connect(id, m.spec.Endpoints[0].Network) // it is there
	m.connect(id, m.internal)
	if c := m.container(id); len(c.Endpoints) != 2 {
		t.Errorf("the container is on %v, want two networks", c.Endpoints)
	}
	m.must(m.Stop(t.Context(), id))
	m.isClosed(id)
}

// The port is taken by something that is no container, so that only Docker
// finds out, and leaves half of an endpoint behind.
func TestFailedConnectLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, autoRemove := range []bool{false, true} {
		m := newMover(t, nil)
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", m.port))
		m.must(err)
		defer l.Close()
		m.spec.Endpoints = []driver.Endpoint{{Network: m.internal}}
		id := create(t, m.Driver, m.spec)
		if autoRemove {
			options := m.inspect(id)
			m.must(m.Remove(t.Context(), id))
			options.HostConfig.AutoRemove = true
			created, err := m.api.ContainerCreate(t.Context(), client.ContainerCreateOptions{
				Name: m.spec.Name, Config: options.Config, HostConfig: options.HostConfig,
			})
			m.must(err)
			id = created.ID
		}
		m.must(m.Start(t.Context(), id))
		err = m.Connect(t.Context(), id, driver.Endpoint{Network: m.home})
		wantCode(t, err, graft.CodeConflict, fmt.Sprintf("host port %d is already in use", m.port))
		c := m.container(id)
		if !c.Running() {
			t.Errorf("the container is %s after a failure", c.State)
		}
		if autoRemove { // it can't be started anew, and so not be mended
			continue
		}
		if len(c.Endpoints) != 1 || len(c.Addresses) != 1 {
			t.Errorf("the container is on %v with %v after a failure", c.Endpoints, c.Addresses)
		}
		m.must(l.Close())
		m.connect(id, m.home)
		m.answers("/", "app")
	}
}

// Two networks may have one name until one of them is removed.
func TestDisconnectFromTheRightNetwork(t *testing.T) {
	t.Parallel()
	m := newMover(t, nil)
	id := start(t, m.Driver, m.spec)
	if versions.LessThan(m.api.ClientVersion(), "1.44") { // later ones refuse it
		createNetwork(t, client.NetworkCreateOptions{}, m.home)
	}
	m.disconnect(id, m.home)
	m.isClosed(id)
}
