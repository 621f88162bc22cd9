package api

import (
	"context"
	"net/http"
	"time"

	"github.com/graftplatform/graft"
)

// Tokens are what callers show to be known.
type Tokens interface {
	CreateToken(ctx context.Context, request graft.TokenRequest) (*graft.IssuedToken, error)
	// Tokens returns all of them, revoked and expired ones included.
	Tokens(ctx context.Context) ([]graft.Token, error)
	RevokeToken(ctx context.Context, id string) error
}

const tokensPath = "/api/v1/tokens" //nolint:gosec // a path, no token

// createToken answers with the secret, which nobody can ask for again.
func (s *service) createToken(w http.ResponseWriter, r *http.Request) error {
	const name, role, expiresIn = "name", "role", "expires_in"
	f, err := readFields(w, r)
	if err != nil {
		return err
	}
	f.required(name)
	f.required(role)
	var request graft.TokenRequest
	request.Name, _ = f.string(name)
	given, _ := f.string(role)
	request.Role = graft.Role(given)
	if text, given := f.string(expiresIn); given {
		if request.Lasts, err = time.ParseDuration(text); err != nil || request.Lasts <= 0 {
			f.bad(expiresIn, "Not a valid duration: write it like 720h.")
		}
	}
	if err := f.err(name, role, expiresIn); err != nil {
		return err
	}
	asks(w, "token "+request.Name, "role "+given)
	issued, err := s.Tokens.CreateToken(r.Context(), request)
	if err != nil {
		return err
	}
	w.Header().Set("Location", tokensPath+"/"+issued.ID)
	return writeJSON(w, http.StatusCreated, issued)
}

func (s *service) listTokens(w http.ResponseWriter, r *http.Request) error {
	tokens, err := s.Tokens.Tokens(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, notNil(tokens))
}

func (s *service) revokeToken(w http.ResponseWriter, r *http.Request) error {
	id, ok := graft.ParseID(r.PathValue("id"))
	if !ok {
		return graft.Errorf(graft.CodeNotFound, "There is no such token: ids have 24 hex digits.")
	}
	if err := s.Tokens.RevokeToken(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
