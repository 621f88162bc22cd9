package graft

// Pinned is a version of an addon as it is installed: what was verified, what it
// may do, and what was agreed to.
type Pinned struct {
	MarketplaceID string `json:"marketplace_id"`
	Descriptor
	// Images is what Installation has under that name, and so are the others.
	Images     map[string]string `json:"images"`
	ImageSizes map[string]int64  `json:"image_sizes,omitempty"`
	Rights     []Right           `json:"rights,omitzero"`
	Consent    *Consent          `json:"consent,omitempty"`
}

// Pinned returns the version that an installation is to run. It shares what is in
// it with the installation.
func (i *Installation) Pinned() *Pinned {
	return &Pinned{i.MarketplaceID, i.Descriptor, i.Images, i.ImageSizes, i.Rights, i.Consent}
}

// Pin makes a version the one that an installation is to run.
func (i *Installation) Pin(p *Pinned) {
	i.MarketplaceID, i.Descriptor, i.Images, i.ImageSizes = p.MarketplaceID, p.Descriptor, p.Images, p.ImageSizes
	i.Rights, i.Risk, i.Consent = p.Rights, Risk(p.Rights), p.Consent
}

// UpgradeStatus is how an installation came, or comes, from one version of its
// addon to another, be it a newer or an older one.
type UpgradeStatus struct {
	From string `json:"from"` // version
	To   string `json:"to"`
	// Outcome is empty until it is known. OutcomeRestored: the version From runs
	// again, as it did before; OutcomeNotRestored: it was to, and not all of it came
	// up, or nothing was there to come back.
	Outcome Outcome `json:"outcome,omitempty"`
	// Reason is why To did not come up, also while From is on its way back.
	Reason string `json:"reason,omitempty"`
	// Logs has the last lines of the services that failed, as Installation has them.
	Logs string `json:"logs,omitempty"`
}

// PlannedUpgrade is what changes with another version, in a plan.
type PlannedUpgrade struct {
	From string `json:"from"` // version
	To   string `json:"to"`
	// NewRights are those that the version has and the one that is installed has
	// not; LostRights the other way round.
	NewRights  []Right `json:"new_rights"`
	LostRights []Right `json:"lost_rights"`
}
