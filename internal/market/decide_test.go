package market_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/market"
)

func publisher(name string) graft.Principal {
	return graft.Principal{Name: name, Role: graft.RolePublisher}
}

func reviewer() graft.Principal { return graft.Principal{Name: "rita", Role: graft.RoleReviewer} }

// check returns what a check of an addon came to.
func check(t *testing.T, addon *graft.Addon, name string) graft.Check {
	t.Helper()
	if addon.Verification == nil {
		t.Fatalf("it was not verified: %+v", addon)
	}
	i := slices.IndexFunc(addon.Verification.Checks, func(c graft.Check) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no check %s in %+v", name, addon.Verification.Checks)
	}
	return addon.Verification.Checks[i]
}

// wants checks a status and that of some checks.
func wants(t *testing.T, addon *graft.Addon, status graft.AddonStatus, checks map[string]graft.CheckStatus) {
	t.Helper()
	if addon.Status != status {
		t.Errorf("status %s, want %s: %+v", addon.Status, status, addon.Verification)
	}
	for name, want := range checks {
		c := check(t, addon, name)
		if c.Status != want || (c.Status == graft.CheckFailed || c.Status == graft.CheckReview) && (len(c.Messages) == 0 || c.Mend == "") {
			t.Errorf("check %+v, want %s", c, want)
		}
	}
}

func TestReviewerDecides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{Manual: true})
		addon := p.publish("a", "one")
		addon = p.settled(addon.ID)
		wants(t, addon, graft.AddonUnderReview, map[string]graft.CheckStatus{graft.CheckImages: graft.CheckPassed})
		if !addon.Verification.WaitsForReview || addon.Verification.NextAttempt != nil {
			t.Errorf("verification is %+v", addon.Verification)
		}
		if _, err := p.Reject(t.Context(), reviewer(), addon.ID, graft.ReviewRequest{}); graft.ErrorCode(err) != graft.CodeInvalid {
			t.Errorf("rejected without a reason: %v", err)
		}
		addon, err := p.Reject(t.Context(), reviewer(), addon.ID, graft.ReviewRequest{Reason: "no readme"})
		if err != nil || addon.Status != graft.AddonVerificationFailed || addon.Review.Reason != "no readme" || addon.Review.By != "rita" || addon.Verification.WaitsForReview {
			t.Errorf("rejected: %+v %v", addon, err)
		}
		if _, err := p.Verify(t.Context(), reviewer(), addon.ID); err != nil {
			t.Fatal(err)
		}
		wants(t, p.settled(addon.ID), graft.AddonVerificationFailed, nil) // rejected is rejected
		addon, err = p.Approve(t.Context(), reviewer(), addon.ID, graft.ReviewRequest{})
		if err != nil || addon.Status != graft.AddonApproved || !addon.Review.Approved {
			t.Errorf("approved: %+v %v", addon, err)
		}
	})
}

// A decision is about what the reviewer saw: when the addon has changed since, it
// does not count.
func TestReviewIsOfWhatWasSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{Manual: true})
		saw := p.settled(p.publish("a", "one").ID)
		if _, err := p.Verify(t.Context(), reviewer(), saw.ID); err != nil {
			t.Fatal(err)
		}
		now := p.settled(saw.ID)
		old := graft.ReviewRequest{Reason: "r", Revision: saw.Revision}
		if _, err := p.Approve(t.Context(), reviewer(), saw.ID, old); graft.ErrorCode(err) != graft.CodeConflict || !strings.Contains(err.Error(), "has changed since") {
			t.Errorf("approved: %v", err)
		}
		if _, err := p.Reject(t.Context(), reviewer(), saw.ID, old); graft.ErrorCode(err) != graft.CodeConflict {
			t.Errorf("rejected: %v", err)
		}
		if addon := p.settled(saw.ID); addon.Review != nil || addon.Revision != now.Revision {
			t.Errorf("it was changed: %+v", addon)
		}
		addon, err := p.Approve(t.Context(), reviewer(), saw.ID, graft.ReviewRequest{Revision: now.Revision})
		if err != nil || addon.Status != graft.AddonApproved {
			t.Errorf("approved as it is: %+v, %v", addon, err)
		}
	})
}

// What a reviewer rejects while it is being verified does not become approved.
func TestRejectedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		release := p.resolver.hold("one")
		id := p.publish("a", "one").ID
		synctest.Wait()
		if _, err := p.Approve(t.Context(), reviewer(), id, graft.ReviewRequest{}); graft.ErrorCode(err) != graft.CodeConflict {
			t.Errorf("approved before it was verified: %v", err)
		}
		if _, err := p.Reject(t.Context(), reviewer(), id, graft.ReviewRequest{Reason: "malware"}); err != nil {
			t.Fatal(err)
		}
		release()
		addon := p.settled(id)
		wants(t, addon, graft.AddonVerificationFailed, map[string]graft.CheckStatus{graft.CheckImages: graft.CheckPassed})
	})
}

