package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// TestModel tells random stories of four addons and two components, and checks
// after every step that each component's name has exactly one live owner, and
// that everything there has a reason to be. -rapid.checks says how many stories
// each of the tellers tells, and a failing one is told again with the flags that
// rapid prints.
func TestModel(t *testing.T) {
	t.Parallel()
	const tellers = 8
	steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 24)
	for teller := range max(tellers/every, 1) {
		t.Run(fmt.Sprint(teller), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				story := steps.Draw(rt, "story")
				var err error
				run(t, func(h *harness) { err = newModel(h).tell(story) })
				if err != nil {
					rt.Fatal(err)
				}
			})
		})
	}
}

// The addons of the model, and what is on them.
const (
	plain     = iota // a plugin for the component with a host port
	top              // another one, that supersedes
	manager          // a plugin for the component without one, and a service beside it that publishes a port
	extension        // two services, one of which needs the other
	addons
)

func modelAddon(addon int) string {
	return [addons]string{
		plain: plainAddon,
		top:   topAddon,
		manager: `{"name":"manager","services":[{"service_name":"cluster_manager","image":"m","ports":{"1":"9001"}},
			{"service_name":"helper","image":"helper","ports":{"1":"9002"}}]}`,
		extension: `{"name":"extension","services":[{"service_name":"one","image":"one","volumes":["data:/data"],"networks":["own"]},
			{"service_name":"two","image":"two","networks":["own"],"depends_on":["one"]}]}`,
	}[addon]
}

// versions is how many versions an addon of the model has; the first service of
// the last one does not stay up.
const versions = 3

func modelVersion(addon, version int) string {
	text := strings.ReplaceAll(modelAddon(addon), `"image":"`, fmt.Sprintf(`"image":"%d`, version))
	if version == versions-1 {
		at := strings.Index(text, `"image":"`)
		end := strings.Index(text[at+len(`"image":"`):], `"`)
		text = text[:at] + `"image":"bad` + text[at+len(`"image":"`)+end:]
	}
	return text
}

// modelPort is one of the host ports that the addon manager publishes.
func modelPort(n int) uint16 { return uint16(9001 + n%2) }

// componentOf is the component that an addon is for, "" for an extension.
func componentOf(addon int) string {
	return [addons]string{plain: "cluster_scheduler", top: "cluster_scheduler", manager: "cluster_manager"}[addon]
}

func modelImage(addon int) string {
	return imageOf([addons]string{plain: "p", top: "q", manager: "m", extension: "one"}[addon])
}

func modelComponents() []driver.Container {
	return []driver.Container{composed(), {
		Name: "cluster_manager", RestartPolicy: "unless-stopped", Image: "core",
		Labels: map[string]string{
			driver.ComposeProjectLabel: "cluster_orchestrator", driver.ComposeServiceLabel: "cluster_manager",
		},
		Endpoints: []driver.Endpoint{{Network: "oakestra", Aliases: []string{"cluster_manager", "manager"}}},
	}}
}

// step is one thing that happens.
type step struct {
	what  string
	addon int
	n     int // how often, or when
	rush  time.Duration
	fault int
}

func (s step) String() string {
	text := s.what
	switch s.what {
	case "prune", "restart daemon", "restart engine", "away", "port freed":
	case "port taken":
		text += fmt.Sprintf(" %d", modelPort(s.n))
	case "start aside", "compose up":
		text += " " + componentOf(s.addon)
	case "fault":
		text += fmt.Sprintf(" %s at call %d", faults()[s.fault].name, s.n)
	case "upgrade", "install anew":
		text += fmt.Sprintf(" %d to version %d", s.addon, s.n%versions)
	case "exit":
		text += fmt.Sprintf(" %d %d times", s.addon, s.n)
	default:
		text += fmt.Sprintf(" %d", s.addon)
	}
	if s.rush > 0 {
		text += fmt.Sprintf(", then only %v", s.rush)
	}
	return text
}

