package cli

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/graftplatform/graft"
)

// handleAccess answers for tokens, and with an audit log that never changes.
func (f *fakeAPI) handleAccess(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/tokens", func(w http.ResponseWriter, _ *http.Request) { send(w, 200, f.tokens) })
	mux.HandleFunc("POST /api/v1/tokens", f.createToken)
	mux.HandleFunc("DELETE /api/v1/tokens/{id}", f.revokeToken)
	mux.HandleFunc("GET /api/v1/audit", func(w http.ResponseWriter, r *http.Request) {
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		send(w, 200, []graft.AuditEntry{
			{ID: 7, Time: at, Principal: "ann", Role: graft.RoleViewer, Action: "DELETE /x", Target: "/x?" + r.URL.RawQuery, From: "::1", Status: 403, ErrorCode: graft.CodeForbidden},
			{ID: 8, Time: at, Action: "POST /x", Target: "/x", From: "::1", Status: 401, ErrorCode: graft.CodeUnauthorized, Count: 12},
		})
	})
}

func (f *fakeAPI) createToken(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Name      string     `json:"name"`
		Role      graft.Role `json:"role"`
		ExpiresIn string     `json:"expires_in"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		fail(w, 400, graft.CodeMalformed, err.Error())
		return
	}
	token := graft.Token{ID: f.id(), Name: body.Name, Role: body.Role, CreatedAt: time.Now()}
	if lasts, err := time.ParseDuration(body.ExpiresIn); err == nil {
		expires := token.CreatedAt.Add(lasts)
		token.ExpiresAt = &expires
	}
	f.tokens = append(f.tokens, token)
	send(w, 201, graft.IssuedToken{Token: token, Secret: "graft_5ec1e7"})
}

func (f *fakeAPI) revokeToken(w http.ResponseWriter, r *http.Request) {
	for i := range f.tokens {
		if f.tokens[i].ID == r.PathValue("id") {
			now := time.Now()
			f.tokens[i].RevokedAt = &now
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	fail(w, 404, graft.CodeNotFound, "there is no such token")
}
