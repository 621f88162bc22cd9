package engine

import (
	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// keptVolume returns what the store says of a volume whose data was kept; nil if
// that is not this one: anybody may have made another one of its name since.
func (w *world) keptVolume(v *driver.Volume) *store.KeptVolume {
	for i := range w.kept {
		if kept := &w.kept[i]; kept.Name == v.Name && w.owned(v.Labels, kept.MadeFor) {
			return kept
		}
	}
	return nil
}

// ownsVolume is whether a volume is an installation's: it took it over, or the
// volume was made for it and nobody did.
func (w *world) ownsVolume(inst *graft.Installation, v *driver.Volume) bool {
	if kept := w.keptVolume(v); kept != nil && kept.Owner != "" {
		return kept.Owner == inst.ID
	}
	return w.owned(v.Labels, inst.ID)
}

// leaving returns the installation that is being removed and has something that is in
// the way; nil if none is.
func (w *world) leaving(has func(*graft.Installation) bool) *graft.Installation {
	for i := range w.installs {
		if inst := &w.installs[i]; inst.Desired == graft.DesiredRemoved && has(inst) {
			return inst
		}
	}
	return nil
}

// mayTakeOver is whether a volume has data that was kept of an installation's addon
// and that belongs to nobody. While the one that it was made for is there, be it on
// its way out, it is that one's.
func (w *world) mayTakeOver(inst *graft.Installation, v *driver.Volume) bool {
	kept := w.keptVolume(v)
	return kept != nil && kept.Owner == "" && kept.Addon == inst.Name && w.installation(kept.MadeFor) == nil
}

// takeVolume adds that a volume becomes the installation's, with what is in it.
func (p *plan) takeVolume(w *world, v *driver.Volume) {
	kept := w.keptVolume(v)
	p.add(operation{
		kind: opTakeVolume, target: v.Name, kept: kept,
		cause: "its data was kept when addon " + kept.Addon + " was uninstalled",
	})
}

// endVolumes adds what becomes of an installation's volumes when its containers are
// gone: they stay its own, or are removed, or their data is kept for whom it may
// concern. What it had taken over is never removed because its first start failed:
// the data is not of that attempt.
func (p *plan) endVolumes(w *world, cause string, after []int) {
	inst := p.installation
	if !givesVolumesUp(inst) {
		return
	}
	for i := range w.snapshot.Volumes {
		v := &w.snapshot.Volumes[i]
		if !w.ownsVolume(inst, v) {
			continue
		}
		o := operation{kind: opRemoveVolume, target: v.Name, cause: cause, after: after}
		switch {
		case inst.KeepData:
			o.kind, o.cause = opKeepVolume, cause+", and its data kept"
		case inst.Desired == graft.DesiredEnabled && !w.owned(v.Labels, inst.ID):
			o.kind, o.cause = opKeepVolume, cause+", and the data was there before"
		}
		if o.kind == opKeepVolume {
			o.kept = &store.KeptVolume{Name: v.Name, Addon: inst.Name, MadeFor: v.Labels[driver.InstallationLabel]}
		}
		p.add(o)
	}
}

// givesVolumesUp is whether an installation's volumes are its own no more: it is
// uninstalled, or its first start failed and nothing of it may stay behind.
func givesVolumesUp(inst *graft.Installation) bool {
	return inst.Desired == graft.DesiredRemoved || (inst.Desired == graft.DesiredEnabled && !inst.Activated)
}

// fate is what becomes of a volume when that is done to it; empty: it has nothing to
// do with volumes.
func (k kind) fate() graft.VolumeFate {
	switch k {
	case opCreateVolume:
		return graft.VolumeCreated
	case opTakeVolume:
		return graft.VolumeTakenOver
	case opKeepVolume:
		return graft.VolumeKept
	case opRemoveVolume:
		return graft.VolumeRemoved
	}
	return ""
}

// volumes returns what the plan does with volumes, in its order.
func (p *plan) volumes() []graft.PlannedVolume {
	volumes := []graft.PlannedVolume{}
	for i := range p.operations {
		if o := &p.operations[i]; o.kind.fate() != "" {
			volumes = append(volumes, graft.PlannedVolume{Name: o.target, Fate: o.kind.fate()})
		}
	}
	return volumes
}
