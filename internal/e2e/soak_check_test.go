//go:build soak

package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

const (
	// settleWithin bounds how long the engine may take after anything that
	// happened to it.
	settleWithin = 90 * time.Second
	// settledFor is how long nothing may change any more before it counts.
	settledFor = time.Second
)

// settle waits until the engine has nothing to do and everything is as it
// should be, both for a while.
func (s *soak) settle() {
	s.t.Helper()
	begin := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	since := begin // when all was well
	last := ""
	for {
		wrong, state := s.wrong()
		now := time.Now()
		if len(wrong) > 0 || state != last {
			since = now
		}
		last = state
		if now.Sub(since) >= settledFor {
			s.learn()
			if took := since.Sub(begin); took > s.slowest {
				s.slowest, s.after = took, s.last
			}
			s.tell("  settled after %v", since.Sub(begin).Round(time.Millisecond))
			return
		}
		if now.Sub(begin) > settleWithin {
			s.t.Fatalf("after operation %d all was not well within %v:\n%s\nthe installations:\n%s",
				s.count, settleWithin, strings.Join(wrong, "\n"), state)
		}
		<-tick.C
	}
}

// wrong says what is not as it should be just now, and how the installations
// are.
func (s *soak) wrong() (wrong []string, state string) {
	s.t.Helper()
	installations, err := s.graft.Installations(s.t.Context(), graft.InstallationStatus(""))
	if err != nil {
		return []string{err.Error()}, ""
	}
	var lines []string
	for _, i := range installations {
		details, err := json.Marshal(i.Details)
		if err != nil {
			s.t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s: revision %d, wanted %s, %s, %s", i.Name, i.Revision, i.Desired, i.Status, details))
		if !quiet(&i) {
			wrong = append(wrong, fmt.Sprintf("%s is %s, not settled", i.Name, i.Status))
		}
	}
	state = strings.Join(lines, "\n")
	if len(wrong) > 0 { // the rest is in motion
		return wrong, state
	}
	wrong = s.statusesWrong(installations)
	containers := s.containers()
	for _, c := range s.components {
		wrong = append(wrong, s.ownerWrong(c, installations, containers)...)
	}
	return append(wrong, s.leaked(installations, containers)...), state
}

// quiet is whether the engine has nothing more to do for an installation.
func quiet(i *graft.Installation) bool {
	d := i.Details
	if d == nil || d.Generation != i.Generation || d.Step != "" {
		return false
	}
	switch i.Status {
	case graft.StatusActive, graft.StatusDisabled:
		return true
	case graft.StatusFailed:
		return d.GaveUp || d.Outcome == graft.OutcomeRefused || superseded(i)
	case graft.StatusPartiallyActive:
		return superseded(i)
	}
	return false
}

// superseded is whether another plugin is on top of one of its own.
func superseded(i *graft.Installation) bool {
	return slices.ContainsFunc(i.Details.Services, func(s graft.ServiceStatus) bool { return s.State == graft.ServiceSuperseded })
}

// statusesWrong compares the installations with what users want of them.
func (s *soak) statusesWrong(installations []graft.Installation) (wrong []string) {
	for _, a := range s.addons {
		at := slices.IndexFunc(installations, func(i graft.Installation) bool { return i.ID == a.id })
		if (at < 0) != (a.id == "") {
			wrong = append(wrong, fmt.Sprintf("installation %q of %s: listed %v", a.id, a.name, at >= 0))
		}
		if at < 0 || a.id == "" {
			continue
		}
		a.contested = a.enabled && (a.contested || s.rivals(a))
		status := installations[at].Status
		switch {
		case !a.enabled && status != graft.StatusDisabled,
			a.enabled && a.bad && status != graft.StatusFailed && !superseded(&installations[at]),
			a.enabled && !a.bad && !a.contested && status != graft.StatusActive:
			wrong = append(wrong, fmt.Sprintf("%s is %s; enabled: %v, bad: %v", a.name, status, a.enabled, a.bad))
		}
		wrong = append(wrong, s.versionWrong(a, &installations[at])...)
	}
	return wrong
}

// rivals is whether another addon that is enabled is for the same component.
func (s *soak) rivals(a *soakAddon) bool {
	return slices.ContainsFunc(s.addons, func(b *soakAddon) bool {
		return b != a && a.replaces != nil && b.replaces == a.replaces && b.id != "" && b.enabled
	})
}

// ownerWrong says what is wrong with who has a component's name and port: the
// one plugin that says so, else the component.
func (s *soak) ownerWrong(c *soakComponent, installations []graft.Installation, containers []container.InspectResponse) (wrong []string) {
	report := func(format string, args ...any) {
		wrong = append(wrong, c.name+": "+fmt.Sprintf(format, args...))
	}
	owner, answer := c.id, "core"
	if c.removed {
		owner = s.successor(c, containers)
	}
	claims := 0
	for _, i := range installations {
		for _, status := range i.Details.Services {
			if status.Replaces == c.name && status.State == graft.ServiceRunning {
				claims++
				owner, answer = status.ContainerID, strings.TrimPrefix(i.Name, s.prefix+"-")+" "+i.Version
			}
		}
	}
	if claims > 1 {
		report("%d plugins say that they are in its place", claims)
	}
	var names, ports []string
	for _, other := range containers {
		if !other.State.Running {
			continue
		}
		if s.hasName(&other, c.name) && s.hasName(&other, "also-"+c.name) {
			names = append(names, other.ID)
		} else if s.hasName(&other, c.name) {
			report("%s has its name, and not all of its aliases", other.Name)
		}
		if publishes(&other, c.port) {
			ports = append(ports, other.ID)
		}
	}
	if !slices.Equal(names, []string{owner}) {
		report("its name is owned by %v, and should be by %s", names, owner)
	}
	if !slices.Equal(ports, []string{owner}) {
		report("its port is published by %v, and should be by %s", ports, owner)
	}
	if got := get(s.t.Context(), c.port); got != answer {
		report("its port answers %q, and should %q", got, answer)
	}
	return wrong
}

// successor is the container that was made in place of a component's.
func (s *soak) successor(component *soakComponent, containers []container.InspectResponse) string {
	for _, c := range containers {
		if c.Name == "/"+component.name && c.Config.Labels[driver.EngineLabel] == "" {
			return c.ID
		}
	}
	return "a new container"
}

// hasName is whether a container answers to a name on the orchestrator's
// network.
func (s *soak) hasName(c *container.InspectResponse, name string) bool {
	endpoint := c.NetworkSettings.Networks[s.prefix+"-oakestra"]
	return endpoint != nil && (c.Name == "/"+name || slices.Contains(endpoint.Aliases, name))
}

func publishes(c *container.InspectResponse, port string) bool {
	for _, bindings := range c.NetworkSettings.Ports {
		for _, b := range bindings {
			if b.HostPort == port {
				return true
			}
		}
	}
	return false
}

// containers returns those of this site, in order of their names.
func (s *soak) containers() []container.InspectResponse {
	s.t.Helper()
	list, err := s.docker.ContainerList(s.t.Context(), docker.ContainerListOptions{All: true, Filters: docker.Filters{}.Add("name", s.prefix)})
	if err != nil {
		s.t.Fatal(err)
	}
	var containers []container.InspectResponse
	for _, c := range list.Items {
		result, err := s.docker.ContainerInspect(s.t.Context(), c.ID, docker.ContainerInspectOptions{})
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			s.t.Fatal(err)
		}
		containers = append(containers, result.Container)
	}
	slices.SortFunc(containers, func(a, b container.InspectResponse) int { return strings.Compare(a.Name, b.Name) })
	return containers
}

