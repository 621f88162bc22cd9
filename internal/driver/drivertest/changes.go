package drivertest

import (
	"context"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

func testContainerEvents(s *suite) {
	spec := s.spec("web")
	w := s.watch(time.Time{})
	id := s.create(spec)
	s.must(s.Driver.Start(s.ctx, id))
	s.must(s.Driver.Stop(s.ctx, id))
	s.must(s.Driver.Rename(s.ctx, id, s.name("old")))
	s.must(s.Driver.Remove(s.ctx, id))
	for _, action := range []string{"create", "start", "die", "stop"} {
		e := w.await("container", action, spec.Name)
		if e.ID != id || e.Labels["graft.test"] != s.Prefix || e.Time.IsZero() {
			s.Errorf("event is %+v, want the id %s, the labels and a time", e, id)
		}
	}
	w.await("container", "rename", s.name("old"))
	w.await("container", "destroy", s.name("old"))
}

func testResourceEvents(s *suite) {
	w := s.watch(time.Time{})
	net, volume := s.network("n"), s.name("v")
	s.must(s.Driver.CreateVolume(s.ctx, driver.VolumeSpec{Name: volume}))
	s.must(s.Driver.RemoveVolume(s.ctx, volume))
	s.must(s.Driver.RemoveNetwork(s.ctx, net))
	w.await("network", "create", net)
	w.await("network", "destroy", net)
	w.await("volume", "create", volume)
	w.await("volume", "destroy", volume)
}

func testEventsSince(s *suite) {
	first := s.watch(time.Time{})
	s.network("one")
	before := first.await("network", "create", s.name("one")).Time
	s.network("two")
	first.await("network", "create", s.name("two"))
	second := s.watch(before.Add(time.Nanosecond))
	second.await("network", "create", s.name("two"))
}

func testLogs(s *suite) {
	id := s.create(s.spec("web"))
	s.must(s.Driver.Start(s.ctx, id))
	read := func(ctx context.Context, options driver.LogOptions) string {
		s.Helper()
		var out strings.Builder
		s.must(s.Driver.Logs(ctx, id, options, &out))
		return out.String()
	}

	s.awaitStarted(id)
	ended := make(chan error, 1) // with the container
	go func() { ended <- s.Driver.Logs(s.ctx, id, driver.LogOptions{Follow: true}, &strings.Builder{}) }()
	s.must(s.Driver.Stop(s.ctx, id))
	s.must(<-ended)

	if got := read(s.ctx, driver.LogOptions{}); !strings.HasPrefix(got, "app started\n") {
		s.Errorf("output is %q, want the line app started", got)
	}
	if got := read(s.ctx, driver.LogOptions{Tail: 1}); strings.Count(got, "\n") != 1 {
		s.Errorf("output with tail 1 is %q", got)
	}
	if got := read(s.ctx, driver.LogOptions{Since: s.mustHave(id).FinishedAt.Add(time.Hour)}); got != "" {
		s.Errorf("output after the end is %q", got)
	}
}

// Who knows the time of the last line goes on after it, without a gap.
func testLogsGoOn(s *suite) {
	id := s.create(s.spec("web"))
	var last time.Time
	read := func(options driver.LogOptions) string {
		s.Helper()
		var out strings.Builder
		s.must(s.Driver.Logs(s.ctx, id, options, &out))
		return out.String()
	}
	if got := read(driver.LogOptions{Last: &last}); got != "" || !last.IsZero() {
		s.Errorf("output before the start is %q, at %v", got, last)
	}
	var since time.Time
	for range 2 {
		s.must(s.Driver.Start(s.ctx, id))
		out := &signalWriter{line: make(chan struct{})}
		ended := make(chan error, 1)
		go func() {
			ended <- s.Driver.Logs(s.ctx, id, driver.LogOptions{Since: since, Last: &last, Follow: true}, out)
		}()
		<-out.line
		s.must(s.Driver.Stop(s.ctx, id))
		s.must(<-ended)
		if got := out.text.String(); !strings.HasPrefix(got, "app started\n") || strings.Count(got, "app started") != 1 {
			s.Errorf("output after the last line is %q", got)
		}
		since = last.Add(time.Nanosecond)
	}
	if got := read(driver.LogOptions{Since: last}); strings.Count(got, "\n") != 1 {
		s.Errorf("the last line is %q", got)
	}
	before := last
	if got := read(driver.LogOptions{Since: since, Last: &last}); got != "" || !last.Equal(before) {
		s.Errorf("there is %q after the last line, at %v and then %v", got, before, last)
	}
}

// awaitStarted returns once the program of a container says that it has started:
// one that is told to end before may not know how. Whoever follows what it says is
// through when his context ends.
func (s *suite) awaitStarted(id string) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	first := &signalWriter{line: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- s.Driver.Logs(ctx, id, driver.LogOptions{Follow: true}, first) }()
	<-first.line
	cancel()
	s.must(<-ended)
}

