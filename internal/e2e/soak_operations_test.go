//go:build soak

package e2e_test

import (
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/dockertest"
)

// mostHurt is how often an addon's containers are killed while it is enabled:
// each time the engine waits longer before it starts them again.
const mostHurt = 3

// soakComponent is a container of the orchestrator.
type soakComponent struct {
	name   string
	port   string // on the host
	id     string
	before map[string]any // normalised
	// removed is whether its container was removed by somebody: then it is
	// another one that comes back.
	removed bool
}

// soakAddon is an addon and what users want of it.
type soakAddon struct {
	name     string
	versions []soakVersion  // the first one is installed
	replaces *soakComponent // nil: nothing
	port     string         // of an extension
	bad      bool           // none of its versions passes its gate
	id       string         // of the installation; empty: there is none
	version  soakVersion    // that it is to run
	proved   string         // the number of the last version that was up
	up       bool           // whether that is active, or waits for its turn
	enabled  bool
	hurt     int
	// contested is whether another plugin was for the same component since it
	// was enabled: then it may have been refused.
	contested bool
}

// populate makes the components and publishes the addons.
func (s *soak) populate() {
	s.core = s.imageNamed("core", "NAME=core")
	for _, name := range []string{"scheduler", "manager"} {
		c := &soakComponent{name: s.prefix + "-" + name, port: dockertest.FreePort(s.t)}
		c.id = s.component(graft.PlaneCluster, c.name, s.core, c.port)
		c.before = s.normalised(c.id)
		s.components = append(s.components, c)
	}
	scheduler, manager := s.components[0], s.components[1]
	const (
		exits       = `"environment":{"EXIT_CODE":"7","EXIT_AFTER":"100ms"}`
		cannotStart = `"entrypoint":["/nothing"]`
		unhealthy   = `"healthcheck":{"test":["CMD","/nothing"],"interval":"100ms","retries":1}`
	)
	image, newer := s.imageNamed("addon"), s.imageNamed("newer")
	// Two good versions of each, which have a service's environment or image apart,
	// and one that comes to nothing for the reason that bad has.
	addon := func(a *soakAddon, bad string, services func(image, environment, bad string) []string) {
		named := func(number string) string { return `"environment":{"NAME":"` + a.name + ` ` + number + `"}` }
		s.publishAs(a, "1.0.0", false, services(image, named("1.0.0"), `"labels":{}`)...)
		s.publishAs(a, "2.0.0", false, services(newer, named("2.0.0"), `"labels":{}`)...)
		if bad == exits {
			s.publishAs(a, "3.0.0", true, services(image, exits, `"labels":{}`)...)
		} else {
			s.publishAs(a, "3.0.0", true, services(image, named("3.0.0"), bad)...)
		}
		s.addons = append(s.addons, a)
	}
	plugin := func(name string, c *soakComponent, bad string, more ...string) {
		addon(&soakAddon{name: name, replaces: c}, bad, func(image, environment, bad string) []string {
			return []string{service(c.name, image, append([]string{`"stable_for":"300ms"`, environment, bad}, more...)...)}
		})
	}
	plugin("one", scheduler, exits)
	plugin("two", scheduler, cannotStart, `"healthcheck":{"test":["CMD","/app","-healthcheck"],"interval":"200ms"}`)
	plugin("three", scheduler, unhealthy, `"volumes":["data:/data"]`)
	plugin("four", manager, unhealthy)
	addon(&soakAddon{name: "pair", replaces: manager}, cannotStart, func(image, environment, bad string) []string {
		return []string{
			service(manager.name, image, environment, `"networks":["back"]`),
			service(s.prefix+"-side", image, bad, `"networks":["back"]`, `"volumes":["side:/data"]`),
		}
	})
	web := &soakAddon{name: "web", port: dockertest.FreePort(s.t)}
	addon(web, exits, func(image, environment, bad string) []string {
		return []string{service(s.prefix+"-web", image, environment, bad, `"ports":{"8080":"`+web.port+`"}`, `"volumes":["data:/data"]`)}
	})
	addon(&soakAddon{name: "tool"}, cannotStart, func(image, environment, bad string) []string {
		return []string{service(s.prefix+"-tool", image, environment, bad)}
	})
	bad := func(name string, c *soakComponent, more string) {
		a := &soakAddon{name: name, replaces: c, bad: true}
		s.publishAs(a, "1.0.0", true, service(c.name, image, more))
		s.addons = append(s.addons, a)
	}
	bad("exits", scheduler, exits)
	bad("cannot-start", manager, cannotStart)
	bad("unhealthy", scheduler, unhealthy)
}