func drawStep(t *rapid.T) step {
	s := step{
		what: rapid.SampledFrom([]string{
			"install", "install", "install", "install", "disable", "disable", "enable", "enable", "uninstall", "uninstall, keep data", "uninstall at once", "uninstall at once, keep data", "install anew", "exit", "unhealthy",
			"upgrade", "upgrade", "upgrade",
			"remove container", "prune", "restart daemon", "restart engine", "away", "start aside", "compose up", "rename",
			"image gone", "image back", "port taken", "port freed", "fault", "fault", "fault",
		}).Draw(t, "what"),
		addon: rapid.IntRange(0, addons-1).Draw(t, "addon"),
		n:     rapid.IntRange(1, 12).Draw(t, "n"),
		fault: rapid.IntRange(0, len(faults())-1).Draw(t, "fault"),
	}
	if rapid.IntRange(0, 3).Draw(t, "rush") == 3 {
		s.rush = time.Duration(rapid.IntRange(1, 5000).Draw(t, "pause")) * time.Millisecond
	}
	return s
}

// tell does all steps, and then takes everything away.
func (m *model) tell(story []step) error {
	for i, s := range story {
		if err := m.do(s); err != nil {
			return m.failed(story, i, err)
		}
		if s.rush > 0 {
			time.Sleep(s.rush) // of the bubble
			continue
		}
		if err := m.settle(); err != nil {
			return m.failed(story, i, err)
		}
	}
	m.mu.Lock()
	clear(m.gone)
	m.mu.Unlock()
	m.freePorts()
	for addon := range addons {
		if err := m.uninstall(addon, false); err != nil {
			return m.failed(story, len(story), err)
		}
	}
	if err := m.settle(); err != nil {
		return m.failed(story, len(story), err)
	}
	if err := m.removeKept(); err != nil {
		return m.failed(story, len(story), err)
	}
	if diff := m.difference(); diff != "" {
		return m.failed(story, len(story), fmt.Errorf("not as it was before (-before +after):\n%s", diff))
	}
	return nil
}

func (m *model) failed(story []step, at int, err error) error {
	var b strings.Builder
	for i, s := range story {
		mark := "  "
		if i == at {
			mark = "* "
		}
		fmt.Fprintf(&b, "%s%v\n", mark, s)
	}
	calls := m.h.driver.Calls()
	calls = calls[max(0, len(calls)-40):]
	return fmt.Errorf("%w\nin the story:\n%sthe last calls were:\n  %s", err, b.String(), strings.Join(calls, "\n  "))
}

// do makes a step happen. One that makes no sense just now does nothing.
func (m *model) do(s step) error {
	d := m.h.driver
	switch s.what {
	case "install":
		return m.install(s.addon, modelAddon(s.addon))
	case "disable":
		return m.want(s.addon, graft.DesiredDisabled)
	case "enable":
		return m.want(s.addon, graft.DesiredEnabled)
	case "uninstall":
		return m.uninstall(s.addon, false)
	case "uninstall, keep data":
		return m.uninstall(s.addon, true)
	case "uninstall at once":
		return m.uninstallAtOnce(s.addon, false)
	case "uninstall at once, keep data":
		return m.uninstallAtOnce(s.addon, true)
	case "install anew": // on the data that it had
		if err := m.uninstall(s.addon, true); err != nil {
			return err
		}
		return m.install(s.addon, modelVersion(s.addon, s.n%versions))
	case "upgrade":
		return m.upgrade(s.addon, s.n%versions)
	case "exit":
		m.exit(s.addon, s.n)
	case "unhealthy":
		m.touch(s.addon, func(c *driver.Container) error { d.SetHealth(c.ID, "unhealthy"); return nil })
	case "remove container":
		m.touch(s.addon, func(c *driver.Container) error { return d.Remove(m.ctx, c.ID) })
	case "rename":
		m.touch(s.addon, func(c *driver.Container) error { return d.Rename(m.ctx, c.ID, c.Name+"-by-hand") })
	case "start aside":
		m.startAside(componentOf(s.addon))
	case "compose up":
		m.composeUp(componentOf(s.addon), s.n%2 == 0)
	case "prune":
		d.Prune()
	case "restart daemon":
		d.RestartDaemon()
	case "restart engine":
		m.h.stop()
		m.h.start()
	case "away":
		d.SetAway(true)
		time.Sleep(time.Duration(s.n) * 20 * time.Second) // of the bubble
		d.SetAway(false)
	case "port taken":
		m.takePort(modelPort(s.n))
	case "port freed":
		m.freePorts()
	case "image gone":
		m.setGone(s.addon, true)
		d.RemoveImage(modelImage(s.addon))
	case "image back":
		m.setGone(s.addon, false)
	case "fault":
		m.arm(faults()[s.fault], s.n)
	}
	return nil
}