func TestFailedIsNotApproved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		p.resolver.fail("gone", graft.CodeNotFound, "no such image")
		addon := p.waitFor(p.publish("a", "gone").ID, graft.AddonVerificationFailed)
		wants(t, addon, graft.AddonVerificationFailed, map[string]graft.CheckStatus{graft.CheckImages: graft.CheckFailed, graft.CheckPlatforms: graft.CheckPassed})
		if _, err := p.Approve(t.Context(), reviewer(), addon.ID, graft.ReviewRequest{}); graft.ErrorCode(err) != graft.CodeConflict {
			t.Errorf("approved: %v", err)
		}
		p.resolver.set("gone", nil) // it was pushed
		if addon, err := p.Verify(t.Context(), publisher("other"), addon.ID); graft.ErrorCode(err) != graft.CodeForbidden {
			t.Errorf("another publisher has it verified: %+v %v", addon, err)
		}
		if _, err := p.Verify(t.Context(), admin(), addon.ID); err != nil {
			t.Fatal(err)
		}
		wants(t, p.waitFor(addon.ID, graft.AddonApproved), graft.AddonApproved, nil)
	})
}

// What was approved stays what it is when its tag moves, and stays approved while
// its registry is away; it is not approved any more once its image is gone.
func TestApprovedIsVerifiedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		addon := p.waitFor(p.publish("a", "one").ID, graft.AddonApproved)
		digest := addon.Verification.Images[0].Digest
		again := func() *graft.Addon {
			t.Helper()
			if _, err := p.Verify(t.Context(), admin(), addon.ID); err != nil {
				t.Fatal(err)
			}
			return p.settled(addon.ID)
		}
		pinned, err := graft.PinImage("one", digest)
		if err != nil {
			t.Fatal(err)
		}
		p.resolver.is(pinned, digest)
		p.resolver.is("one", "sha256:newer")
		now := again()
		wants(t, now, graft.AddonApproved, map[string]graft.CheckStatus{graft.CheckDigests: graft.CheckWarning})
		if image := now.Verification.Images[0]; image.Digest != digest || image.MovedTo != "sha256:newer" {
			t.Errorf("image is %+v", image)
		}
		p.resolver.fail("one", graft.CodeUnavailable, "away")
		p.resolver.fail(pinned, graft.CodeUnavailable, "away")
		now = again()
		wants(t, now, graft.AddonApproved, map[string]graft.CheckStatus{graft.CheckImages: graft.CheckPending})
		if now.Verification.NextAttempt == nil {
			t.Error("it is not tried again")
		}
		time.Sleep(25 * time.Hour) // of the bubble
		if now = p.settled(addon.ID); now.Status != graft.AddonApproved || now.Verification.NextAttempt != nil {
			t.Errorf("after giving up: %s %+v", now.Status, now.Verification)
		}
		p.resolver.fail("one", graft.CodeNotFound, "gone")
		p.resolver.fail(pinned, graft.CodeNotFound, "gone")
		wants(t, again(), graft.AddonVerificationFailed, map[string]graft.CheckStatus{graft.CheckImages: graft.CheckFailed})
		p.resolver.set("one", nil) // another image under the same tag, which nobody approved
		p.resolver.is("one", "sha256:newer")
		now = again()
		wants(t, now, graft.AddonVerificationFailed, nil)
		if image := now.Verification.Images[0]; image.Digest != digest {
			t.Errorf("image is %+v", image)
		}
		p.resolver.set(pinned, nil) // the one that was approved is back
		wants(t, again(), graft.AddonApproved, map[string]graft.CheckStatus{graft.CheckDigests: graft.CheckWarning})
	})
}

func TestPlatforms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says   []string
		images [][]string
		status graft.AddonStatus
		check  graft.CheckStatus
	}{
		"covered":          {[]string{"amd64", "linux/arm64"}, [][]string{{"linux/amd64", "linux/arm64/v8"}}, graft.AddonApproved, graft.CheckPassed},
		"not covered":      {[]string{"amd64", "arm64"}, [][]string{{"linux/amd64", "linux/arm64"}, {"linux/amd64"}}, graft.AddonVerificationFailed, graft.CheckFailed},
		"says nothing":     {nil, [][]string{{"linux/amd64"}}, graft.AddonApproved, graft.CheckPassed},
		"none in common":   {nil, [][]string{{"linux/amd64"}, {"linux/arm64"}}, graft.AddonApproved, graft.CheckWarning},
		"one in common":    {nil, [][]string{{"linux/amd64", "linux/arm64"}, {"linux/arm64"}}, graft.AddonApproved, graft.CheckPassed},
		"of any platform":  {[]string{"amd64"}, [][]string{nil}, graft.AddonApproved, graft.CheckPassed},
		"of other systems": {[]string{"windows/amd64"}, [][]string{{"linux/amd64"}}, graft.AddonVerificationFailed, graft.CheckFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t, market.Options{})
				images := []string{}
				for i, platforms := range c.images {
					image := []string{"one", "two"}[i]
					images = append(images, image)
					p.resolver.runsOn(image, platforms)
				}
				addon := p.publishWith(admin(), "a", func(d *graft.Descriptor) { d.Platforms = c.says }, images...)
				wants(t, p.waitFor(addon.ID, c.status), c.status, map[string]graft.CheckStatus{graft.CheckPlatforms: c.check})
			})
		})
	}
}

