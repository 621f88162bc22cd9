package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
)

// Install makes an approved addon an installation of this orchestrator and
// returns it at once; the engine does the rest. Errors: CodeExists when it is
// installed, CodeConflict when an installation may come back to it, CodeNotFound, CodeRefused when another addon is in the place of a
// component, CodeConsent when it needs more consent than the request has,
// CodeForbidden when the policy denies what it may do, CodeConflict when it can't
// be installed here, when a version of it is, or the plan is not the one that was
// agreed to, and those of the catalogue.
func (e *Engine) Install(ctx context.Context, request graft.InstallRequest) (*graft.Installation, error) {
	if err := e.store.MayRun(ctx, "", request.MarketplaceID); err != nil {
		return nil, err
	}
	inst, err := e.prepare(ctx, request)
	if err != nil {
		return nil, err
	}
	w, unseen := e.world(ctx)
	if err := otherVersion(w, inst); err != nil {
		return nil, err
	}
	decision, err := e.decide(ctx, w, inst, &request)
	if err != nil {
		return nil, err
	}
	if err := permitted(inst, decision); err != nil {
		e.log.Info("installation refused", "addon", inst.Name, "by", request.By, "denied", graft.GrantsFor(decision.Denied), "missing", graft.GrantsFor(decision.Missing))
		return nil, err
	}
	if unseen != nil && request.Plan != "" {
		return nil, unseen
	}
	if err := e.mayBegin(ctx, w, inst, request); err != nil {
		return nil, err
	}
	if err := e.create(ctx, inst); err != nil {
		return nil, err
	}
	return inst, nil
}

// otherVersion returns why an addon can't be installed beside another version of it:
// each would have the names that the other has. One that failed is in nobody's way,
// and to take a component from the other is asked for by Supersede. While the runtime
// is away, w is nil, and the plan finds out later.
func otherVersion(w *world, inst *graft.Installation) error {
	if w == nil || inst.Supersede {
		return nil
	}
	for i := range w.installs {
		other := &w.installs[i]
		if other.Name != inst.Name || other.Status == graft.StatusFailed || !wantsUp(other) {
			continue
		}
		for _, service := range inst.Services {
			if other.Service(service.Name) != nil {
				return graft.Errorf(graft.CodeConflict, "Version %s of addon %q is installed as %s. Upgrade that one, or uninstall it first.",
					other.Version, other.Name, other.ID)
			}
		}
	}
	return nil
}

// create writes an installation down that the engine is to begin with.
func (e *Engine) create(ctx context.Context, inst *graft.Installation) error {
	e.specs.RLock()
	defer e.specs.RUnlock()
	if err := e.store.CreateInstallation(ctx, inst); err != nil {
		return err
	}
	e.log.Info("installation created", "addon", inst.Name, "installation", inst.ID)
	e.note(graft.Event{Type: graft.EventInstalled, Message: "addon " + inst.Name + " is to be installed",
		InstallationID: inst.ID, Addon: inst.Name, Status: inst.Status})
	e.poke()
	return nil
}

// mayBegin returns why an installation must not even begin: it would take from
// another addon what that has, or its plan is not the one that was agreed to.
// While the runtime is away, w is nil: nothing can be said, and nothing needs to
// be, as it waits for the runtime and is planned then.
func (e *Engine) mayBegin(ctx context.Context, w *world, inst *graft.Installation, request graft.InstallRequest) error {
	if w == nil {
		return nil
	}
	w.put(inst)
	if p := planFor(w, inst); p.code == graft.CodeRefused {
		return graft.Errorf(graft.CodeRefused, "%s", p.refusal)
	}
	if request.Plan == "" {
		return nil
	}
	now, err := e.preview(ctx, w, inst, e.portTaken)
	if err != nil {
		return err
	}
	return agreed(request.Plan, now)
}

