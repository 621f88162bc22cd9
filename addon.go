package graft

import "time"

// AddonStatus is where an addon stands in the marketplace.
type AddonStatus string

const (
	AddonUnderReview        AddonStatus = "under_review"
	AddonApproved           AddonStatus = "approved"
	AddonVerificationFailed AddonStatus = "verification_failed"
)

// Addon is a published descriptor. The descriptor never changes.
type Addon struct {
	ID string `json:"_id"` // 24 hex digits
	Descriptor
	Status       AddonStatus   `json:"status"`
	Verification *Verification `json:"verification,omitempty"`
	Warnings     Problems      `json:"warnings,omitempty"`
	CreatedAt    time.Time     `json:"created_at"`
	// Revision grows with every change; clients wait for the next one with it.
	Revision int64 `json:"revision"`
}

// Verification is what asking the registries for an addon's images gave.
type Verification struct {
	Images    []ImageReport `json:"images"` // one per service, in their order
	Attempts  int           `json:"attempts"`
	CheckedAt time.Time     `json:"checked_at"`
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
	Sizes  map[string]int64 `json:"sizes,omitempty"`
	Reason string           `json:"reason,omitempty"` // why it did not resolve
	// Temporary is true while the reason may go away by itself.
	Temporary bool `json:"temporary,omitempty"`
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
