package engine

import (
	"fmt"
	"slices"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// start adds the starts, each after what its service depends on.
func (p *plan) start(w *world, wants []*want) {
	last := map[string]int{}  // service → index of its last operation
	waits := map[string]int{} // service and condition → index of the wait
	created := map[*want][]int{}
	for _, v := range wants {
		created[v] = p.before(w, v)
	}
	for _, v := range wants {
		if v.behind != nil {
			continue
		}
		from := len(p.operations)
		after, cause := slices.Clone(created[v]), startCause(w, v)
		if cause != "" { // one that runs already awaits nobody
			for _, name := range sortedKeys(v.service.DependsOn) {
				if i, ok := p.dependency(w, wants, name, v.service.DependsOn[name].Condition, last, waits); ok {
					after = append(after, i)
				}
			}
		}
		switch {
		case v.component == nil && len(w.others(p.installation, v)) > 0:
			last[v.service.Name] = p.succeed(w, v, w.others(p.installation, v), after)
		case v.component != nil:
			if i, ok := p.takeOver(w, v, after); ok {
				last[v.service.Name] = i
			}
		default:
			if i, ok := p.startAlone(w, v, cause, after); ok {
				last[v.service.Name] = i
			}
		}
		p.group(from, v.service.Name)
	}
}

// startAlone starts a service's container for a cause, or, without one, puts right
// the one that runs. It returns the last operation that others have to await.
func (p *plan) startAlone(w *world, v *want, cause string, after []int) (int, bool) {
	s := chain{p: p, cause: cause, after: after}
	if cause != "" {
		id, target := p.containerOf(w, v)
		if !v.fresh() {
			target, s.after = v.name, p.repair(w, v, after)
		}
		s.add(operation{kind: opStart, target: target, id: id})
		if p.mustProve(v) {
			s.prove(v, id, target, 0)
		}
		return s.after[0], true
	}
	c := v.current
	if c == nil {
		return 0, false
	}
	s.after = p.repair(w, v, after)
	if !p.mustProve(v) || w.passedGate(c) || reached(c, graft.ServiceCompleted) {
		return 0, false
	}
	s.cause = fmt.Sprintf("service %s is new in %s", v.service.Name, versionText(p.installation))
	s.prove(v, c.ID, c.Name, c.Restarts)
	return s.after[0], true
}

// dependency returns the operation that a dependant has to await, if any.
func (p *plan) dependency(w *world, wants []*want, name, condition string, last, waits map[string]int) (int, bool) {
	started, starting := last[name]
	if condition != graft.ServiceHealthy && condition != graft.ServiceCompleted {
		return started, starting
	}
	i := slices.IndexFunc(wants, func(v *want) bool { return v.service.Name == name })
	if i < 0 || wants[i].behind != nil {
		return 0, false
	}
	if wait, ok := waits[name+" "+condition]; ok {
		return wait, true
	}
	if !starting && reached(wants[i].current, condition) {
		return 0, false
	}
	id, target := wants[i].name, wants[i].name // which a plugin has by then
	if wants[i].component == nil {
		id, target = p.containerOf(w, wants[i])
	}
	o := operation{
		kind: opWait, target: target, id: id, until: condition,
		cause: fmt.Sprintf("others depend on service %s: %s", name, condition),
	}
	if !p.apart {
		o.after = p.all()
	}
	if starting {
		o.after = []int{started}
	}
	waits[name+" "+condition] = p.add(o)
	return waits[name+" "+condition], true
}

// reached is whether a container meets the condition of a dependency by now.
func reached(c *driver.Container, condition string) bool {
	if c == nil {
		return false
	}
	if condition == graft.ServiceCompleted {
		return c.State == driver.StateExited && c.ExitCode == 0
	}
	return c.Running() && c.Health == "healthy"
}

// startCause says why a container is to be started, or "" if it is not. One
// that ended by itself is left to its restart policy, and one that did so too
// often rests.
func startCause(w *world, v *want) string {
	c := v.current
	switch {
	case c == nil:
		return fmt.Sprintf("service %s is enabled", v.service.Name)
	case c.State == driver.StateCreated:
		return "it was created and never started"
	case c.State == driver.StateExited && isOutgoing(c.Name):
		return madeRoom
	case !w.resting[c.ID].IsZero():
		return ""
	case c.State == driver.StateExited && w.rested[c.ID] && v.policy != "no":
		return fmt.Sprintf("it ended too often (exit code %d), and has rested", c.ExitCode)
	case c.State == driver.StateExited && (v.policy == "always" || v.policy == "unless-stopped"):
		return fmt.Sprintf("it is stopped (exit code %d) and is to run", c.ExitCode)
	}
	return ""
}

// dependencyOrder sorts services so that dependencies come first, and leaves
// the rest in the order of the descriptor. Descriptors have no cycles; a service
// in one would simply come in descriptor order.
func dependencyOrder(services []graft.Service) []*graft.Service {
	var order []*graft.Service
	visited := map[string]bool{}
	var visit func(s *graft.Service)
	visit = func(s *graft.Service) {
		if visited[s.Name] {
			return
		}
		visited[s.Name] = true
		for i := range services {
			if _, ok := s.DependsOn[services[i].Name]; ok {
				visit(&services[i])
			}
		}
		order = append(order, s)
	}
	for i := range services {
		visit(&services[i])
	}
	return order
}