// PlanInstall returns what Install would lead to, and changes nothing.
func (e *Engine) PlanInstall(ctx context.Context, request graft.InstallRequest) (*graft.Plan, error) {
	if err := e.store.MayRun(ctx, "", request.MarketplaceID); err != nil {
		return nil, err
	}
	inst, err := e.prepare(ctx, request)
	if err != nil {
		return nil, err
	}
	w, err := e.world(ctx)
	if err != nil {
		return nil, err
	}
	decision, err := e.decide(ctx, w, inst, &request)
	if err != nil {
		return nil, err
	}
	w.put(inst)
	answer, err := e.preview(ctx, w, inst, e.portTaken)
	if err != nil {
		return nil, err
	}
	answer.InstallationID = ""
	tell(answer, inst, decision)
	return answer, nil
}

// prepare turns an addon of the catalogue into an installation that is not
// stored yet.
func (e *Engine) prepare(ctx context.Context, request graft.InstallRequest) (*graft.Installation, error) {
	addon, err := e.catalog.Addon(ctx, request.MarketplaceID)
	if err != nil {
		if graft.ErrorCode(err) != graft.CodeNotFound && ctx.Err() == nil {
			// Who asked is told no cause, as it may tell of the inside.
			e.log.WarnContext(ctx, "the marketplace gives no addons", "id", request.MarketplaceID, "error", err)
		}
		return nil, err
	}
	if err := e.installable(ctx, addon); err != nil {
		return nil, err
	}
	// The marketplace may be anybody's, and what is valid has meaning for rights.
	addon.SetDefaults()
	if problems, _ := addon.Validate(); len(problems) > 0 {
		return nil, graft.WrapError(graft.CodeUpstream, problems.Err(), "The marketplace has addon %q with a descriptor that is not valid; nothing was installed.", addon.Name)
	}
	now := time.Now()
	inst := &graft.Installation{
		ID: graft.NewID(now), MarketplaceID: request.MarketplaceID, Descriptor: addon.Descriptor,
		Images: map[string]string{}, Supersede: request.Supersede, Desired: graft.DesiredEnabled, Generation: 1,
		Status: graft.StatusInstalling, CreatedAt: now, UpdatedAt: now, Revision: 1,
	}
	inst.SetDefaults()
	inst.ImageSizes = e.imageSizes(ctx, addon)
	for _, service := range addon.Services {
		pinned, err := graft.PinImage(service.Image, addon.Verification.Image(service.Name).Digest)
		if err != nil {
			return nil, err
		}
		inst.Images[service.Name] = pinned
	}
	return inst, nil
}

// installable returns why an addon can't be installed here, if so.
func (e *Engine) installable(ctx context.Context, addon *graft.Addon) error {
	if addon.Status != graft.AddonApproved {
		reason := ""
		if addon.Verification != nil {
			for _, image := range addon.Verification.Images {
				if image.Reason != "" {
					reason += fmt.Sprintf("; service %q: %s", image.Service, image.Reason)
				}
			}
		}
		return graft.Errorf(graft.CodeConflict, "Addon %q is not approved but %s%s", addon.Name, addon.Status, reason)
	}
	if len(addon.Planes) > 0 && !slices.Contains(addon.Planes, e.settings.Plane) {
		return graft.Errorf(graft.CodeConflict, "Addon %q is not made for the %s plane", addon.Name, e.settings.Plane)
	}
	info, err := e.info(ctx)
	for _, service := range addon.Services {
		image := addon.Verification.Image(service.Name)
		if image == nil || image.Digest == "" {
			return graft.Errorf(graft.CodeConflict, "Addon %q: the marketplace names no digest for the image of service %q; publish it again", addon.Name, service.Name)
		}
		if err == nil && !graft.RunsOn(image.Platforms, info.Platform) {
			return graft.Errorf(graft.CodeConflict, "Addon %q: the image of service %q is made for %s, and this host is %s",
				addon.Name, service.Name, strings.Join(image.Platforms, ", "), info.Platform)
		}
	}
	return nil
}
