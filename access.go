package graft

import "slices"

// Role is what somebody may do, as a whole.
type Role string

const (
	RoleViewer    Role = "viewer"    // sees everything
	RolePublisher Role = "publisher" // publishes addons under the names that are its own
	RoleReviewer  Role = "reviewer"  // approves and rejects addons
	RoleOperator  Role = "operator"  // installs addons and sets the policy
	RoleAdmin     Role = "admin"     // everything, and who may do what
)

// Permission is what a request needs. The empty one is had by everybody, also by
// those who have no token.
type Permission string

const (
	PermitRead       Permission = "read" // what is installed, components, logs, events
	PermitPublish    Permission = "publish"
	PermitReview     Permission = "review"
	PermitOperate    Permission = "operate"
	PermitAdminister Permission = "administer"
)

// Roles are all roles, the least first.
func Roles() []Role { return []Role{RoleViewer, RolePublisher, RoleReviewer, RoleOperator, RoleAdmin} }

// Allows is whether a role has a permission. This is the only place that says so.
func (r Role) Allows(p Permission) bool {
	var allowed []Permission
	switch r {
	case RoleViewer:
		allowed = []Permission{PermitRead}
	case RolePublisher:
		allowed = []Permission{PermitRead, PermitPublish}
	case RoleReviewer:
		allowed = []Permission{PermitRead, PermitReview}
	case RoleOperator:
		allowed = []Permission{PermitRead, PermitOperate}
	case RoleAdmin:
		allowed = []Permission{PermitRead, PermitPublish, PermitReview, PermitOperate, PermitAdminister}
	}
	return p == "" || slices.Contains(allowed, p)
}

// Principal is who calls.
type Principal struct {
	Name string `json:"name"` // of the token or the user; owns the names of addons that it published first
	Role Role   `json:"role"`
}
