package engine

import (
	"fmt"
	"slices"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// prepare adds what must be there before containers can be created.
func (p *plan) prepare(w *world, wants []*want) {
	inst := p.installation
	var needed []*want
	for _, v := range wants {
		if v.fresh() && v.behind == nil {
			needed = append(needed, v)
		}
	}
	if len(needed) == 0 {
		return
	}
	pulled := map[string]bool{}
	for _, v := range needed {
		image := inst.Images[v.service.Name]
		if !pulled[image] {
			pulled[image] = true
			p.add(operation{kind: opPull, target: image, group: "image " + image, cause: fmt.Sprintf("image of service %s", v.service.Name)})
		}
	}
	p.createNetworks(w, needed)
	for _, volume := range inst.AllVolumes() {
		name := w.volumeName(inst, volume.Name)
		if found := w.volume(name); found != nil {
			if w.mayTakeOver(inst, found) {
				p.takeVolume(w, found)
			}
			continue
		}
		labels := w.settings.ownerLabels(inst.ID)
		for k, v := range volume.Labels {
			labels[k] = v
		}
		p.add(operation{
			kind: opCreateVolume, target: name, cause: fmt.Sprintf("volume %s of the addon", volume.Name),
			volume: &driver.VolumeSpec{Name: name, Driver: volume.Driver, DriverOpts: volume.DriverOpts, Labels: labels},
		})
	}
}

// createNetworks adds the networks that services will join and that are not
// there yet.
func (p *plan) createNetworks(w *world, needed []*want) {
	inst := p.installation
	for _, network := range inst.AllNetworks() {
		name := w.networkName(inst, network.Name)
		if network.Name == graft.DefaultNetwork || w.network(name) != nil || p.creates(name) {
			continue
		}
		p.add(operation{
			kind: opCreateNetwork, target: name, cause: fmt.Sprintf("network %s of the addon", network.Name),
			network: &driver.NetworkSpec{
				Name: name, Driver: network.Driver, EnableIPv6: network.EnableIPv6,
				Labels: w.settings.ownerLabels(inst.ID),
			},
		})
	}
	if w.network(w.settings.Network) != nil || p.creates(w.settings.Network) {
		return
	}
	for _, v := range needed {
		for _, e := range w.endpoints(inst, v.service, v.component) {
			if e.Network == w.settings.Network {
				p.add(operation{
					kind: opCreateNetwork, target: e.Network, cause: "the orchestrator's network is not there", shared: true,
					network: &driver.NetworkSpec{
						Name: e.Network, Driver: "bridge",
						Labels: map[string]string{driver.EngineLabel: w.settings.EngineID},
					},
				})
				return
			}
		}
	}
}

// reconnect adds the networks that containers are to be on and are not: creating
// one was interrupted, or somebody took it off.
func (p *plan) reconnect(w *world, wants []*want) {
	for _, v := range wants {
		if v.fresh() || v.behind != nil {
			continue
		}
		if v.component != nil { // taking over connects it
			if w.inPlace(v.current, v.name) && v.current.Name == v.name {
				p.createNetworks(w, []*want{v})
			}
			continue
		}
		for _, endpoint := range w.endpoints(p.installation, v.service, v.component) {
			if slices.ContainsFunc(v.current.Endpoints, func(e driver.Endpoint) bool { return e.Network == endpoint.Network }) {
				continue
			}
			p.createNetworks(w, []*want{v})
			if w.network(endpoint.Network) == nil && !p.creates(endpoint.Network) {
				continue // it was not ours, and is gone
			}
			p.add(operation{
				kind: opConnect, target: v.current.Name + " to " + endpoint.Network, id: v.current.ID, endpoint: endpoint,
				cause: fmt.Sprintf("service %s is to be on it", v.service.Name), after: p.before(w, v), group: v.service.Name,
			})
		}
	}
}

// creates is whether a network is created by the plan.
func (p *plan) creates(network string) bool {
	return slices.ContainsFunc(p.operations, func(o operation) bool {
		return o.kind == opCreateNetwork && o.target == network
	})
}

// createsContainer is whether a container of that name is created by the plan.
func (p *plan) createsContainer(name string) bool {
	return slices.ContainsFunc(p.operations, func(o operation) bool { return o.kind == opCreate && o.target == name })
}

// create adds the containers, all of them before any is started. A plugin is
// created under another name, for the component still has its own.
func (p *plan) create(w *world, wants []*want) error {
	for _, v := range wants {
		if v.behind == nil && v.component != nil && v.swap == nil {
			from := len(p.operations)
			p.record(w, v)
			p.group(from, v.service.Name)
		}
	}
	p.createWarmNetworks(w, wants)
	ready := map[*want][]int{}
	for _, v := range wants {
		ready[v] = p.before(w, v)
	}
	for _, v := range wants {
		if v.behind != nil || !v.fresh() {
			continue
		}
		name, cause := w.newName(p.installation, v), fmt.Sprintf("service %s has none", v.service.Name)
		switch {
		case v.component != nil:
			cause = p.placeCause(w, v)
		case len(w.others(p.installation, v)) > 0:
			cause = changeCause(p.installation, v)
		}
		spec, err := w.containerSpec(p.installation, v.service, name, v.component)
		if err != nil {
			return err
		}
		if v.component != nil && v.way == graft.SwapWarm {
			spec.Endpoints = []driver.Endpoint{{Network: warmNetwork(v.name)}}
		}
		p.add(operation{kind: opCreate, target: name, cause: cause, after: ready[v], container: spec, group: v.service.Name})
	}
	return nil
}
