package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/dockertest"
	"github.com/graftplatform/graft/internal/driver"
)

const (
	// readyFile is there once somebody has put it there; else the answer is 404.
	readyFile = "/file?path=/tmp/ready"
	// unanswered is time for several probes.
	unanswered = 2 * time.Second
)

// TestProbes lets the engine ask from outside whether a program works, at the
// addresses that Docker gives to its container.
func TestProbes(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]func(*site){
		"answers late":  (*site).probeAnswersLate,
		"never answers": (*site).probeNeverAnswers,
		"fails later":   (*site).probeFailsLater,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			test(newSite(t))
		})
	}
}

// probeAnswersLate has a plugin that runs and serves, and whose probe is
// answered well only when the test says so: until then nothing moves.
func (s *site) probeAnswersLate() {
	p := s.up(graft.PlaneCluster, s.t.TempDir())
	port, name := dockertest.FreePort(s.t), s.prefix+"-scheduler"
	id := s.component(graft.PlaneCluster, name, s.imageNamed("core", "NAME=core"), port)
	before := s.normalised(id)
	addon := p.publish(s.addon("late", service(name, s.imageNamed("plugin", "NAME=plugin"),
		`"probe":{"http":{"port":8080,"path":"`+readyFile+`","status":200},"interval":"200ms","timeout":"10s","retries":3,"start_period":"5m"}`)))
	inst, err := p.Install(s.t.Context(), addon.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	plugin := s.awaitServing(inst.ID)

	s.keepsAnswering(port, "core", unanswered)
	if told := p.told(graft.EventSwapped); len(told) > 0 {
		s.t.Errorf("swapped before the probe was answered: %+v", told)
	}
	ready := time.Now()
	s.send(http.MethodPut, plugin+readyFile)
	p.await(inst.ID, graft.StatusActive)
	answers(s.t, port, "plugin")
	told := p.told(graft.EventSwapped)
	if len(told) != 1 || !told[0].Time.After(ready) || told[0].Way != graft.SwapWarm {
		s.t.Errorf("told of these swaps, and ready at %v: %+v", ready, told)
	}
	p.uninstall(inst.ID)
	answers(s.t, port, "core")
	if diff := cmp.Diff(before, s.normalised(id)); diff != "" {
		s.t.Errorf("the component is not as it was (-before +after):\n%s", diff)
	}
}

// keepsAnswering fails unless a port answers like that for so long.
func (s *site) keepsAnswering(port, want string, long time.Duration) {
	s.t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for over := time.After(long); ; {
		if got := get(s.t.Context(), port); got != want {
			s.t.Fatalf("port %s answers %q, want %q", port, got, want)
		}
		select {
		case <-again.C:
		case <-over:
			return
		}
	}
}

// awaitServing returns the URL of an installation's only container once it
// serves, wherever it is.
func (s *site) awaitServing(installation string) string {
	s.t.Helper()
	url := ""
	s.awaitNone(func() string {
		list, err := s.docker.ContainerList(s.t.Context(), docker.ContainerListOptions{
			Filters: docker.Filters{}.Add("label", driver.InstallationLabel+"="+installation),
		})
		if err != nil {
			s.t.Fatal(err)
		}
		for _, c := range list.Items {
			for _, n := range c.NetworkSettings.Networks {
				if url = "http://" + n.IPAddress.String() + ":8080"; fetch(s.t.Context(), url+"/") != "" {
					return ""
				}
			}
		}
		return "no container serves: " + url
	})
	return url
}

// awaitNone returns once nothing is wrong any more.
func (s *site) awaitNone(wrong func() string) {
	s.t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for what := wrong(); what != ""; what = wrong() {
		select {
		case <-again.C:
		case <-late:
			s.t.Fatal(what)
		}
	}
}

// send tells a program something.
func (s *site) send(method, address string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, address, strings.NewReader(""))
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s %s: %s", method, address, answer.Status)
	}
}

