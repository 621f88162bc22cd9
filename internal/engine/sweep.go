package engine

import (
	"context"
	"slices"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// sweep removes networks of this engine that nobody needs: the orchestrator's,
// if this engine made it, once no addon is left and nobody is on it (while the
// last addon went, one of another engine may have been there still), those where
// plugins warmed up, and the second one of a name, which is there when an engine
// was killed while Docker made it and the next engine made it again. It is true
// if there was one.
func (e *Engine) sweep(ctx context.Context, w *world, busy inFlight, held map[string]bool) (swept bool) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for _, n := range w.snapshot.Networks {
		component := n.Labels[driver.ComponentLabel]
		stale := w.spare(n) && !busy.any(n.Labels[driver.InstallationLabel]) && !held[component] ||
			component != "" && n.Labels[driver.EngineLabel] == w.settings.EngineID && !held[component] && !w.warming(component)
		if !stale && (len(w.installs) > 0 || !w.lastOnNetwork(&graft.Installation{}, n)) {
			continue
		}
		if err := e.driver.RemoveNetwork(ctx, n.ID); err != nil {
			e.log.Warn("a network is left behind", "network", n.Name, "error", err)
		} else {
			swept = true
		}
	}
	return swept
}

// spare is whether a network is ours, has a namesake, and nobody is on it. Of
// two that nobody is on, the first one stays.
func (w *world) spare(n driver.Network) bool {
	if n.Labels[driver.EngineLabel] != w.settings.EngineID || w.used(n) {
		return false
	}
	return slices.ContainsFunc(w.snapshot.Networks, func(other driver.Network) bool {
		return other.Name == n.Name && other.ID != n.ID && (w.used(other) || other.ID < n.ID)
	})
}

func (w *world) used(n driver.Network) bool {
	return slices.ContainsFunc(w.snapshot.Containers, func(c driver.Container) bool { return slices.Contains(c.NetworkIDs, n.ID) })
}

// warming is whether a container is on a component's warm network.
func (w *world) warming(component string) bool {
	return slices.ContainsFunc(w.snapshot.Containers, func(c driver.Container) bool { return isOn(&c, warmNetwork(component)) })
}
