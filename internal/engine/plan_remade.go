package engine

import (
	"fmt"
	"slices"

	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// recreate adds the making of a component that somebody removed while a plugin
// was in its place.
func (p *plan) recreate(swap *store.Swap, was *driver.Container, after []int) {
	const cause = "its container was removed while the plugin was in its place"
	if was.ImageDigest != "" {
		after = []int{p.add(operation{kind: opPull, target: was.ImageDigest, cause: "image of component " + swap.Component, after: after})}
	}
	c := chain{p: p, cause: cause, after: after}
	c.add(operation{kind: opRecreate, target: swap.Component, name: swap.AsideName, record: was.Record})
	anew := *was
	anew.ID = swap.AsideName // it has no id yet
	c.detach(&anew, swap.AsideName, swap.Component)
}

// adopt notes the id of a component's container that was made again: from then
// on it is known whatever it is called.
func (p *plan) adopt(swap *store.Swap, c *driver.Container) []int {
	if c.ID == swap.ContainerID {
		return nil
	}
	return []int{p.add(operation{
		kind: opAdopt, target: swap.Component, id: c.ID, swap: swap, cause: "its container was made again",
	})}
}

// keepComponents adds what keeps the components that stepped aside ready to come
// back: one that was removed is made again at once, while its image is there.
// It comes last, so that what fails here keeps nothing else from being done.
func (p *plan) keepComponents(w *world, wants []*want) {
	for _, v := range wants {
		if v.component == nil || v.swap == nil || v.anew {
			continue
		}
		from := len(p.operations)
		var after []int
		if !p.apart {
			after = p.all()
		}
		if c := w.aliveComponent(v.component, v.swap); c == nil {
			p.recreate(v.swap, v.component, after)
		} else {
			p.adopt(v.swap, c)
		}
		p.group(from, "component "+v.name)
	}
}

// withdraw adds the end of plugins whose component is back already. It may not
// have been able to start while they were in its place.
func (b *back) withdraw(component *driver.Container) {
	for _, c := range b.plugins {
		if c.Running() {
			b.add(operation{kind: opStop, target: c.Name, id: c.ID, grace: c.StopTimeout})
		}
		b.add(operation{kind: opRemove, target: c.Name, id: c.ID})
	}
	if component.Name != b.swap.Component && b.nameIsFree() {
		b.add(operation{kind: opRename, target: component.Name + " to " + b.swap.Component, id: component.ID, name: b.swap.Component})
		component = called(component, b.swap.Component)
	}
	if b.runs() && (component.State == driver.StateCreated || component.State == driver.StateExited) {
		b.add(operation{kind: opStart, target: component.Name, id: component.ID})
	}
	b.removeWarm(b.w, b.swap.Component, append(slices.Clone(b.plugins), component)...)
	b.cause += ", and somebody made it anew"
	if old := b.component; old != nil && old.ID != component.ID {
		b.cause += fmt.Sprintf("; %s is left, and can be removed", old.Name)
	}
	b.add(operation{kind: opForgetComponent, target: b.swap.Component, swap: b.swap, restores: true})
}

// nameIsFree is whether nobody but the plugins has the component's name.
func (b *back) nameIsFree() bool {
	holder := b.w.container(b.swap.Component)
	return holder == nil || slices.ContainsFunc(b.plugins, func(c *driver.Container) bool { return c.ID == holder.ID })
}
