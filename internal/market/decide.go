package market

import (
	"context"
	"slices"
	"time"

	"github.com/graftplatform/graft"
)

// Verify has an addon verified again: by its publisher, a reviewer or an
// administrator. One that is approved stays so meanwhile. An image that resolved
// once stays what it was: its digest is never another one. Errors: CodeNotFound,
// CodeForbidden.
func (m *Market) Verify(ctx context.Context, by graft.Principal, id string) (*graft.Addon, error) {
	addon, err := m.Addon(ctx, id)
	if err == nil && !by.Role.Allows(graft.PermitReview) {
		addon, err = m.own(ctx, by, id)
	}
	if err != nil {
		return nil, err
	}
	addon, err = m.Store.EnqueueVerification(ctx, addon.ID, func(addon *graft.Addon) error {
		if addon.Status != graft.AddonApproved {
			addon.Status = graft.AddonUnderReview
		}
		if v := addon.Verification; v != nil {
			v.WaitsForReview = false
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.Log.Info("addon is verified again", "id", addon.ID, "name", addon.Name, "version", addon.Version, "by", by.Name)
	m.hub.announce(addon.ID)
	m.poke()
	return addon, nil
}

// Approve lets an addon be installed that passed all that can be checked without
// a person. Errors: CodeNotFound, CodeConflict when it did not pass or is not what
// the reviewer saw.
func (m *Market) Approve(ctx context.Context, by graft.Principal, id string, request graft.ReviewRequest) (*graft.Addon, error) {
	return m.decide(ctx, by, id, request, true)
}

// Reject keeps an addon from being installed, also one that was approved; what is
// installed is left alone. Errors: CodeNotFound, CodeInvalid without a reason,
// CodeConflict when it is not what the reviewer saw.
func (m *Market) Reject(ctx context.Context, by graft.Principal, id string, request graft.ReviewRequest) (*graft.Addon, error) {
	if request.Reason == "" {
		return nil, graft.Problems{{Path: []string{"reason"}, Message: "Say why: its publisher has to know."}}.Err()
	}
	return m.decide(ctx, by, id, request, false)
}

func (m *Market) decide(ctx context.Context, by graft.Principal, id string, request graft.ReviewRequest, approved bool) (*graft.Addon, error) {
	id, ok := graft.ParseID(id)
	if !ok {
		return nil, notFound()
	}
	at := time.Now().UTC().Truncate(time.Microsecond)
	addon, err := m.Store.ChangeAddon(ctx, id, func(addon *graft.Addon) error {
		if err := seen(addon, request.Revision); err != nil {
			return err
		}
		if approved {
			if err := passed(addon); err != nil {
				return err
			}
		}
		addon.Review = &graft.Review{Approved: approved, Reason: request.Reason, By: by.Name, At: at}
		addon.Status = graft.AddonApproved
		if !approved {
			addon.Status = graft.AddonVerificationFailed
		}
		if addon.Verification != nil {
			addon.Verification.WaitsForReview = false
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.Log.Info("addon reviewed", "id", addon.ID, "name", addon.Name, "version", addon.Version, "approved", approved, "by", by.Name, "reason", request.Reason)
	m.hub.announce(addon.ID)
	return addon, nil
}

// seen returns why nobody may decide who saw that revision, if so.
func seen(addon *graft.Addon, revision int64) error {
	if revision == 0 || revision == addon.Revision {
		return nil
	}
	return graft.Errorf(graft.CodeConflict, "Addon %s %s has changed since: you saw its revision %d, and it has %d by now. Look at it again, then decide.",
		addon.Name, addon.Version, revision, addon.Revision)
}

// passed returns why an addon can't be approved, if so.
func passed(addon *graft.Addon) error {
	v := addon.Verification
	switch {
	case addon.Status == graft.AddonUnderReview && (v == nil || !v.WaitsForReview):
		return graft.Errorf(graft.CodeConflict, "Addon %s %s is still being verified; wait until that is done.", addon.Name, addon.Version)
	case v == nil || slices.ContainsFunc(v.Images, func(image graft.ImageReport) bool { return image.Digest == "" }):
		return graft.Errorf(graft.CodeConflict, "Addon %s %s did not pass: have it verified again first.", addon.Name, addon.Version)
	}
	for _, c := range v.Checks {
		if c.Status == graft.CheckFailed || c.Status == graft.CheckPending {
			return graft.Errorf(graft.CodeConflict, "Addon %s %s did not pass the check %q: that has to be mended first.", addon.Name, addon.Version, c.Name)
		}
	}
	return nil
}
