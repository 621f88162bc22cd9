package graft

import "time"

// AuditEntry is one request that changed something, or was to. It has nothing
// secret, and of the request's body only what Detail has.
type AuditEntry struct {
	ID   int64     `json:"id"` // greater than those of all entries before
	Time time.Time `json:"time"`
	// Principal is who asked; empty: somebody who did not say, or not rightly.
	Principal string `json:"principal,omitempty"`
	Role      Role   `json:"role,omitempty"`
	// Action is the method and the route, such as "DELETE /api/v1/addons/{id}".
	Action string `json:"action"`
	// Detail is what was asked for where the action alone does not say it, such as
	// "uninstall, keep data".
	Detail string `json:"detail,omitempty"`
	// Target is the path of what it was about; of what was made, its own path.
	Target string `json:"target"`
	// From is the address that the request came from, without the port. Behind
	// a proxy that is the proxy's.
	From   string `json:"from"`
	Status int    `json:"status"` // of HTTP
	// ErrorCode says why it was refused or failed; empty: it was done.
	ErrorCode Code `json:"error_code,omitempty"`
	// Count is of how many refused requests this entry tells, when they were
	// too many to have one each: the entry is then like the last of them.
	Count int64 `json:"count,omitempty"`
}
