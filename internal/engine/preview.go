package engine

import (
	"context"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// preview says what the engine would do for an installation just now, with what
// only a look at the host tells: which images are there and, unless taken is
// nil, which host ports something else than a container has.
func (e *Engine) preview(ctx context.Context, w *world, inst *graft.Installation, taken func(driver.Port) bool) (*graft.Plan, error) {
	p := planFor(w, inst)
	out := p.public()
	if wantsUp(inst) {
		out.Conflicts, out.Warnings = w.conflicts(inst), w.differing(inst)
	}
	if taken != nil {
		out.Conflicts = append(out.Conflicts, w.hostConflicts(p, taken)...)
	}
	if err := e.findImages(ctx, out.Images); err != nil {
		return nil, err
	}
	p.seal(out)
	return out, nil
}

// findImages notes which images are there already.
func (e *Engine) findImages(ctx context.Context, images []graft.PlannedImage) error {
	checker, ok := e.driver.(driver.ImageChecker)
	if !ok {
		return nil
	}
	for i := range images {
		present, err := checker.HasImage(ctx, images[i].Image)
		if err != nil {
			return err
		}
		images[i].Present = present
	}
	return nil
}

// agreed returns an error if a plan is not the one that was agreed to. No hash
// agrees to any plan.
func agreed(hash string, now *graft.Plan) error {
	if hash == "" || hash == now.Hash {
		return nil
	}
	is, _, _ := strings.Cut(now.Text, "\n")
	for _, c := range now.Conflicts {
		if c.Text != now.Refusal {
			is += "; " + c.Text
		}
	}
	return graft.Errorf(graft.CodeConflict,
		"The plan for addon %q is not the one that was agreed to any more, and nothing was installed. It is now: %s. Look at it, then agree to %s.",
		now.Addon, is, now.Hash)
}

// imageSizes returns what a pull of each service's image transfers on this host,
// as far as the marketplace knows it.
func (e *Engine) imageSizes(ctx context.Context, addon *graft.Addon) map[string]int64 {
	info, err := e.info(ctx)
	if err != nil {
		return nil // no reason to refuse anything
	}
	sizes := map[string]int64{}
	for _, service := range addon.Services {
		if report := addon.Verification.Image(service.Name); report != nil {
			if size := imageSize(report, info.Platform); size > 0 {
				sizes[service.Name] = size
			}
		}
	}
	return sizes
}

// imageSize is what a pull of an image transfers at most on a host; 0: not
// known.
func imageSize(report *graft.ImageReport, host string) int64 {
	if size, ok := report.Sizes[host]; ok {
		return size
	}
	var largest int64
	for platform, size := range report.Sizes {
		if graft.RunsOn([]string{platform}, host) {
			largest = max(largest, size)
		}
	}
	return largest
}
