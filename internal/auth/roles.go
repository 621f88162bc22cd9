package auth

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"github.com/graftplatform/graft"
)

// maxSubject is how long the name of a user may be, in bytes.
const maxSubject = 200

// strongest returns the role that counts of those that a user has by other
// names; one without any may look.
func strongest(theirs []string, ours func(name string) graft.Role) graft.Role {
	best := graft.RoleViewer
	for _, name := range theirs {
		if role := ours(name); slices.Index(graft.Roles(), role) > slices.Index(graft.Roles(), best) {
			best = role
		}
	}
	return best
}

// roleNames reads a claim that is a name, a list of names, or a list of objects
// that have a name.
func roleNames(claim any) []string {
	switch claim := claim.(type) {
	case string:
		return []string{claim}
	case map[string]any:
		return roleNames(claim["name"])
	case []any:
		var names []string
		for _, item := range claim {
			if _, list := item.([]any); !list {
				names = append(names, roleNames(item)...)
			}
		}
		return names
	}
	return nil
}

// principal is the user of that subject; the prefix, which has a colon, keeps
// him apart from those who have tokens of ours.
func principal(prefix, subject string, role graft.Role) (graft.Principal, error) {
	if subject == "" || len(subject) > maxSubject || strings.ContainsFunc(subject, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return graft.Principal{}, graft.Errorf(graft.CodeUnauthorized,
			"This token does not say in a usable way whose it is: \"sub\" must have 1 to %d printable characters.", maxSubject)
	}
	return graft.Principal{Name: prefix + subject, Role: role}, nil
}

// issuerOf reads who a JWT says has made it, before anything about it was
// checked: good for choosing who checks it, and for nothing else.
func issuerOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Issuer
}
