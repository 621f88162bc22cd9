package engine

import (
	"fmt"
	"slices"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// planFor says what to do for one installation. It is pure: the same world
// gives the same plan.
func planFor(w *world, inst *graft.Installation) *plan {
	if wantsUp(inst) {
		return planUp(w, inst)
	}
	return planDown(w, inst)
}

// wantsUp is whether an installation's containers are to be there. After a
// failed attempt they are not, until somebody changes the spec.
func wantsUp(inst *graft.Installation) bool {
	return inst.Desired == graft.DesiredEnabled && !gaveUp(inst)
}

func gaveUp(inst *graft.Installation) bool {
	return inst.Details != nil && inst.Details.GaveUp && inst.Details.Generation == inst.Generation
}

// settled is whether the spec as it is now has been reached once. From then on
// a failed operation is a failed repair: it is tried again, nothing is taken
// back, and each service is looked after by itself.
func settled(inst *graft.Installation) bool {
	return inst.Details != nil && inst.Details.Generation == inst.Generation &&
		(inst.Details.Outcome == graft.OutcomeDone || len(inst.Details.Withdrawn) > 0)
}

// withdrawn is whether a service's plugin made room for its component.
func withdrawn(inst *graft.Installation, service string) bool {
	return inst.Details != nil && inst.Details.Generation == inst.Generation &&
		slices.ContainsFunc(inst.Details.Withdrawn, func(x graft.Withdrawal) bool { return x.Service == service })
}

// want is what a service's container should be.
type want struct {
	service   *graft.Service
	name      string // of its container
	current   *driver.Container
	component *driver.Container // what it replaces, as it was before; nil for an extension
	swap      *store.Swap       // the component is written down already
	anew      bool              // somebody is about to make the component anew
	former    *store.Swap       // so was another container of it, before somebody made it anew
	way       graft.SwapWay     // how it takes the component's place
	reason    string            // why not in a warm way
	behind    *graft.Installation
	policy    string // when it is to be started again
	blocked   error  // what is in its way
}

// fresh is whether the container has yet to be created.
func (v *want) fresh() bool { return v.current == nil }

// planUp makes an installation's containers be there and run. What can fail is
// done first, while whatever runs is still running. What is in the way of one
// service is the refusal of the whole, unless all have been up: then the others
// are looked after all the same.
func planUp(w *world, inst *graft.Installation) *plan {
	p := &plan{installation: inst, apart: settled(inst)}
	var wants []*want
	for _, v := range w.wants(inst) {
		p.soon = p.soon || v.anew
		switch {
		case v.blocked == nil:
			wants = append(wants, v)
		case !p.apart:
			return refusal(inst, v.blocked)
		default:
			p.blocked = append(p.blocked, v)
			p.refuse(v.blocked)
		}
	}
	p.touches(w, wants)
	if p.apart {
		p.withdraw(w)
	}
	p.removeStrays(w, wants)
	p.prepare(w, wants)
	p.reconnect(w, wants)
	if err := p.create(w, wants); err != nil {
		return refusal(inst, err)
	}
	if !p.apart { // of another version: it stays until all is at hand
		p.withdraw(w)
	}
	if !p.apart && p.refusal != "" { // what was up goes on as it is
		return refusal(inst, graft.Errorf(p.code, "%s", p.refusal))
	}
	p.stepDropped(w)
	p.stepColliding(w, wants)
	p.start(w, wants)
	p.retire(w, wants)
	p.keepComponents(w, wants)
	p.noteDrift(w, wants)
	return p
}

// leavesPlace is whether a service is not to be in a component's place any more.
func leavesPlace(inst *graft.Installation, service string) bool {
	return withdrawn(inst, service) || inst.Service(service) == nil
}

// withdraw puts the components back whose plugins could not stay, or have no
// service any more.
func (p *plan) withdraw(w *world) {
	containers := w.containersOf(p.installation.ID)
	for _, swap := range w.swapsOf(p.installation.ID) {
		if leavesPlace(p.installation, swap.Service) {
			from := len(p.operations)
			var after []int
			if !p.apart {
				after = p.all()
			}
			before := p.refusal
			cause := fmt.Sprintf("service %s could not stay in its place", swap.Service)
			if p.installation.Service(swap.Service) == nil {
				cause = fmt.Sprintf("%s has no service %s", versionText(p.installation), swap.Service)
			}
			p.putBack(w, swap, &containers, cause)
			for i := from; i < len(p.operations); i++ {
				if len(p.operations[i].after) == 0 {
					p.operations[i].after = after
				}
			}
			if p.refusal != before && p.stuck == "" {
				p.stuck = p.refusal
			}
			p.group(from, "component "+swap.Component)
		}
	}
}

// group marks the operations from the i-th on that have no mark yet: what has
// one mark is carried out whole or not at all.
func (p *plan) group(from int, name string) {
	for i := from; i < len(p.operations); i++ {
		if p.operations[i].group == "" {
			p.operations[i].group = name
		}
	}
}

// before returns what must have been done before the next operation for a
// service: everything so far, or, if the services are looked after one by one,
// what is done for this one.
func (p *plan) before(w *world, v *want) []int {
	if !p.apart {
		return p.all()
	}
	uses := map[string]bool{p.installation.Images[v.service.Name]: true}
	for _, e := range w.endpoints(p.installation, v.service, v.component) {
		uses[e.Network] = true
	}
	mounts, _ := w.mounts(p.installation, v.service) // what is wrong with them is said when it is created
	for _, m := range mounts {
		uses[m.Source] = !m.Bind
	}
	var before []int
	for i := range p.operations {
		o := &p.operations[i]
		shared := o.group == "" && (o.kind == opCreateNetwork || o.kind == opCreateVolume || o.kind == opTakeVolume) || o.kind == opPull
		if o.group == v.service.Name || shared && uses[o.target] {
			before = append(before, i)
		}
	}
	return before
}

// refusal is the plan to do nothing, and why.
func refusal(inst *graft.Installation, err error) *plan {
	return &plan{installation: inst, refusal: graft.ErrorMessage(err), code: graft.ErrorCode(err)}
}

// touches notes the components that an installation has to do with.
func (p *plan) touches(w *world, wants []*want) {
	p.places = map[string]string{}
	place := func(service, component string) {
		p.places[service], p.places["component "+component] = component, component
		if !slices.Contains(p.components, component) {
			p.components = append(p.components, component)
		}
	}
	for _, v := range wants {
		if v.component != nil {
			place(v.service.Name, v.component.Name)
		}
	}
	for _, c := range w.containersOf(p.installation.ID) {
		if name := c.Labels[driver.ComponentLabel]; name != "" {
			place(c.Labels[driver.ServiceLabel], name)
		}
	}
	for _, swap := range w.swapsOf(p.installation.ID) {
		place(swap.Service, swap.Component)
	}
}

// wants pairs the services of an installation with their containers and
// components, dependencies before those who depend on them. Those that were
// withdrawn are not wanted.
func (w *world) wants(inst *graft.Installation) []*want {
	containers := w.containersOf(inst.ID)
	var wants []*want
	owner := map[string]string{} // container name → service
	for _, service := range dependencyOrder(inst.Services) {
		if withdrawn(inst, service.Name) {
			continue
		}
		v, err := w.want(inst, containers, service)
		switch other, taken := owner[v.name]; {
		case err != nil:
			v.blocked = err
		case taken:
			v.blocked = graft.Errorf(graft.CodeRefused, "services %q and %q would both be container %q here; rename one of them",
				other, service.Name, v.name)
		default:
			v.blocked = w.obstacle(inst, v)
		}
		owner[v.name] = service.Name
		wants = append(wants, v)
	}
	return wants
}

// want pairs one service with its container and component. On an error it has
// the service and the name.
func (w *world) want(inst *graft.Installation, containers []*driver.Container, service *graft.Service) (*want, error) {
	v := &want{service: service, name: w.settings.prefixed(service.Name), policy: restartPolicy(inst, service)}
	v.current = currentOf(containers, service, inst.Images[service.Name])
	if startCause(w, v) != "" && w.cutOff(v.current) {
		v.current = nil
	}
	return v, w.replace(inst, v)
}

// replace finds the component that a service is to replace, if there is one,
// and says how that goes.
func (w *world) replace(inst *graft.Installation, v *want) error {
	component := w.aside(v.service.Name)
	if component == nil && (v.fresh() || v.current.Labels[driver.ComponentLabel] != "") {
		component = w.component(v.service.Name)
	}
	if component == nil {
		return nil
	}
	standing, rival := w.standingOf(inst, component)
	v.name = component.Name
	switch standing {
	case refused:
		return graft.Errorf(graft.CodeRefused, "component %q is replaced by addon %q already; uninstall that one first, or install this one with --supersede",
			component.Name, rival.Name)
	case queued:
		v.behind = rival
		return nil
	}
	v.swap = w.swapFor(component)
	if twin := w.twin(component); twin != nil && v.swap == nil {
		return graft.Errorf(graft.CodeRefused, "component %q has two containers, %q and %q; remove the one that is not needed",
			v.service.Name, component.Name, twin.Name)
	} else if twin != nil && w.unfinished(twin) {
		v.anew = true
	} else if twin != nil { // somebody made it anew meanwhile: that is the component now
		v.former, v.swap = v.swap, nil
		component = called(twin, component.Name)
	}
	if component.AutoRemove && v.swap == nil {
		return graft.Errorf(graft.CodeRefused, "component %q was started with --rm: it would be gone for good once it stops; start it again without",
			component.Name)
	}
	if lodger := w.lodger(component); lodger != nil && v.swap == nil {
		return graft.Errorf(graft.CodeRefused, "component %q can't be replaced: container %q uses its network (network_mode) and would be cut off with it",
			v.service.Name, lodger.Name)
	}
	if (v.swap == nil || v.swap.InstallationID != inst.ID) && joinsHost(inst, v.service.Name, component) {
		return graft.Errorf(graft.CodeRefused, "component %q is on the host's network, and nobody agreed that service %q comes there; uninstall the addon and install it again, which asks for that",
			component.Name, v.service.Name)
	}
	v.component = component
	return w.chooseWayIn(inst, v)
}

// currentOf picks a service's container: one made from the same descriptor and
// image, that is not on its way out.
func currentOf(containers []*driver.Container, service *graft.Service, image string) *driver.Container {
	digest := specDigest(service, image)
	for _, c := range containers {
		if c.Labels[driver.ServiceLabel] == service.Name && c.Labels[driver.SpecLabel] == digest &&
			c.State != driver.StateRemoving && c.State != driver.StateDead {
			return c
		}
	}
	return nil
}

// cutOff is whether a container that is to be started can't be, as a network
// that it is to be on is gone. It has to be made anew.
func (w *world) cutOff(c *driver.Container) bool {
	if c == nil {
		return false
	}
	return slices.ContainsFunc(c.Endpoints, func(e driver.Endpoint) bool { return w.network(e.Network) == nil }) ||
		slices.ContainsFunc(c.NetworkIDs, func(id string) bool {
			return !slices.ContainsFunc(w.snapshot.Networks, func(n driver.Network) bool { return n.ID == id })
		})
}

func (w *world) addonName(installationID string) string {
	if inst := w.installation(installationID); inst != nil {
		return inst.Name
	}
	return installationID
}

// isReplacedBy is whether a container is one whose place v takes: the component
// or a plugin that is there now.
func (v *want) isReplacedBy(w *world, c *driver.Container) bool {
	return v.component != nil && (c.ID == v.component.ID ||
		c.Labels[driver.EngineLabel] == w.settings.EngineID && c.Labels[driver.ComponentLabel] == v.component.Name)
}

// removeStrays removes containers of the installation that no service wants any
// more.
func (p *plan) removeStrays(w *world, wants []*want) {
	for _, c := range w.containersOf(p.installation.ID) {
		service := c.Labels[driver.ServiceLabel]
		wanted := func(v *want) bool {
			if v.behind != nil { // who is before it ends it, unless it only got as far as the warm network
				return v.service.Name == service && w.inPlace(c, v.name)
			}
			return v.current != nil && v.current.ID == c.ID || w.leaves(p.installation, v, c)
		}
		leaving := leavesPlace(p.installation, service) && w.swapOf(p.installation.ID, service) != nil ||
			!p.apart && p.installation.Service(service) == nil
		blocked := slices.ContainsFunc(p.blocked, func(v *want) bool { return v.service.Name == service })
		if leaving || blocked || slices.ContainsFunc(wants, wanted) {
			continue
		}
		p.add(operation{
			kind: opRemove, target: c.Name, id: c.ID, group: service,
			cause: "no service of the addon wants it as it is",
		})
	}
}
