package e2e_test

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft"
)

// away is how long Docker does not answer.
const away = 5 * time.Second

// TestStopAndStart ends the real process, starts the next one, and takes Docker
// away from it. Containers run on through all of that.
func TestStopAndStart(t *testing.T) {
	t.Parallel()
	th := newTheatre(t, 0)
	t.Run("process", func(t *testing.T) {
		t.Parallel()
		th.begin(t).stopAndStart()
	})
	t.Run("docker", func(t *testing.T) {
		t.Parallel()
		th.begin(t).loseDocker()
	})
}

// running is an addon with a plugin and a side service on an engine that looks
// at Docker often.
type running struct {
	*performance
	inst *graft.Installation
	side string // the side service's container
}

func (th *theatre) begin(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{performance: th.prepare(t, true)}
	r.program = r.startProgram(th.binary, r.proxy.host(), append(args, "--resync", "500ms")...)
	addon := r.publish(
		service(r.component, r.image, gate),
		service(r.prefix+"-side", r.image, `"volumes":["data:/data"]`),
	)
	r.inst = r.awaitStatus(r.install(addon).ID, graft.StatusActive)
	answers(t, r.port, "plugin")
	for _, s := range r.inst.Details.Services {
		if s.Name != r.component {
			r.side = s.ContainerID
		}
	}
	return r
}

// finish uninstalls the addon and checks that all is as before.
func (r *running) finish() {
	r.t.Helper()
	r.leave(r.inst.ID)
	r.retire()
	r.nothingLeaked()
	r.componentIsBack()
}

// stopAndStart ends the engine as an operator does and runs the next one, as an
// upgrade does. No container is touched, neither by the one nor by the other.
func (r *running) stopAndStart() {
	was := r.containers()
	r.proxy.forget()
	r.stop()
	r.undisturbed(was)
	answers(r.t, r.port, "plugin")

	r.restart()
	r.proxy.awaitLooks(r.t.Context(), 4)
	r.undisturbed(was)
	if inst := r.now(); inst.Status != graft.StatusActive {
		r.t.Errorf("after the start it is %s: %+v", inst.Status, inst.Details)
	}

	r.stop()
	started := r.killSide()
	r.restart()
	r.awaitRestart(started)
	r.finish()
}

func (r *running) restart() {
	r.t.Helper()
	if err := r.start(); err != nil {
		r.t.Fatal(err)
	}
}

// loseDocker lets Docker be away. The engine says so and keeps what it knows;
// when Docker is back, it goes on.
func (r *running) loseDocker() {
	was := r.containers()
	r.proxy.forget()
	r.proxy.stop()
	r.awaitReady(http.StatusServiceUnavailable)
	started := r.stayThrough(away)
	r.proxy.start()
	r.awaitReady(http.StatusOK)
	r.awaitRestart(started)
	delete(was, r.side)
	now := r.containers()
	delete(now, r.side)
	if diff := cmp.Diff(was, now); diff != "" {
		r.t.Errorf("containers beside the one that ended were disturbed (-before +after):\n%s", diff)
	}

	// What is asked for while Docker is away is done when it is back.
	r.proxy.stop()
	r.desire(r.inst.ID, false)
	r.awaitReady(http.StatusServiceUnavailable)
	answers(r.t, r.port, "plugin")
	r.proxy.start()
	r.awaitStatus(r.inst.ID, graft.StatusDisabled)
	answers(r.t, r.port, "core")
	r.finish()
}

// stayThrough checks for that long that the engine says that Docker is away and
// that nothing else changes. In the end it kills the side service and returns when
// that had started.
func (r *running) stayThrough(long time.Duration) string {
	r.t.Helper()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for over := time.After(long); ; {
		select {
		case <-again.C:
		case <-over:
			return r.killSide()
		}
		if status, body := r.ready(); status != http.StatusServiceUnavailable || !strings.Contains(strings.ToLower(body), "docker") {
			r.t.Fatalf("while Docker is away, /readyz says %d: %s", status, body)
		}
		if inst := r.now(); inst.Status != graft.StatusActive {
			r.t.Fatalf("while Docker is away it is %s: %+v", inst.Status, inst.Details)
		}
		if got := get(r.t.Context(), r.port); got != "plugin" {
			r.t.Fatalf("while Docker is away the port answers %q", got)
		}
	}
}

// now returns the installation as the engine tells it.
func (r *running) now() *graft.Installation {
	r.t.Helper()
	return r.await(r.inst.ID, "there", func(*graft.Installation) bool { return true })
}

// ready asks the engine whether it is ready.
func (r *running) ready() (status int, body string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+"/readyz", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func (r *running) awaitReady(want int) {
	r.t.Helper()
	var status int
	var body string
	r.poll(func() bool {
		status, body = r.ready()
		return status == want
	}, func() { r.t.Fatalf("/readyz says %d, want %d: %s", status, want, body) })
}

// poll returns once it is so; if it takes too long, late is called.
func (r *running) poll(is func() bool, late func()) {
	r.t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for over := time.After(patience); !is(); {
		select {
		case <-again.C:
		case <-over:
			late()
			return
		}
	}
}

// killSide kills the side service's container in Docker itself, and returns
// when it had started.
func (r *running) killSide() string {
	r.t.Helper()
	started := r.inspect(r.side).State.StartedAt
	if _, err := r.docker.ContainerKill(r.t.Context(), r.side, docker.ContainerKillOptions{Signal: "KILL"}); err != nil {
		r.t.Fatal(err)
	}
	return started
}

// awaitRestart returns once the engine has started the side service again.
func (r *running) awaitRestart(started string) {
	r.t.Helper()
	r.poll(func() bool {
		state := r.inspect(r.side).State
		return state.Running && state.StartedAt != started
	}, func() { r.t.Fatal("the container that was killed is not started again") })
	r.awaitStatus(r.inst.ID, graft.StatusActive)
}

// life is what a disturbance of a container changes.
type life struct {
	Name, Status, StartedAt, RestartPolicy string
	Networks                               []string
}

// containers returns the lives of this run's containers, by id.
func (r *running) containers() map[string]life {
	r.t.Helper()
	list, err := r.docker.ContainerList(r.t.Context(), docker.ContainerListOptions{All: true})
	if err != nil {
		r.t.Fatal(err)
	}
	lives := map[string]life{}
	for _, c := range list.Items {
		if !strings.Contains(strings.Join(c.Names, " "), r.prefix) {
			continue
		}
		found := r.inspect(c.ID)
		lives[c.ID] = life{
			Name: found.Name, Status: string(found.State.Status), StartedAt: found.State.StartedAt,
			RestartPolicy: string(found.HostConfig.RestartPolicy.Name),
			Networks:      slices.Sorted(maps.Keys(found.NetworkSettings.Networks)),
		}
	}
	return lives
}

// undisturbed fails unless all containers are as they were and no call to Docker
// was made to change any.
func (r *running) undisturbed(was map[string]life) {
	r.t.Helper()
	if diff := cmp.Diff(was, r.containers()); diff != "" {
		r.t.Errorf("containers were disturbed (-before +after):\n%s", diff)
	}
	if calls := r.proxy.made(); len(calls) > 0 {
		r.t.Errorf("calls to Docker that change something: %q", calls)
	}
}