// publishAs publishes a version of an addon.
func (s *soak) publishAs(a *soakAddon, number string, bad bool, services ...string) {
	s.t.Helper()
	p := &process{Client: s.graft.Client, t: s.t}
	published := p.publish(strings.Replace(s.addon(a.name, services...), "{", `{"version":"`+number+`",`, 1))
	if published.Status != graft.AddonApproved {
		s.t.Fatalf("addon %s is %s: %+v", a.name, published.Status, published.Verification)
	}
	a.versions = append(a.versions, soakVersion{number, published.ID, bad})
}

func (s *soak) install(a *soakAddon, supersede bool) {
	inst, err := s.graft.InstallWith(s.t.Context(), graft.InstallRequest{MarketplaceID: a.versions[0].id, Supersede: supersede})
	switch graft.ErrorCode(err) {
	case "":
		a.id, a.enabled, a.hurt, a.contested = inst.ID, true, 0, false
		a.version, a.proved, a.up = a.versions[0], "", false
		s.disturb(a)
	case graft.CodeConflict, graft.CodeRefused: // another plugin is there
		s.tell("  refused: %v", err)
	default:
		s.t.Fatalf("install %s: %v", a.name, err)
	}
}

func (s *soak) enable(a *soakAddon) {
	if _, err := s.graft.Enable(s.t.Context(), a.id); err != nil {
		s.t.Fatalf("enable %s: %v", a.name, err)
	}
	a.enabled, a.hurt = true, 0
	s.disturb(a)
}

func (s *soak) disable(a *soakAddon) {
	if _, err := s.graft.Disable(s.t.Context(), a.id); err != nil {
		s.t.Fatalf("disable %s: %v", a.name, err)
	}
	a.enabled = false
	s.disturb(a)
}

func (s *soak) uninstallAddon(a *soakAddon) {
	if s.random.IntN(2) == 0 {
		(&process{Client: s.graft.Client, t: s.t}).uninstallAtOnce(a.id, false)
		a.id, a.enabled = "", false
		return
	}
	if a.enabled {
		s.disable(a)
		s.settle()
	}
	for a.enabled { // somebody changed his mind
		s.disable(a)
		s.settle()
	}
	if removed, err := s.graft.Delete(s.t.Context(), a.id); err != nil || !removed {
		s.t.Fatalf("uninstall %s: removed %v, %v", a.name, removed, err)
	}
	a.id = ""
}

// disturb lets something happen, or nothing, while the engine is at work.
func (s *soak) disturb(a *soakAddon) {
	kind := s.random.IntN(8)
	if kind > 3 {
		return
	}
	moment := time.NewTimer(time.Duration(s.random.IntN(1500)) * time.Millisecond)
	<-moment.C
	switch kind {
	case 0, 1:
		s.tell("  in the middle of that: kill graft with SIGKILL")
		s.graft.end(syscall.SIGKILL)
		s.graft.start()
	case 2:
		s.tell("  in the middle of that: restart graft with SIGTERM")
		s.graft.end(syscall.SIGTERM)
		s.graft.start()
	case 3:
		s.tell("  in the middle of that: a change of mind, enabled %v", !a.enabled)
		change := s.graft.Enable
		if a.enabled {
			change = s.graft.Disable
		}
		if _, err := change(s.t.Context(), a.id); err != nil {
			s.t.Fatalf("change of mind about %s: %v", a.name, err)
		}
		a.enabled = !a.enabled
	}
}

