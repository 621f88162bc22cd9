package engine

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// world is everything that a plan looks at: what the runtime showed and what
// the store remembers. It is read-only, and for one goroutine.
type world struct {
	settings Settings
	snapshot *driver.Snapshot
	swaps    []store.Swap
	kept     []store.KeptVolume
	installs []graft.Installation
	own      map[string][]*driver.Container // this engine's containers by installation, once somebody asked
	named    map[string][]*driver.Container // the containers by each name that they answer to, once somebody asked
	records  map[string]*driver.Container   // the swaps' components as they were, by name
	gated    map[string]string              // containers, by id: the networks on which they passed the gate of a swap
	resting  map[string]time.Time           // containers, by id, that ended too often: when to start them again
	pulling  map[string]bool                // installations that have waited for images for long
	probes   map[string]string              // containers, by id, whose last probe failed: why
	making   map[string]bool                // containers, by id, that were created a moment ago
	rested   map[string]bool                // containers, by id, whose rest is over
}

// owned is whether labels say that a thing belongs to that installation of
// this engine.
func (w *world) owned(labels map[string]string, installationID string) bool {
	return labels[driver.EngineLabel] == w.settings.EngineID &&
		labels[driver.InstallationLabel] == installationID
}

// containersOf returns the containers of an installation, by name.
func (w *world) containersOf(installationID string) []*driver.Container {
	if w.own == nil {
		w.own = map[string][]*driver.Container{}
		for i := range w.snapshot.Containers {
			c := &w.snapshot.Containers[i]
			if c.Labels[driver.EngineLabel] == w.settings.EngineID {
				id := c.Labels[driver.InstallationLabel]
				w.own[id] = append(w.own[id], c)
			}
		}
	}
	return slices.Clone(w.own[installationID])
}

// answering returns the containers that have a name, or answer to it on some
// network.
func (w *world) answering(name string) []*driver.Container {
	if w.named == nil {
		w.named = map[string][]*driver.Container{}
		note := func(c *driver.Container, name string) {
			if known := w.named[name]; len(known) == 0 || known[len(known)-1] != c {
				w.named[name] = append(known, c)
			}
		}
		for i := range w.snapshot.Containers {
			c := &w.snapshot.Containers[i]
			note(c, c.Name)
			for _, e := range c.Endpoints {
				for _, alias := range e.Aliases {
					note(c, alias)
				}
			}
		}
	}
	return w.named[name]
}

// container finds a container by its id or name; nil if there is none.
func (w *world) container(idOrName string) *driver.Container {
	for i := range w.snapshot.Containers {
		if c := &w.snapshot.Containers[i]; c.ID == idOrName || c.Name == idOrName {
			return c
		}
	}
	return nil
}

func (w *world) network(name string) *driver.Network {
	for i := range w.snapshot.Networks {
		if w.snapshot.Networks[i].Name == name {
			return &w.snapshot.Networks[i]
		}
	}
	return nil
}

func (w *world) volume(name string) *driver.Volume {
	for i := range w.snapshot.Volumes {
		if w.snapshot.Volumes[i].Name == name {
			return &w.snapshot.Volumes[i]
		}
	}
	return nil
}

// installation returns the one with that id, nil if there is none.
func (w *world) installation(id string) *graft.Installation {
	for i := range w.installs {
		if w.installs[i].ID == id {
			return &w.installs[i]
		}
	}
	return nil
}

// installationOf returns the installation that a container of this engine belongs
// to, nil if there is none.
func (w *world) installationOf(c *driver.Container) *graft.Installation {
	if c == nil || c.Labels[driver.EngineLabel] != w.settings.EngineID {
		return nil
	}
	return w.installation(c.Labels[driver.InstallationLabel])
}

// swapOf returns the swap that a service of an installation made, nil if none.
func (w *world) swapOf(installationID, service string) *store.Swap {
	for i := range w.swaps {
		if s := &w.swaps[i]; s.InstallationID == installationID && s.Service == service {
			return s
		}
	}
	return nil
}

// swapsOf returns all swaps of an installation.
func (w *world) swapsOf(installationID string) []*store.Swap {
	var found []*store.Swap
	for i := range w.swaps {
		if w.swaps[i].InstallationID == installationID {
			found = append(found, &w.swaps[i])
		}
	}
	return found
}

// record returns a component as it was when it was written down; nil if that
// can't be read.
func (w *world) record(swap *store.Swap) *driver.Container {
	if c, ok := w.records[swap.Component]; ok {
		return c
	}
	c, err := recorded(swap)
	if err != nil {
		return nil
	}
	return c
}

// recorded reads what was written down of a component.
func recorded(swap *store.Swap) (*driver.Container, error) {
	var c driver.Container
	if err := json.Unmarshal(swap.Record, &c); err != nil {
		return nil, graft.WrapError(graft.CodeInternal, err, "the record of component %q can't be read", swap.Component)
	}
	return &c, nil
}