// touch does something to a container of an addon, as somebody with a shell.
func (m *model) touch(addon int, fn func(c *driver.Container) error) {
	for _, c := range m.snapshot().Containers {
		if c.Labels[driver.InstallationLabel] == m.ids[addon] && m.ids[addon] != "" && c.Running() {
			m.alone(func() { _ = fn(&c) }) // what can't be done is not done
			return
		}
	}
}

// exit lets a container of an addon end by itself, again as soon as it is
// started again.
func (m *model) exit(addon, times int) {
	for range times {
		m.touch(addon, func(c *driver.Container) error { m.h.driver.Exit(c.ID, 1); return nil })
		time.Sleep(15 * time.Second) // of the bubble
	}
}

func (m *model) startAside(component string) {
	for _, c := range m.snapshot().Containers {
		if component != "" && strings.HasPrefix(c.Name, component+".graft-aside-") {
			m.alone(func() { _ = m.h.driver.Start(m.ctx, c.ID) })
			return
		}
	}
}

// takePort lets somebody else have a host port, if it is free.
func (m *model) takePort(port uint16) {
	if len(m.h.driver.Publishers(port)) > 0 {
		return
	}
	m.alone(func() {
		m.others = append(m.others, m.h.driver.AddContainer(driver.Container{
			Name: fmt.Sprint("other-", port), Image: "other", Endpoints: []driver.Endpoint{{Network: "bridge"}},
			Ports: []driver.Port{{HostPort: port, ContainerPort: 1, Protocol: "tcp"}},
		}))
	})
}

func (m *model) freePorts() {
	m.alone(func() {
		for _, id := range m.others {
			_ = m.h.driver.Remove(m.ctx, id)
		}
		m.others = nil
	})
}

// composeUp makes a component anew that is aside, as Docker Compose does when its
// file has changed; Compose may give up before it starts the new container.
func (m *model) composeUp(component string, start bool) {
	containers := m.snapshot().Containers
	aside := slices.IndexFunc(containers, func(c driver.Container) bool {
		return component != "" && c.Labels[driver.EngineLabel] == "" &&
			(strings.HasPrefix(c.Name, component+".graft-aside-") || strings.HasPrefix(c.Name, component+".graft-standby-"))
	})
	if aside < 0 {
		return
	}
	components := modelComponents()
	made := components[slices.IndexFunc(components, func(c driver.Container) bool { return c.Name == component })]
	made.Name, made.State = containers[aside].ID[:12]+"_"+component, driver.StateCreated
	m.alone(func() {
		id := m.h.driver.AddContainer(made)
		_ = m.h.driver.Remove(m.ctx, containers[aside].ID)
		if start {
			_ = m.h.driver.Start(m.ctx, id) // if its port is free
		}
	})
}

// owners says what is wrong with who answers to a component's name and ports;
// "" if one does, as the swaps say.
func (m *model) owners(component driver.Container, s *seen) string {
	owner := ""
	for _, swap := range s.swaps {
		if swap.Component != component.Name {
			continue
		}
		owner = swap.InstallationID
		i := slices.IndexFunc(s.Containers, func(c driver.Container) bool { return c.Name == swap.AsideName })
		if i < 0 || s.Containers[i].Running() {
			return fmt.Sprintf("%s is not there, or runs", swap.AsideName)
		}
	}
	for _, name := range append([]string{component.Name}, component.Endpoints[0].Aliases...) {
		if got := m.h.driver.Owners("oakestra", name); !slices.Equal(got, []string{component.Name}) {
			return fmt.Sprintf("%s is %v", name, got)
		}
	}
	for _, p := range component.Ports {
		if got := m.h.driver.Publishers(p.HostPort); !slices.Equal(got, []string{component.Name}) {
			return fmt.Sprintf("port %d is published by %v", p.HostPort, got)
		}
	}
	i := slices.IndexFunc(s.Containers, func(c driver.Container) bool { return c.Name == component.Name })
	if got := s.Containers[i].Labels[driver.InstallationLabel]; got != owner {
		return fmt.Sprintf("%s is of installation %q, and its swap says %q", component.Name, got, owner)
	}
	if next := s.entitled(component.Name); next != owner {
		return fmt.Sprintf("%s is replaced by %q, and %q says that it does", component.Name, owner, next)
	}
	return ""
}
