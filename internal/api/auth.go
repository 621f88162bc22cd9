package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/graftplatform/graft"
)

// authorize checks the bearer token. Hashes are compared, not tokens, so that
// the time tells neither the token's length nor its beginning.
func (s *service) authorize(r *http.Request) error {
	if s.Token == "" {
		return nil
	}
	scheme, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return graft.Errorf(graft.CodeUnauthorized,
			"This needs a token: send it as 'Authorization: Bearer <token>'. 'graft up' keeps it in the file 'token' of its data directory.")
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(credentials)))
	if subtle.ConstantTimeCompare(sum[:], s.token[:]) != 1 {
		return graft.Errorf(graft.CodeUnauthorized,
			"The token is not the one of this %s; the right one is in the file 'token' of its data directory.", s.role)
	}
	return nil
}