// restart ends graft as an upgrade would. No container may notice.
func (s *soak) restart() {
	before := s.running()
	state := s.graft.end(syscall.SIGTERM)
	if state.ExitCode() != 0 {
		s.t.Fatalf("graft ended with %v on SIGTERM", state)
	}
	s.graft.start()
	s.settle()
	if after := s.running(); !maps.Equal(before, after) {
		s.t.Fatalf("a restart of graft disturbed containers:\nbefore %v\nafter  %v", before, after)
	}
}

// running returns what runs, with the time since when.
func (s *soak) running() map[string]string {
	running := map[string]string{}
	for _, c := range s.containers() {
		if c.State.Running {
			running[c.Name] = c.ID + " since " + c.State.StartedAt
		}
	}
	return running
}

func (s *soak) crash() {
	s.graft.end(syscall.SIGKILL)
	s.graft.start()
}

// prune removes what does not run and is ours, as "docker container prune"
// would.
func (s *soak) prune() {
	for _, c := range s.containers() {
		if c.State.Running || c.State.Restarting {
			continue
		}
		s.tell("  removed %s", c.Name)
		for _, component := range s.components {
			component.removed = component.removed || component.id == c.ID
		}
		s.removeContainer(c.ID, false)
	}
}

// hurt kills or removes a container of an addon that runs.
func (s *soak) hurt(a *soakAddon, remove bool) {
	a.hurt++
	all := slices.DeleteFunc(s.containers(), func(c container.InspectResponse) bool {
		return !c.State.Running || c.Config.Labels["oak.addon.id"] != a.id
	})
	if len(all) == 0 { // it was refused
		s.tell("  it has none")
		return
	}
	victim := all[s.random.IntN(len(all))]
	s.tell("  it is %s", victim.Name)
	if remove {
		s.removeContainer(victim.ID, true)
		return
	}
	if _, err := s.docker.ContainerKill(s.t.Context(), victim.ID, docker.ContainerKillOptions{Signal: "KILL"}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *soak) removeContainer(id string, force bool) {
	_, err := s.docker.ContainerRemove(s.t.Context(), id, docker.ContainerRemoveOptions{Force: force, RemoveVolumes: true})
	if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) {
		s.t.Fatal(err)
	}
}

// aside is whether a component has stepped aside, as its name tells.
func (s *soak) aside(component *soakComponent) bool {
	return slices.ContainsFunc(s.containers(), func(c container.InspectResponse) bool {
		return c.ID == component.id && strings.TrimPrefix(c.Name, "/") != component.name
	})
}

// touch starts a component that is aside, or stops it if it runs. Docker may
// refuse: its port is taken.
func (s *soak) touch(component *soakComponent) {
	var err error
	if s.inspect(component.id).State.Running {
		_, err = s.docker.ContainerStop(s.t.Context(), component.id, docker.ContainerStopOptions{})
	} else {
		_, err = s.docker.ContainerStart(s.t.Context(), component.id, docker.ContainerStartOptions{})
	}
	s.tell("  Docker's answer: %v", err)
}

// remake makes a component anew that is aside, as "docker compose up" does when
// its file has changed. The new container starts if its port is free.
func (s *soak) remake(component *soakComponent) {
	options := s.componentOptions(graft.PlaneCluster, component.name, s.core, component.port)
	options.Name = component.id[:12] + "_" + component.name
	created, err := s.docker.ContainerCreate(s.t.Context(), options)
	if err != nil {
		s.t.Fatal(err)
	}
	s.removeContainer(component.id, true)
	component.id, component.removed = created.ID, true
	_, err = s.docker.ContainerStart(s.t.Context(), created.ID, docker.ContainerStartOptions{})
	s.tell("  Docker's answer to the start: %v", err)
}
