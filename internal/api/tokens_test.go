package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
)

func TestTokensAreManaged(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	h := newHolders(t)
	for name, server := range both(market, engine, Options{Auth: h.auth, Tokens: h.auth}) {
		admin := []string{"Authorization", "Bearer " + secret}
		w := ask(t, server, "POST", "/api/v1/tokens", `{"name":"`+name+`","role":"operator","expires_in":"720h"}`, admin...)
		var issued graft.IssuedToken
		if err := json.Unmarshal(w.Body.Bytes(), &issued); err != nil || w.Code != 201 {
			t.Fatalf("%s: %d %s", name, w.Code, w.Body)
		}
		if issued.Name != name || issued.Role != graft.RoleOperator || issued.ExpiresAt.Sub(issued.CreatedAt) != 720*time.Hour ||
			w.Header().Get("Location") != "/api/v1/tokens/"+issued.ID {
			t.Errorf("%s: %+v, at %s", name, issued, w.Header().Get("Location"))
		}
		if w := ask(t, server, "GET", "/api/v1/tokens", "", "Authorization", "Bearer "+issued.Secret); w.Code != 403 {
			t.Errorf("%s: an operator sees tokens: %d", name, w.Code)
		}
		w = ask(t, server, "GET", "/api/v1/tokens", "", admin...)
		if w.Code != 200 || !strings.Contains(w.Body.String(), issued.ID) || strings.Contains(w.Body.String(), issued.Secret) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w := ask(t, server, "DELETE", "/api/v1/tokens/"+strings.ToUpper(issued.ID), "", admin...); w.Code != 204 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w := ask(t, server, "GET", "/api/v1/tokens", "", "Authorization", "Bearer "+issued.Secret); w.Code != 401 {
			t.Errorf("%s: a revoked token: %d", name, w.Code)
		}
		for _, id := range []string{someID, "x"} {
			if w := ask(t, server, "DELETE", "/api/v1/tokens/"+id, "", admin...); w.Code != 404 || strings.Contains(w.Body.String(), "Addon") {
				t.Errorf("%s: token %s: %d %s", name, id, w.Code, w.Body)
			}
		}
	}
}

func TestTokenRequestsAreChecked(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	h := newHolders(t)
	server := both(market, engine, Options{Tokens: h.auth})["engine"]
	for body, field := range map[string]string{
		`{}`:                                                 "name",
		`{"name":"a"}`:                                       "role",
		`{"name":"a","role":"king"}`:                         "role",
		`{"name":"admin","role":"viewer"}`:                   "name",
		`{"name":1,"role":"viewer"}`:                         "name",
		`{"name":"a","role":"viewer","x":1}`:                 "x",
		`{"name":"a","role":"viewer","expires_in":"0s"}`:     "expires_in",
		`{"name":"a","role":"viewer","expires_in":"-1h"}`:    "expires_in",
		`{"name":"a","role":"viewer","expires_in":"soon"}`:   "expires_in",
		`{"name":"a","role":"viewer","expires_in":"99999h"}`: "expires_in",
	} {
		w := ask(t, server, "POST", "/api/v1/tokens", body)
		if errorOf(t, w); w.Code != 422 || !strings.Contains(w.Body.String(), `"`+field+`":["`) {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	if w := ask(t, server, "POST", "/api/v1/tokens", `{"name":"the-viewer","role":"viewer"}`); w.Code != 409 {
		t.Errorf("a name that is taken: %d %s", w.Code, w.Body)
	}
}
