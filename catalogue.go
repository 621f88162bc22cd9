package graft

// AddonQuery chooses addons of a catalogue, and a page of them. Zero fields
// choose all.
type AddonQuery struct {
	// Text are words that an addon must have, whole but for the last, which may
	// be the beginning of one: in its name, description, readme, publisher, or
	// the names of its services and components.
	Text      string
	Name      string // exactly
	Kind      Kind
	Replaces  string // well-known component
	Plane     Plane  // it can be installed there
	Platform  string // its images are made for it
	Publisher string
	// Status; empty: approved ones that were not yanked.
	Status AddonStatus
	// Latest is whether only the latest version of each name is wanted.
	Latest bool
	// Waiting is whether only those are wanted that wait for a reviewer.
	Waiting bool
	Sort    AddonSort
	// Limit is how many a page has at most, from 1 to MaxPage; Cursor, from the
	// page before, is where it begins.
	Limit  int
	Cursor string
}

// MaxPage is how many addons a page can have.
const MaxPage = 100

// AddonSort is the order of addons.
type AddonSort string

const (
	SortNewest AddonSort = ""       // what was published last comes first
	SortOldest AddonSort = "oldest" // what was published first comes first
	SortName   AddonSort = "name"
)

// AddonPage is a page of addons.
type AddonPage struct {
	Addons []Addon
	Next   string // cursor of the next page; empty: there is none
}