// leaked names what no installation explains.
func (s *soak) leaked(installations []graft.Installation, containers []container.InspectResponse) (leaks []string) {
	installed, enabled := map[string]bool{}, map[string]bool{}
	for _, i := range installations {
		installed[i.ID] = true
		enabled[i.ID] = i.Desired == graft.DesiredEnabled && i.Status != graft.StatusFailed || superseded(&i)
	}
	seen := map[string]string{}
	for _, c := range containers {
		labels := c.Config.Labels
		what := labels["com.docker.compose.service"]
		if labels[driver.EngineLabel] != "" {
			what = labels[driver.InstallationLabel] + "/" + labels[driver.ServiceLabel]
			if !enabled[labels[driver.InstallationLabel]] {
				leaks = append(leaks, fmt.Sprintf("container %s belongs to no addon that is enabled", c.Name))
			}
		}
		if other, twice := seen[what]; twice {
			leaks = append(leaks, fmt.Sprintf("containers %s and %s are for the same service", other, c.Name))
		}
		seen[what] = c.Name
	}
	networks, err := s.docker.NetworkList(s.t.Context(), docker.NetworkListOptions{Filters: docker.Filters{}.Add("label", driver.InstallationLabel)})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, n := range networks.Items {
		if s.ours(n.Name, n.Labels) && !installed[n.Labels[driver.InstallationLabel]] {
			leaks = append(leaks, "network "+n.Name)
		}
	}
	volumes, err := s.docker.VolumeList(s.t.Context(), docker.VolumeListOptions{Filters: docker.Filters{}.Add("label", driver.InstallationLabel)})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, v := range volumes.Items {
		if s.ours(v.Name, v.Labels) && !installed[v.Labels[driver.InstallationLabel]] {
			leaks = append(leaks, "volume "+v.Name)
		}
	}
	return leaks
}

// ours is whether a network or volume is of this site.
func (s *soak) ours(name string, labels map[string]string) bool {
	return strings.Contains(name, s.prefix) || strings.HasPrefix(labels[driver.ComposeProjectLabel], s.prefix)
}

// asBefore fails unless the components are all that there is, and as they were.
func (s *soak) asBefore() {
	s.t.Helper()
	for _, c := range s.components {
		id, normal := c.id, func(m map[string]any) map[string]any { return m }
		if c.removed {
			id, normal = c.name, loosened
		}
		if diff := cmp.Diff(normal(c.before), normal(s.normalised(id))); diff != "" {
			s.t.Fatalf("component %s is not as it was (-before +after):\n%s", c.name, diff)
		}
		if c.removed { // from now on that is the one
			c.id, c.before, c.removed = s.inspect(c.name).ID, s.normalised(c.name), false
		}
	}
	if containers := s.containers(); len(containers) != len(s.components) {
		s.t.Fatalf("there are %d containers, and should be %d", len(containers), len(s.components))
	}
	networks, err := s.docker.NetworkList(s.t.Context(), docker.NetworkListOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, n := range networks.Items {
		if s.ours(n.Name, n.Labels) && n.Name != s.prefix+"-oakestra" {
			s.t.Fatalf("network %s is left", n.Name)
		}
	}
	volumes, err := s.docker.VolumeList(s.t.Context(), docker.VolumeListOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, v := range volumes.Items {
		if s.ours(v.Name, v.Labels) {
			s.t.Fatalf("volume %s is left", v.Name)
		}
	}
}
