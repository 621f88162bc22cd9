package graft

import "time"

// Name is what an addon is called, and whose it is.
type Name struct {
	Name string `json:"name"`
	// Publisher is the principal who published it first, and who alone publishes
	// more of it; empty: an administrator has to say whose it is.
	Publisher string    `json:"publisher"`
	CreatedAt time.Time `json:"created_at"`
	// Latest is the version that is chosen by who names none; empty: none is
	// approved.
	Latest   string `json:"latest,omitempty"`
	Versions int    `json:"versions"` // how many there are, whatever their status
}

// Version is one version of an addon, in short.
type Version struct {
	ID         string      `json:"_id"`
	Version    string      `json:"version"`
	Status     AddonStatus `json:"status"`
	Latest     bool        `json:"latest,omitempty"`
	Yanked     *Notice     `json:"yanked,omitempty"`
	Deprecated *Notice     `json:"deprecated,omitempty"`
	CreatedAt  time.Time   `json:"created_at"`
}
