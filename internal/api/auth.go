package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/graftplatform/graft"
)

// authorize returns why whoever sent a request may not have what that needs.
func (s *service) authorize(r *http.Request, needs graft.Permission) error {
	if needs == "" {
		return nil
	}
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	if !caller.Role.Allows(needs) {
		return graft.Errorf(graft.CodeForbidden, "This needs the permission %q, and %s has the role %q.", needs, caller.Name, caller.Role)
	}
	return nil
}

// caller returns who sent a request. Hashes of tokens are compared, not tokens,
// so that the time tells neither the token's length nor its beginning.
func (s *service) caller(r *http.Request) (graft.Principal, error) {
	if s.Token == "" {
		return graft.Principal{Name: "anonymous", Role: graft.RoleAdmin}, nil
	}
	scheme, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return graft.Principal{}, graft.Errorf(graft.CodeUnauthorized,
			"This needs a token: send it as 'Authorization: Bearer <token>'. 'graft up' keeps it in the file 'token' of its data directory.")
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(credentials)))
	if subtle.ConstantTimeCompare(sum[:], s.token[:]) != 1 {
		return graft.Principal{}, graft.Errorf(graft.CodeUnauthorized,
			"The token is not the one of this %s; the right one is in the file 'token' of its data directory.", s.role)
	}
	return graft.Principal{Name: "admin", Role: graft.RoleAdmin}, nil
}