func TestSimilarNameWaitsForAReviewer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		p.waitFor(p.publishWith(publisher("ann"), "scheduler", nil, "one").ID, graft.AddonApproved)
		time.Sleep(time.Second) // of the bubble: who came first is told by the time
		p.waitFor(p.publishWith(publisher("ann"), "schedulers", nil, "one").ID, graft.AddonApproved)
		other := p.publishWith(publisher("bob"), "schedu1er", nil, "one")
		addon := p.settled(other.ID)
		wants(t, addon, graft.AddonUnderReview, map[string]graft.CheckStatus{graft.CheckName: graft.CheckReview})
		if !addon.Verification.WaitsForReview {
			t.Errorf("verification is %+v", addon.Verification)
		}
		if _, err := p.Approve(t.Context(), reviewer(), addon.ID, graft.ReviewRequest{Reason: "bob is known"}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Verify(t.Context(), publisher("bob"), addon.ID); err != nil {
			t.Fatal(err)
		}
		wants(t, p.settled(addon.ID), graft.AddonApproved, nil)
	})
}

func TestOnlyTheOwnerChangesWhatIsHis(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		id := p.publishWith(publisher("ann"), "a", nil, "one").ID
		p.waitFor(id, graft.AddonApproved)
		for what, do := range map[string]func(by graft.Principal) error{
			"delete":      func(by graft.Principal) error { return p.Delete(t.Context(), by, id) },
			"yank":        func(by graft.Principal) error { _, err := p.Yank(t.Context(), by, id, "x"); return err },
			"unyank":      func(by graft.Principal) error { _, err := p.Unyank(t.Context(), by, id); return err },
			"deprecate":   func(by graft.Principal) error { _, err := p.Deprecate(t.Context(), by, id, "x"); return err },
			"undeprecate": func(by graft.Principal) error { _, err := p.Undeprecate(t.Context(), by, id); return err },
			"verify":      func(by graft.Principal) error { _, err := p.Verify(t.Context(), by, id); return err },
		} {
			if err := do(publisher("bob")); graft.ErrorCode(err) != graft.CodeForbidden {
				t.Errorf("%s by another publisher: %v", what, err)
			}
		}
		if addon, err := p.Yank(t.Context(), publisher("ann"), id, "broken"); err != nil || addon.Yanked.Message != "broken" || addon.Yanked.By != "ann" {
			t.Errorf("yanked: %+v %v", addon, err)
		}
		if _, err := p.Choose(t.Context(), "a", ""); graft.ErrorCode(err) != graft.CodeNotFound {
			t.Errorf("a yanked one is the latest: %v", err)
		}
		if addon, err := p.Choose(t.Context(), "a", "0.0.1"); err != nil || addon.ID != id {
			t.Errorf("a yanked one can't be had by its version: %v", err)
		}
		if addon, err := p.Unyank(t.Context(), admin(), id); err != nil || addon.Yanked != nil {
			t.Errorf("unyanked: %+v %v", addon, err)
		}
		if addon, err := p.Deprecate(t.Context(), publisher("ann"), id, "use b"); err != nil || addon.Deprecated.Message != "use b" {
			t.Errorf("deprecated: %+v %v", addon, err)
		}
		if addon, err := p.Choose(t.Context(), "a", "latest"); err != nil || addon.ID != id {
			t.Errorf("a deprecated one is not the latest: %v", err)
		}
		if err := p.Delete(t.Context(), publisher("ann"), id); err != nil {
			t.Error(err)
		}
	})
}

// What an addon may do to a host is told, and no reason to refuse it.
func TestRightsAreReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, market.Options{})
		dangerous := p.publishWith(admin(), "a", func(d *graft.Descriptor) { d.Services[0].Privileged = true }, "one")
		if dangerous.Risk != graft.RiskCritical || len(dangerous.Rights) != 1 {
			t.Errorf("published with rights %+v, risk %s", dangerous.Rights, dangerous.Risk)
		}
		addon := p.waitFor(dangerous.ID, graft.AddonApproved)
		wants(t, addon, graft.AddonApproved, map[string]graft.CheckStatus{graft.CheckRights: graft.CheckWarning})
		if c := check(t, addon, graft.CheckRights); !slices.Equal(c.Messages, []string{addon.Rights[0].Text}) || c.Mend == "" {
			t.Errorf("check is %+v", c)
		}
		harmless := p.waitFor(p.publish("b", "one").ID, graft.AddonApproved)
		wants(t, harmless, graft.AddonApproved, map[string]graft.CheckStatus{graft.CheckRights: graft.CheckPassed})
		if harmless.Rights == nil || harmless.Risk != graft.RiskNone {
			t.Errorf("rights %+v, risk %q", harmless.Rights, harmless.Risk)
		}
	})
}