// isComponent is whether a container is a component of this engine's plane: one
// that no addon system created and that belongs to the orchestrator by its
// Compose project, by its well-known name or by being on the orchestrator's
// network.
func (w *world) isComponent(c *driver.Container) bool {
	s := w.settings
	if c.Labels[driver.EngineLabel] != "" || c.Labels[s.IDLabel] != "" || c.Labels[driver.ComposeOneOffLabel] == "True" ||
		strings.Contains(c.Name, asideInfix) || strings.Contains(c.Name, standbyInfix) {
		return false
	}
	if slices.ContainsFunc(w.swaps, func(swap store.Swap) bool { return swap.ContainerID == c.ID }) {
		return false
	}
	project := c.Labels[driver.ComposeProjectLabel]
	known := slices.Contains(graft.WellKnownComponents(s.Plane), c.Name)
	switch {
	case project == s.Project, known && project == "":
		return true
	case project != "" && !known, slices.Contains(graft.WellKnownComponents(otherPlane(s.Plane)), c.Name),
		strings.HasPrefix(c.Name, string(otherPlane(s.Plane))+"_"):
		return false
	}
	return slices.ContainsFunc(c.Endpoints, func(e driver.Endpoint) bool { return e.Network == s.Network })
}

// bears is whether a container has a service's name: as its own name or as its
// Compose service, with or without the plane's prefix.
func (s Settings) bears(c *driver.Container, service string) bool {
	composeService := c.Labels[driver.ComposeServiceLabel]
	for _, name := range []string{service, s.prefixed(service)} {
		if c.Name == name || composeService == name {
			return true
		}
	}
	return false
}

// component returns the component that a service replaces, nil if none. A
// container name counts for more than a Compose service.
func (w *world) component(service string) *driver.Container {
	var byService *driver.Container
	for i := range w.snapshot.Containers {
		c := &w.snapshot.Containers[i]
		if !w.settings.bears(c, service) || !w.isComponent(c) {
			continue
		}
		if c.Name == service || c.Name == w.settings.prefixed(service) {
			return c
		}
		if byService == nil {
			byService = c
		}
	}
	return byService
}

// twin returns another container that is the same component, by its name or its
// Compose service; nil if there is none. One with the name itself counts for
// more, then one that runs.
func (w *world) twin(component *driver.Container) *driver.Container {
	service, project := component.Labels[driver.ComposeServiceLabel], component.Labels[driver.ComposeProjectLabel]
	var found *driver.Container
	for i := range w.snapshot.Containers {
		c := &w.snapshot.Containers[i]
		same := service != "" && c.Labels[driver.ComposeServiceLabel] == service && c.Labels[driver.ComposeProjectLabel] == project
		if !same && c.Name != component.Name || c.ID == component.ID || !w.isComponent(c) {
			continue
		}
		if c.Name == component.Name {
			return c
		}
		if found == nil || c.Running() && !found.Running() {
			found = c
		}
	}
	return found
}

// lodger returns a container that runs in another one's network; nil if there is
// none.
func (w *world) lodger(host *driver.Container) *driver.Container {
	for i := range w.snapshot.Containers {
		c := &w.snapshot.Containers[i]
		if of, ok := strings.CutPrefix(c.NetworkMode, "container:"); ok && c.Running() && (of == host.ID || of == host.Name) {
			return c
		}
	}
	return nil
}

// unfinished is whether somebody may still be about to connect a container that
// was just created to its networks. It answers to nobody meanwhile.
func (w *world) unfinished(c *driver.Container) bool {
	return c.State == driver.StateCreated && w.making[c.ID]
}

// creationTime is how long Docker Compose takes at most to finish a container.
const creationTime = 5 * time.Second

// portHolder returns a running container that publishes a port which would
// collide with p, apart from those that ignore names; nil if none.
func (w *world) portHolder(p driver.Port, ignore func(*driver.Container) bool) *driver.Container {
	for i := range w.snapshot.Containers {
		c := &w.snapshot.Containers[i]
		if (!c.Running() && c.State != driver.StateRestarting) || ignore(c) {
			continue
		}
		if slices.ContainsFunc(c.Ports, func(q driver.Port) bool { return collide(p, q) }) {
			return c
		}
	}
	return nil
}

func collide(p, q driver.Port) bool {
	anywhere := func(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "::" }
	return p.HostPort != 0 && p.HostPort == q.HostPort && p.Protocol == q.Protocol &&
		(p.HostIP == q.HostIP || anywhere(p.HostIP) || anywhere(q.HostIP))
}

// stableAfter is how long a container must have run since it ended by itself
// to count as running again. Docker's own restart back-off is reset after the
// same time.
const stableAfter = 10 * time.Second
