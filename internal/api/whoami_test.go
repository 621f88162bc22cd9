package api

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
)

// Both servers say who asks, whoever that is.
func TestWhoAmI(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	h := newHolders(t)
	for name, server := range both(market, engine, Options{Auth: h.auth}) {
		for role, token := range h.secrets {
			got := whoAmI(t, name, server, "Authorization", "Bearer "+token)
			if want := (graft.Principal{Name: "the-" + string(role), Role: role}); got != want {
				t.Errorf("%s: a %s is told to be %+v", name, role, got)
			}
		}
	}
	for name, server := range both(market, engine, Options{}) {
		if got := whoAmI(t, name, server); got != (graft.Principal{Name: "anonymous", Role: graft.RoleAdmin}) {
			t.Errorf("%s: where nobody is asked one is told to be %+v", name, got)
		}
	}
}

func whoAmI(t *testing.T, name string, server http.Handler, headers ...string) graft.Principal {
	t.Helper()
	w := ask(t, server, "GET", "/api/v1/whoami", "", headers...)
	var got graft.Principal
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%s: %d %s", name, w.Code, w.Body)
	}
	return got
}

func TestStats(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	h := NewEngine(engine, Options{})
	if w := ask(t, h, "GET", "/api/v1/stats", ""); w.Code != 200 || w.Body.String() != "[]\n" {
		t.Errorf("where nothing runs: %d %q", w.Code, w.Body)
	}
	engine.usage = []graft.ServiceUsage{
		{InstallationID: someID, Service: "web", ContainerID: "c", CPUs: 1.5, Memory: 7, MemoryLimit: 8, Time: time.Unix(0, 0).UTC()},
		{InstallationID: someID, Service: "db"},
	}
	w := ask(t, h, "GET", "/api/v1/stats", "")
	want := `[{"installation_id":"` + someID + `","service_name":"web","container_id":"c","cpus":1.5,"memory_bytes":7,"memory_limit_bytes":8,` +
		`"time":"1970-01-01T00:00:00Z"},{"installation_id":"` + someID + `","service_name":"db","container_id":"","cpus":0,"memory_bytes":0,` +
		`"time":"0001-01-01T00:00:00Z"}]` + "\n"
	if diff := cmp.Diff(want, w.Body.String()); diff != "" || w.Code != 200 {
		t.Errorf("%d (-want +got):\n%s", w.Code, diff)
	}
}
