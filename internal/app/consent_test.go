package app_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/app"
)

// Anyone who reached the old manager could mount the Docker socket. A client of
// that time, which knows of no consent, is refused now, and is told why.
func TestOldClientsGetNoSocket(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Roles, o.Auth = []string{app.RoleMarketplace, app.RoleEngine}, app.AuthNone
	p := &player{t: t, urls: start(t, o).URLs(), images: registryWith(t, "base-bb:1"), ids: map[string]string{}}
	_, body := p.send(app.RoleMarketplace, http.MethodPost, "/api/v1/marketplace/addons",
		`{"name":"suite","services":[{"service_name":"s","image":"127.0.0.1:5056/base-bb:1","volumes":["/var/run/docker.sock:/var/run/docker.sock"]}]}`)
	p.learn("suite", body)
	p.awaitVerified()

	response, body := p.send(app.RoleEngine, http.MethodPost, "/api/v1/addons", `{"marketplace_id":"`+p.ids["suite"]+`"}`)
	var refused struct {
		Code      int           `json:"code"`
		Status    string        `json:"status"`
		Message   string        `json:"message"`
		ErrorCode graft.Code    `json:"error_code"`
		Rights    []graft.Right `json:"rights"`
	}
	if err := json.Unmarshal(body, &refused); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if response.StatusCode != http.StatusForbidden || refused.Code != http.StatusForbidden || refused.Status != "Forbidden" || refused.ErrorCode != graft.CodeConsent ||
		!strings.Contains(refused.Message, "docker_socket:/var/run/docker.sock") || len(refused.Rights) != 1 {
		t.Fatalf("%d %s", response.StatusCode, body)
	}

	c, err := client.New(client.Options{Engine: p.urls[app.RoleEngine]})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := c.Installations(t.Context(), ""); err != nil || len(all) > 0 {
		t.Errorf("installed: %v, %v", all, err)
	}
	inst, err := c.InstallWith(t.Context(), graft.InstallRequest{MarketplaceID: p.ids["suite"], Consent: graft.GrantsFor(refused.Rights)})
	if err != nil {
		t.Fatal(err)
	}
	inst = await(t, c, inst, graft.StatusActive)
	if given := inst.Consent; given == nil || given.By != "anonymous" || !slices.Equal(given.Grants, []string{"docker_socket:/var/run/docker.sock"}) {
		t.Errorf("consent is %+v", given)
	}
}
