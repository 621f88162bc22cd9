package web_test

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/app"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// gate holds a runtime back whenever it is to stop a container.
type gate struct {
	runtime *fake.Driver
	reached chan struct{}
	open    chan struct{}
}

// gated is a site with an addon that runs, has a volume, and takes its time to stop.
func gated(t *testing.T) (*site, *gate, string) {
	t.Helper()
	runtime := fake.New(nil)
	runtime.AddImage(fake.AnyImage, fake.Behaviour{})
	g := &gate{runtime: runtime, reached: make(chan struct{}), open: make(chan struct{})}
	var once sync.Once
	runtime.OnCall(func(op, _ string) error {
		if op == "stop" {
			once.Do(func() { close(g.reached) })
			<-g.open
		}
		return nil
	})
	s := newSite(t, func(o *app.Options) { o.Driver = runtime })
	d := s.hello()
	d.Services[0].Volumes = []string{"data:/data"}
	inst, err := s.client.Install(t.Context(), s.publish(d).ID)
	if err != nil {
		t.Fatal(err)
	}
	s.await(inst.ID, graft.StatusActive)
	return s, g, inst.ID
}

// removed waits until nothing of an installation is left.
func (s *site) removed(id string) {
	s.t.Helper()
	gone, first := errors.New("it is gone"), int64(0)
	err := s.client.Events(s.t.Context(), client.EventsOptions{After: &first, Follow: true}, func(e graft.Event) error {
		if e.Type == graft.EventRemoved && e.InstallationID == id {
			return gone
		}
		return nil
	})
	if !errors.Is(err, gone) {
		s.t.Fatal(err)
	}
}

// hasVolume is whether a runtime has a volume.
func hasVolume(t *testing.T, runtime *fake.Driver, name string) bool {
	t.Helper()
	seen, err := runtime.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(seen.Volumes, func(v driver.Volume) bool { return v.Name == name })
}

// What was asked for first counts, however often the button is pressed, and who asks
// for something else is told that.
func TestUninstallTwice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first, last   string
		kept, refused bool
	}{{"remove", "keep", false, true}, {"keep", "remove", true, true}, {"keep", "", true, false}, {"remove", "remove", false, false}} {
		s, g, id := gated(t)
		v := s.signedIn(s.app.Token())
		v.get("/installed/"+id+"/uninstall").has(t, "Keep it", "Remove it")
		if p := v.post("/installed/"+id+"/uninstall", url.Values{"data": {c.first}}); p.path != "/installed/"+id {
			t.Errorf("%d at %s", p.status, p.path)
		}
		<-g.reached
		p := v.post("/installed/"+id+"/uninstall", url.Values{"data": {c.last}})
		if c.refused {
			p.has(t, "is being removed, which can&#39;t be taken back")
		} else if p.path != "/installed/"+id {
			t.Errorf("again: %d at %s", p.status, p.path)
		}
		if p = v.post("/installed/"+id+"/enable", nil); p.status != http.StatusConflict {
			t.Errorf("enabled: %d at %s", p.status, p.path)
		}
		if p = v.get("/installed/" + id + "/uninstall"); p.path != "/installed/"+id {
			t.Errorf("asked again: %d at %s", p.status, p.path)
		}
		p = v.get("/installed/" + id)
		p.has(t, "Uninstalling")
		if strings.Contains(p.body, "Enable hello") || strings.Contains(p.body, "/uninstall") {
			t.Errorf("it can be enabled or uninstalled again:\n%s", p.body)
		}
		close(g.open)
		s.removed(id)
		if kept := hasVolume(t, g.runtime, "root_hello_data"); kept != c.kept {
			t.Errorf("%s, then %q: kept %t", c.first, c.last, kept)
		}
	}
}

// A component that can't come back is told of until it can, and nobody is offered
// what is being done.
func TestUninstallOfWhatIsStuck(t *testing.T) {
	t.Parallel()
	runtime := fake.New(nil)
	runtime.AddImage(fake.AnyImage, fake.Behaviour{})
	runtime.AddContainer(driver.Container{
		Name: "system_manager", Image: "manager", Labels: map[string]string{"com.docker.compose.project": "root", "com.docker.compose.service": "system_manager"},
		Endpoints: []driver.Endpoint{{Network: "oakestra"}}, Ports: []driver.Port{{HostPort: 10000, ContainerPort: 10000, Protocol: "tcp"}},
	})
	s := newSite(t, func(o *app.Options) { o.Driver = runtime })
	plugin := s.publish(graft.Descriptor{Name: "first", Version: "1.0.0", Services: []graft.Service{{
		Name: "system_manager", Image: s.image, Ports: map[string]string{"10000": "20000"},
	}}})
	inst, err := s.client.Install(t.Context(), plugin.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.await(inst.ID, graft.StatusActive)
	stranger := runtime.AddContainer(driver.Container{
		Name: "stranger", Endpoints: []driver.Endpoint{{Network: "elsewhere"}}, Ports: []driver.Port{{HostPort: 10000, ContainerPort: 80, Protocol: "tcp"}},
	})
	v := s.signedIn(s.app.Token())
	v.get("/components").has(t, "first", "Restore")
	v.post("/installed/"+inst.ID+"/uninstall", url.Values{"data": {"remove"}})
	for since := int64(0); inst.Details == nil || inst.Details.Outcome != graft.OutcomeNotRestored; since = inst.Revision {
		if inst, err = s.client.WaitInstallation(t.Context(), inst.ID, since); err != nil {
			t.Fatal(err)
		}
	}
	const why = "host port 10000/tcp is taken by container &#34;stranger&#34;"
	v.get("/installed").has(t, "Uninstalling", "Not restored: a person is needed", why)
	p := v.get("/installed/" + inst.ID)
	p.has(t, why)
	p.lacks(t, "all is as it should be")
	p = v.get("/components")
	p.has(t, "Replaced", "first", "Uninstalling")
	p.lacks(t, "Restore")
	if err := runtime.Remove(t.Context(), stranger); err != nil {
		t.Fatal(err)
	}
	s.removed(inst.ID)
	v.get("/components").has(t, "all are original")
	v.get("/installed/"+inst.ID).has(t, "It is uninstalled")
}

// A process that stops ends what its pages follow at once.
func TestStopEndsStreams(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	inst, err := s.client.Install(t.Context(), s.publish(s.hello()).ID)
	if err != nil {
		t.Fatal(err)
	}
	s.await(inst.ID, graft.StatusActive)
	v := s.signedIn(s.app.Token())
	paths := []string{"/installed/live", "/components/live", "/installed/" + inst.ID + "/live", "/installed/" + inst.ID + "/logs/stream"}
	// Browsers open connections ahead of time, and ask nothing on them.
	spare, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(v.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer spare.Close()
	var began, ended sync.WaitGroup
	for _, path := range paths {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := v.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		began.Add(1)
		ended.Go(func() {
			defer response.Body.Close()
			lines := bufio.NewScanner(response.Body)
			lines.Buffer(nil, 1<<20)
			lines.Scan()
			began.Done()
			for lines.Scan() {
			}
			if err := lines.Err(); err != nil {
				t.Errorf("%s was cut off: %v", path, err)
			}
		})
	}
	began.Wait()
	begin := time.Now()
	s.stop()
	ended.Wait()
	if took := time.Since(begin); took >= 4*time.Second { // then they would be cut off
		t.Errorf("the end took %v", took)
	}
}