// signalWriter says when something was written.
type signalWriter struct {
	line chan struct{}
	text strings.Builder
}

func (w *signalWriter) Write(p []byte) (int, error) {
	select {
	case <-w.line:
	default:
		close(w.line)
	}
	return w.text.Write(p)
}

func testPull(s *suite) {
	s.want(s.Driver.Pull(s.ctx, s.Missing, nil), graft.CodeNotFound, s.Missing)
	var last driver.PullProgress
	calls := 0
	progress := func(p driver.PullProgress) {
		calls++
		last = p
	}
	s.must(s.Driver.Pull(s.ctx, s.Exiting, progress))
	if calls > 0 && (last.Layers == 0 || last.LayersDone != last.Layers || last.BytesDone != last.Bytes) {
		s.Errorf("progress ended with %+v, want everything done", last)
	}
	calls = 0
	s.must(s.Driver.Pull(s.ctx, s.Exiting, progress))
	if calls > 0 {
		s.Error("a present image was pulled again")
	}
	if checker, ok := s.Driver.(driver.ImageChecker); ok {
		for image, want := range map[string]bool{s.Exiting: true, s.Missing: false} {
			if present, err := checker.HasImage(s.ctx, image); err != nil || present != want {
				s.Errorf("image %s is present: %v, %v; want %v", image, present, err, want)
			}
		}
	}
}

func testRestartPolicy(s *suite) {
	spec := s.spec("web")
	s.must(s.Driver.Pull(s.ctx, s.Exiting, nil))
	spec.Image, spec.Restart = s.Exiting, "on-failure:2"
	w := s.watch(time.Time{})
	id := s.create(spec)
	if got := s.mustHave(id).RestartPolicy; got != spec.Restart {
		s.Errorf("restart policy is %q, want %q", got, spec.Restart)
	}
	s.must(s.Driver.Start(s.ctx, id))
	c := w.until(id, "exited for good", func(c driver.Container) bool { return c.State == driver.StateExited && c.Restarts == 2 })
	if c.ExitCode != 3 || c.FinishedAt.IsZero() {
		s.Errorf("exit code is %d at %v, want 3", c.ExitCode, c.FinishedAt)
	}

	s.must(s.Driver.SetRestartPolicy(s.ctx, id, "no"))
	s.must(s.Driver.SetRestartPolicy(s.ctx, id, "no"))
	s.want(s.Driver.SetRestartPolicy(s.ctx, id, "sometimes"), graft.CodeInvalid, "sometimes")
	if got := s.mustHave(id).RestartPolicy; got != "no" {
		s.Errorf("restart policy is %q, want no", got)
	}
	s.must(s.Driver.Start(s.ctx, id))
	c = w.until(id, "exited at once", func(c driver.Container) bool { return c.State == driver.StateExited })
	if c.Restarts != 0 {
		s.Errorf("the container restarted %d times without a policy", c.Restarts)
	}
}

func testHealth(s *suite) {
	spec := s.spec("healthy")
	every := graft.Duration(time.Second)
	spec.Healthcheck = &graft.Healthcheck{Test: s.HealthTest, Interval: &every}
	w := s.watch(time.Time{})
	id := s.create(spec)
	s.must(s.Driver.Start(s.ctx, id))
	w.await("container", "health_status", spec.Name)
	w.until(id, "healthy", func(c driver.Container) bool { return c.Health == "healthy" })
	s.must(s.Driver.Stop(s.ctx, id))
	if c := s.wantState(id, driver.StateExited); c.Health != "" {
		s.Errorf("the stopped container is %s", c.Health)
	}

	spec.Name = s.name("unchecked")
	spec.Healthcheck = &graft.Healthcheck{Test: s.HealthTest, Disable: true}
	id = s.create(spec)
	s.must(s.Driver.Start(s.ctx, id))
	if c := s.wantState(id, driver.StateRunning); c.Health != "" {
		s.Errorf("the container is %s without a health check", c.Health)
	}
}
