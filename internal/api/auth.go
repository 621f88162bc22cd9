package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/graftplatform/graft"
)

// Authenticator knows who has which credentials.
type Authenticator interface {
	// Authenticate returns who has them; CodeUnauthorized if nobody has.
	Authenticate(ctx context.Context, credentials string) (graft.Principal, error)
}

// authorize returns who sent a request, as far as that is known, and why he may
// not have what it needs.
func (s *service) authorize(r *http.Request, needs graft.Permission) (graft.Principal, error) {
	if needs == "" {
		return graft.Principal{}, nil
	}
	caller, err := s.caller(r)
	if err == nil && !caller.Role.Allows(needs) {
		err = graft.Errorf(graft.CodeForbidden, "This needs the permission %q, and %s has the role %q.", needs, caller.Name, caller.Role)
	}
	return caller, err
}

// caller returns who sent a request.
func (s *service) caller(r *http.Request) (graft.Principal, error) {
	if s.Auth == nil {
		return graft.Principal{Name: graft.PrincipalAnonymous, Role: graft.RoleAdmin}, nil
	}
	credentials := bearer(r)
	if credentials == "" {
		return graft.Principal{}, graft.Errorf(graft.CodeUnauthorized,
			"This needs a token: send it as 'Authorization: Bearer <token>'. 'graft up' keeps one in the file 'token' of its data directory, 'graft token create' makes more.")
	}
	return s.Auth.Authenticate(r.Context(), credentials)
}

// whoAmI answers who asks, and what he may do.
func (s *service) whoAmI(w http.ResponseWriter, r *http.Request) error {
	caller, err := s.caller(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, caller)
}

// bearer returns the token of a request, empty if it has none.
func bearer(r *http.Request) string {
	scheme, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(credentials)
}

// Holder tells the name of who has the token of a request, "" if nobody has or
// that can't be told just now.
func Holder(auth Authenticator) func(*http.Request) string {
	return func(r *http.Request) string {
		credentials := bearer(r)
		if credentials == "" {
			return ""
		}
		caller, err := auth.Authenticate(r.Context(), credentials)
		if err != nil {
			return ""
		}
		return caller.Name
	}
}
