package graft

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Token is what the server knows of a token; of the secret itself it keeps a
// hash only.
type Token struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"` // of the principal who has it
	Role       Role       `json:"role"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`   // absent: never
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`   // absent: it was not
	LastUsedAt *time.Time `json:"last_used_at,omitempty"` // within a minute; absent: never
}

// IssuedToken is a token that was just made.
type IssuedToken struct {
	Token
	// Secret is what its holder sends. It is shown this once.
	Secret string `json:"token"`
}

// TokenRequest is what somebody wants a token to be.
type TokenRequest struct {
	Name string
	Role Role
	// Lasts is how long it is good for; 0: until it is revoked.
	Lasts time.Duration
}

// Names of principals who have no token with a name of their own. Principals
// that others vouch for have a prefix with a colon in it, which no token's name
// has.
const (
	PrincipalAdmin     = "admin"     // who has the token of the data directory
	PrincipalAnonymous = "anonymous" // everybody, where nobody is asked
)

// MaxTokenLife is how long a token that expires may last.
const MaxTokenLife = 10 * 365 * 24 * time.Hour

// Check returns what is wrong with a request; fields are those of the API.
func (r TokenRequest) Check() error {
	var problems Problems
	bad := func(field, message string) {
		problems = append(problems, Problem{Path: []string{field}, Message: message})
	}
	pattern := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$`)
	switch {
	case !pattern.MatchString(r.Name):
		bad("name", "Use 1 to 63 letters, digits, dots, underscores, dashes or @, and begin with a letter or digit.")
	case strings.EqualFold(r.Name, PrincipalAdmin), strings.EqualFold(r.Name, PrincipalAnonymous):
		bad("name", "This name is taken by Graft itself: choose another.")
	}
	if !slices.Contains(Roles(), r.Role) {
		bad("role", "Must be one of: "+strings.Join(roleNames(), ", ")+".")
	}
	if r.Lasts < 0 || r.Lasts > MaxTokenLife {
		bad("expires_in", "Must be more than 0s and at most "+MaxTokenLife.String()+" (ten years).")
	}
	return problems.Err()
}

func roleNames() []string {
	var names []string
	for _, role := range Roles() {
		names = append(names, string(role))
	}
	return names
}
