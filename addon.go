package graft

import (
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
)

// AddonStatus is where an addon stands in the marketplace.
type AddonStatus string

const (
	AddonUnderReview        AddonStatus = "under_review"
	AddonApproved           AddonStatus = "approved"
	AddonVerificationFailed AddonStatus = "verification_failed"
)

// Addon is a published descriptor: one version of what has its name. The
// descriptor never changes, and a version is never given twice.
type Addon struct {
	ID string `json:"_id"` // 24 hex digits
	Descriptor
	Status       AddonStatus   `json:"status"`
	Publisher    string        `json:"publisher,omitempty"` // name of the principal who published it
	Kind         Kind          `json:"kind,omitempty"`
	Replaces     []string      `json:"replaces,omitempty"` // well-known components
	Rights       []Right       `json:"rights,omitzero"`    // what it may do to a host; nil: see Descriptor.Rights
	Risk         RiskLevel     `json:"risk,omitempty"`
	Verification *Verification `json:"verification,omitempty"`
	Review       *Review       `json:"review,omitempty"`
	// Yanked is why nobody should install this version any more: it is chosen
	// only by who names it, or its id.
	Yanked *Notice `json:"yanked,omitempty"`
	// Deprecated is what those should know who install it all the same.
	Deprecated *Notice   `json:"deprecated,omitempty"`
	Warnings   Problems  `json:"warnings,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	// Revision grows with every change; clients wait for the next one with it.
	Revision int64 `json:"revision"`
}

// Notice is what somebody has to say about a version.
type Notice struct {
	Message string    `json:"message"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
}

// Review is what a reviewer decided about an addon.
type Review struct {
	Approved bool      `json:"approved"`
	Reason   string    `json:"reason,omitempty"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
}

// ReviewRequest is what a reviewer decides about an addon, once he looked at it.
type ReviewRequest struct {
	Reason string `json:"reason,omitempty"`
	// Revision is that of the addon as he saw it: if it has another one by now, the
	// request is refused. 0: any will do.
	Revision int64 `json:"revision,omitempty"`
}

// CheckStatus is how one check of an addon went.
type CheckStatus string

const (
	CheckPassed  CheckStatus = "passed"
	CheckWarning CheckStatus = "warning" // it is odd, and no reason to refuse it
	CheckReview  CheckStatus = "review"  // a reviewer has to decide
	CheckFailed  CheckStatus = "failed"
	CheckPending CheckStatus = "pending" // it is tried again by itself
)

// Check is the report on one thing that the marketplace looks at.
type Check struct {
	Name   string      `json:"name"` // one of the Check constants
	Status CheckStatus `json:"status"`
	// Messages say what was found, Mend what to do about it.
	Messages []string `json:"messages,omitempty"`
	Mend     string   `json:"mend,omitempty"`
}

// What the marketplace looks at.
const (
	CheckDescriptor = "descriptor" // it is valid
	CheckImages     = "images"     // every image is in its registry
	CheckPlatforms  = "platforms"  // every image is made for what the addon says it runs on
	CheckDigests    = "digests"    // what was verified is what will be installed
	CheckRights     = "rights"     // what it may do to a host
	CheckName       = "name"       // it can't be taken for another publisher's
)

// Verification is what asking the registries for an addon's images gave.
type Verification struct {
	Checks    []Check       `json:"checks,omitempty"`
	Images    []ImageReport `json:"images"` // one per service, in their order
	Attempts  int           `json:"attempts"`
	CheckedAt time.Time     `json:"checked_at"`
	// WaitsForReview is whether a reviewer has to decide.
	WaitsForReview bool `json:"waits_for_review,omitempty"`
	// NextAttempt is when it is tried again; absent once the answer is final.
	NextAttempt *time.Time `json:"next_attempt,omitempty"`
}

// ImageReport is what one service's image resolved to, or why it did not.
type ImageReport struct {
	Service   string   `json:"service_name"`
	Image     string   `json:"image"`
	Digest    string   `json:"digest,omitempty"`    // of the index or, without one, of the manifest
	Platforms []string `json:"platforms,omitempty"` // os/arch[/variant]
	// Sizes is what a pull transfers at most: platform → compressed bytes of
	// the layers and the configuration. Platforms whose size is not known are
	// absent.
	Sizes map[string]int64 `json:"sizes,omitempty"`
	// Labels are those of the image, of its first platform, as far as they are
	// not too many.
	Labels map[string]string `json:"labels,omitempty"`
	// MovedTo is the digest that the reference stands for by now, if that is
	// another one. What is installed stays Digest.
	MovedTo string `json:"moved_to,omitempty"`
	Reason  string `json:"reason,omitempty"` // why it did not resolve
	// Temporary is true while the reason may go away by itself.
	Temporary bool `json:"temporary,omitempty"`
}

// PinImage returns an image as repository@digest. CodeInvalid when it is no
// reference.
func PinImage(image, digest string) (string, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", WrapError(CodeInvalid, err, "%s is no image reference", quote(image))
	}
	return reference.TrimNamed(named).Name() + "@" + digest, nil
}

// FullPlatform returns a platform as os/arch[/variant]; where no system is named
// it is Linux.
func FullPlatform(platform string) string {
	if strings.Contains(platform, "/") {
		return platform
	}
	return "linux/" + platform
}

// RunsOn is whether an image that is made for those platforms runs on a host of
// another one. A host that names no variant runs any; so does an image that
// names none. Of a host whose platform is not known nothing is said: true.
func RunsOn(platforms []string, host string) bool {
	return len(platforms) == 0 || host == "" || slices.ContainsFunc(platforms, func(p string) bool {
		return p == host || strings.HasPrefix(p, host+"/") || strings.HasPrefix(host, p+"/")
	})
}

// Image returns the report for a service, nil if there is none.
func (v *Verification) Image(service string) *ImageReport {
	if v == nil {
		return nil
	}
	for i := range v.Images {
		if v.Images[i].Service == service {
			return &v.Images[i]
		}
	}
	return nil
}
