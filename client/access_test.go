package client_test

import (
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

func TestAccessRequests(t *testing.T) {
	t.Parallel()
	after := int64(0)
	token := `{"id":"` + addonID + `","name":"ann","role":"viewer","created_at":"2026-01-02T03:04:05Z","token":"graft_1"}`
	for name, test := range map[string]struct {
		call            func(context.Context, *client.Client) error
		answer, request string
	}{
		"CreateToken": {func(ctx context.Context, c *client.Client) error {
			issued, err := c.CreateToken(ctx, client.Engine, graft.TokenRequest{Name: "ann", Role: graft.RoleViewer, Lasts: 90 * time.Minute})
			if err == nil && (issued.Secret != "graft_1" || issued.ID != addonID || issued.Role != graft.RoleViewer) {
				t.Errorf("got %+v", issued)
			}
			return err
		}, token, `POST /api/v1/tokens {"name":"ann","role":"viewer","expires_in":"1h30m0s"}`},
		"CreateToken for ever": {func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateToken(ctx, client.Marketplace, graft.TokenRequest{Name: "ann", Role: graft.RoleAdmin})
			return err
		}, token, `POST /api/v1/tokens {"name":"ann","role":"admin"}`},
		"Tokens": {func(ctx context.Context, c *client.Client) error {
			tokens, err := c.Tokens(ctx, client.Marketplace)
			if err == nil && (len(tokens) != 1 || tokens[0].Name != "ann") {
				t.Errorf("got %+v", tokens)
			}
			return err
		}, `[` + token + `]`, `GET /api/v1/tokens `},
		"WhoAmI": {func(ctx context.Context, c *client.Client) error {
			who, err := c.WhoAmI(ctx, client.Marketplace)
			if err == nil && *who != (graft.Principal{Name: "ann", Role: graft.RoleViewer}) {
				t.Errorf("got %+v", who)
			}
			return err
		}, `{"name":"ann","role":"viewer"}`, `GET /api/v1/whoami `},
		"RevokeToken": {func(ctx context.Context, c *client.Client) error {
			return c.RevokeToken(ctx, client.Engine, addonID)
		}, `{}`, `DELETE /api/v1/tokens/` + addonID + ` `},
		"Audit": {func(ctx context.Context, c *client.Client) error {
			entries, err := c.Audit(ctx, client.Engine, client.AuditOptions{})
			if err == nil && (len(entries) != 1 || entries[0].Status != 403) {
				t.Errorf("got %+v", entries)
			}
			return err
		}, `[{"id":1,"status":403}]`, `GET /api/v1/audit `},
		"Audit page": {func(ctx context.Context, c *client.Client) error {
			_, err := c.Audit(ctx, client.Marketplace, client.AuditOptions{After: &after, Limit: 7})
			return err
		}, `[]`, `GET /api/v1/audit?after=0&limit=7 `},
	} {
		var request string
		c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			request = r.Method + " " + r.RequestURI + " " + string(body)
			_, _ = io.WriteString(w, test.answer)
		})
		if err := test.call(t.Context(), c); err != nil || request != test.request {
			t.Errorf("%s: %v; sent %s, want %s", name, err, request, test.request)
		}
	}
	c, _ := serve(t, answer(200, `{}`))
	if err := c.RevokeToken(t.Context(), client.Engine, "../addons"); graft.ErrorCode(err) != graft.CodeNotFound {
		t.Errorf("an id that is none: %v", err)
	}
	if _, err := c.WhoAmI(t.Context(), client.Engine); graft.ErrorCode(err) != graft.CodeUpstream {
		t.Errorf("nobody: %v", err)
	}
}

func TestCA(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(answer(200, `[]`))
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	tokens := func(o client.Options) error {
		o.Engine = server.URL
		c, err := client.New(o)
		if err == nil {
			_, err = c.Tokens(t.Context(), client.Engine)
		}
		return err
	}
	if err := tokens(client.Options{CA: ca}); err != nil {
		t.Errorf("with its certificate: %v", err)
	}
	if err := tokens(client.Options{CA: ca, HTTPClient: &http.Client{Transport: &http.Transport{}}}); err != nil {
		t.Errorf("with a transport of one's own: %v", err)
	}
	if err := tokens(client.Options{}); graft.ErrorCode(err) != graft.CodeUnavailable {
		t.Errorf("without: %v", err)
	}
	if err := tokens(client.Options{CA: []byte("x")}); graft.ErrorCode(err) != graft.CodeInvalid {
		t.Errorf("with nonsense: %v", err)
	}
	if err := tokens(client.Options{CA: ca, HTTPClient: &http.Client{Transport: http.NewFileTransport(http.Dir("/"))}}); graft.ErrorCode(err) != graft.CodeInvalid {
		t.Errorf("with another kind of transport: %v", err)
	}
}
