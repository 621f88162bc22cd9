package engine

import (
	"fmt"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// drifted notes that somebody changed what a service runs in.
func (p *plan) drifted(v *want, format string, args ...any) {
	p.drift = append(p.drift, graft.Event{
		Type: graft.EventDrift, Service: v.service.Name,
		Message: fmt.Sprintf("service %s: ", v.service.Name) + fmt.Sprintf(format, args...),
	})
}

// componentDrifted notes that somebody touched a component while a plugin is in
// its place.
func (p *plan) componentDrifted(v *want, format string, args ...any) {
	p.drift = append(p.drift, graft.Event{
		Type: graft.EventComponent, Service: v.service.Name, Component: v.name,
		Message: fmt.Sprintf("component %s, while service %s is in its place: ", v.name, v.service.Name) + fmt.Sprintf(format, args...),
	})
}

// noteDrift notes what somebody did to the containers of what had been settled.
// Until then, all that is different is the engine's own doing.
func (p *plan) noteDrift(w *world, wants []*want) {
	if !settled(p.installation) {
		return
	}
	for _, v := range wants {
		switch {
		case v.behind != nil:
		case v.component == nil:
			p.noteServiceDrift(w, v, w.endpoints(p.installation, v.service, nil))
		case w.holds(p.installation, v):
			p.noteServiceDrift(w, v, w.endpoints(p.installation, v.service, v.component))
			p.noteComponentDrift(w, v)
		}
	}
}

// holds is whether an installation is in a component's place, as opposed to
// taking it over from another one.
func (w *world) holds(inst *graft.Installation, v *want) bool {
	swap := v.swap
	if swap == nil {
		swap = v.former
	}
	return swap != nil && swap.InstallationID == inst.ID
}

func (p *plan) noteServiceDrift(w *world, v *want, endpoints []driver.Endpoint) {
	c := v.current
	if c == nil {
		p.drifted(v, "its container is gone or is not as it should be; it is made again")
		return
	}
	if isOutgoing(c.Name) { // that was us
		return
	}
	if c.Name != v.name && (v.component != nil || w.container(v.name) == nil) {
		p.drifted(v, "somebody renamed its container to %s", c.Name)
	}
	if !samePolicy(c.RestartPolicy, v.policy) {
		p.drifted(v, "somebody changed its container's restart policy to %s", c.RestartPolicy)
	}
	for _, e := range endpoints {
		if w.network(e.Network) != nil && !isOn(c, e.Network) {
			p.drifted(v, "its container is not on network %s any more", e.Network)
		}
	}
}

func (p *plan) noteComponentDrift(w *world, v *want) {
	c := w.aliveComponent(v.component, v.swap)
	switch {
	case v.former != nil:
		p.componentDrifted(v, "somebody made it anew as %s; it steps aside", c.Name)
	case v.anew: // what it is will be seen
	case c == nil:
		p.componentDrifted(v, "somebody removed its container; it is made again")
	case c.ID != v.swap.ContainerID: // it was just made again
	case c.Running() || c.State == driver.StateRestarting:
		p.componentDrifted(v, "somebody started it as %s; it is stopped again", c.Name)
	case c.Name != v.swap.AsideName:
		p.componentDrifted(v, "somebody renamed its container to %s", c.Name)
	case c.RestartPolicy != "no":
		p.componentDrifted(v, "somebody changed its container's restart policy to %s", c.RestartPolicy)
	}
}

// noteUnhealthy tells of services whose health check has begun to fail.
func (e *Engine) noteUnhealthy(inst *graft.Installation, details *graft.StatusDetails) {
	if details == nil {
		return
	}
	for _, now := range details.Services {
		before := previous(inst, now.Name)
		if now.State != graft.ServiceUnhealthy || before != nil && before.State == graft.ServiceUnhealthy {
			continue
		}
		e.note(graft.Event{
			Type: graft.EventUnhealthy, InstallationID: inst.ID, Addon: inst.Name, Service: now.Name,
			Message: fmt.Sprintf("service %s %s", now.Name, now.Reason), Reason: now.Reason,
		})
	}
}
