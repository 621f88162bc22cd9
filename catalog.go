package graft

import "context"

// Catalog is where an engine finds addons: the marketplace itself when both run
// in one process, an HTTP client when they run apart.
type Catalog interface {
	// Addon returns the addon with that id, whatever its status. Errors:
	// CodeNotFound; CodeUnavailable or CodeUpstream when the marketplace
	// can't be asked.
	Addon(ctx context.Context, id string) (*Addon, error)
}