// probeNeverAnswers has a plugin that runs, where nobody listens on the port
// that is probed.
func (s *site) probeNeverAnswers() {
	p := s.up(graft.PlaneCluster, s.t.TempDir())
	port, name := dockertest.FreePort(s.t), s.prefix+"-scheduler"
	id := s.component(graft.PlaneCluster, name, s.imageNamed("core", "NAME=core"), port)
	before := s.normalised(id)
	addon := p.publish(s.addon("deaf", service(name, s.imageNamed("plugin", "NAME=plugin"),
		`"probe":{"tcp":{"port":9},"interval":"200ms","timeout":"10s","retries":2}`)))
	inst, err := p.Install(s.t.Context(), addon.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	inst = p.awaitThat(inst.ID, "restored", func(i *graft.Installation) bool {
		return i.Details != nil && i.Details.Outcome == graft.OutcomeRestored
	})
	reason := inst.Details.Reason
	if inst.Status != graft.StatusFailed || !strings.Contains(reason, "TCP ") || !strings.Contains(reason, ":9: connection refused") {
		s.t.Errorf("it is %s, for the reason %q", inst.Status, reason)
	}
	answers(s.t, port, "core")
	if diff := cmp.Diff(before, s.normalised(id)); diff != "" {
		s.t.Errorf("the component is not as it was (-before +after):\n%s", diff)
	}
	p.uninstall(inst.ID)
}

// probeFailsLater has an extension that works and then no longer, until it is
// started again.
func (s *site) probeFailsLater() {
	p := s.up(graft.PlaneRoot, s.t.TempDir())
	port, name, image := dockertest.FreePort(s.t), s.prefix+"-web", s.image("NAME=web")
	inst := p.install(s.addon("sick",
		service(name, image, `"ports":{"8080":"`+port+`"}`, `"probe":{"http":{"port":8080,"path":"/health"},"interval":"200ms","timeout":"10s","retries":2}`),
		service(s.prefix+"-side", image),
	), graft.StatusActive)
	web, side := s.inspect("root_"+name), s.inspect("root_"+s.prefix+"-side")

	s.send(http.MethodPost, "http://127.0.0.1:"+port+"/health?ok=false")
	p.awaitEvent(graft.EventUnhealthy, name)
	if e := p.awaitEvent(graft.EventStatus, "partially_active"); e.Status != graft.StatusPartiallyActive || !strings.Contains(e.Reason, name) || !strings.Contains(e.Reason, "answered 503") {
		s.t.Errorf("told: %+v", e)
	}
	p.awaitEvent(graft.EventRestarted, "root_"+name)
	inst = p.awaitThat(inst.ID, "running again", func(i *graft.Installation) bool {
		return i.Status == graft.StatusActive && i.Details.Services[0].State == graft.ServiceRunning
	})
	answers(s.t, port, "web")
	if now := s.inspect("root_" + name); now.ID != web.ID || now.State.StartedAt == web.State.StartedAt {
		s.t.Errorf("container %s, started at %s, is %s, started at %s", web.ID, web.State.StartedAt, now.ID, now.State.StartedAt)
	}
	if now := s.inspect("root_" + s.prefix + "-side"); now.ID != side.ID || now.State.StartedAt != side.State.StartedAt {
		s.t.Errorf("the other service was disturbed: %+v", now.State)
	}
	p.uninstall(inst.ID)
	s.nothingLeft()
}

// awaitEvent returns the first event of a type whose message has a text in it.
func (p *process) awaitEvent(kind graft.EventType, text string) graft.Event {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	var found graft.Event
	var messages []string
	enough := errors.New("enough")
	err := p.Events(ctx, client.EventsOptions{After: new(int64), Follow: true}, func(e graft.Event) error {
		if e.Type != kind {
			return nil
		}
		messages = append(messages, e.Message)
		if !strings.Contains(e.Message, text) {
			return nil
		}
		found = e
		return enough
	})
	if !errors.Is(err, enough) {
		p.t.Fatalf("no event %s with %q, but %q: %v", kind, text, messages, err)
	}
	return found
}
