package api

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/graftplatform/graft"
)

// Every route that changes something leaves one entry, whatever becomes of it;
// those that only ask leave none.
func TestEveryChangeIsWrittenDown(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	h := newHolders(t)
	audit := &fakeAudit{market: market}
	for _, server := range both(market, engine, Options{Auth: h.auth, Audit: audit}) {
		for _, r := range requestsFor(server) {
			for _, credentials := range []string{"", "Bearer " + h.secrets[graft.RoleViewer], "Bearer " + secret} {
				audit.entries = nil
				w := ask(t, server, r.method, r.path, r.body, "Authorization", credentials)
				changes := r.method != http.MethodGet && !strings.HasSuffix(r.pattern, "?dry_run=true")
				if changes != (len(audit.entries) == 1) {
					t.Errorf("%s %s by %q: %d entries", r.method, r.pattern, credentials, len(audit.entries))
				} else if changes && (audit.entries[0].Status != w.Code || audit.entries[0].Action != r.method+" "+r.pattern) {
					t.Errorf("%s %s answers %d, and is written down as %+v", r.method, r.pattern, w.Code, audit.entries[0])
				}
			}
		}
	}
}

func TestAuditEntries(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	h := newHolders(t)
	audit := &fakeAudit{market: market}
	servers := both(market, engine, Options{Auth: h.auth, Audit: audit})
	const addons, eitherWay = "/api/v1/addons", "disable, or remove what is disabled"
	operator := graft.AuditEntry{Principal: "the-operator", Role: graft.RoleOperator, From: "192.0.2.1"}
	for name, c := range map[string]struct {
		server, method, path, body string
		by                         graft.Role
		prepare                    func()
		want                       graft.AuditEntry
	}{
		"made": {
			server: "engine", method: "POST", path: addons, body: `{"marketplace_id":"` + someID + `"}`, by: graft.RoleOperator,
			want: graft.AuditEntry{Action: "POST " + addons, Detail: "install " + someID, Target: addons + "/" + someID, Status: 201},
		},
		"made with consent": {
			server: "engine", method: "POST", path: addons, body: `{"marketplace_id":"` + someID + `","consent":["docker_socket","host_port:80"]}`, by: graft.RoleOperator,
			want: graft.AuditEntry{Action: "POST " + addons, Detail: "install " + someID + ", consent to docker_socket host_port:80", Target: addons + "/" + someID, Status: 201},
		},
		"disabled": {
			server: "engine", method: "PATCH", path: addons + "/" + someID, body: `{"status":"disabling"}`, by: graft.RoleOperator,
			want: graft.AuditEntry{Action: "PATCH " + addons + "/{id}", Detail: "disable", Target: addons + "/" + someID, Status: 200},
		},
		"enabled": {
			server: "engine", method: "PATCH", path: addons + "/" + someID, body: `{"status":"installing"}`, by: graft.RoleOperator,
			want: graft.AuditEntry{Action: "PATCH " + addons + "/{id}", Detail: "enable", Target: addons + "/" + someID, Status: 200},
		},
		"uninstalled": {
			server: "engine", method: "DELETE", path: addons + "/" + someID + "?uninstall=true&keep_data=true", by: graft.RoleOperator,
			want: graft.AuditEntry{Action: "DELETE " + addons + "/{id}", Detail: "uninstall, keep data", Target: addons + "/" + someID, Status: 200},
		},
		"refused": {
			server: "engine", method: "DELETE", path: addons + "/" + someID + "?password=x", by: graft.RoleOperator,
			prepare: func() { engine.err = graft.Errorf(graft.CodeRefused, "no") },
			want:    graft.AuditEntry{Action: "DELETE " + addons + "/{id}", Detail: eitherWay, Target: addons + "/" + someID, Status: 409, ErrorCode: graft.CodeRefused},
		},
		"invalid": {
			server: "engine", method: "PATCH", path: addons + "/" + someID + "/", body: `{"status":"secret"}`, by: graft.RoleOperator,
			want: graft.AuditEntry{Action: "PATCH " + addons + "/{id}", Target: addons + "/" + someID + "/", Status: 422, ErrorCode: graft.CodeInvalid},
		},
		"failed": {
			server: "engine", method: "DELETE", path: addons + "/" + someID, by: graft.RoleOperator,
			prepare: func() { engine.err = errors.New("inner") },
			want:    graft.AuditEntry{Action: "DELETE " + addons + "/{id}", Detail: eitherWay, Target: addons + "/" + someID, Status: 500, ErrorCode: graft.CodeInternal},
		},
		"forbidden": {
			server: "marketplace", method: "DELETE", path: "/api/v1/marketplace/addons/" + someID, by: graft.RoleOperator,
			want: graft.AuditEntry{
				Action: "DELETE /api/v1/marketplace/addons/{id}", Target: "/api/v1/marketplace/addons/" + someID, Status: 403, ErrorCode: graft.CodeForbidden,
			},
		},
	} {
		audit.entries = nil
		engine.err = nil
		if c.prepare != nil {
			c.prepare()
		}
		w := ask(t, servers[c.server], c.method, c.path, c.body, "Authorization", "Bearer "+h.secrets[c.by], "X-Forwarded-For", "10.0.0.1")
		want := c.want
		want.Principal, want.Role, want.From = operator.Principal, operator.Role, operator.From
		if diff := cmp.Diff([]graft.AuditEntry{want}, audit.entries, cmpopts.IgnoreFields(graft.AuditEntry{}, "Time")); diff != "" || w.Code != want.Status {
			t.Errorf("%s: %d %s (-want +got):\n%s", name, w.Code, w.Body, diff)
		}
	}
}

func TestPanicsAreWrittenDown(t *testing.T) {
	t.Parallel()
	audit := &fakeAudit{}
	// A nil market panics in every handler that uses it.
	w := ask(t, NewMarketplace(nil, Options{Audit: audit}), "DELETE", "/api/v1/marketplace/addons/"+someID, "")
	if w.Code != 500 || len(audit.entries) != 1 || audit.entries[0].Status != 500 || audit.entries[0].Principal != graft.PrincipalAnonymous {
		t.Errorf("%d, written down as %+v", w.Code, audit.entries)
	}
}

func TestAuditPages(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	audit := &fakeAudit{market: market}
	server := both(market, engine, Options{Audit: audit})["marketplace"]
	for query, want := range map[string][2]int64{
		"": {-1, 100}, "?limit=7": {-1, 7}, "?limit=0": {-1, 100}, "?after=0": {0, 100}, "?after=5&limit=1000": {5, 1000},
	} {
		if w := ask(t, server, "GET", "/api/v1/audit"+query, ""); w.Code != 200 || w.Body.String() != "[]\n" || audit.asked != want {
			t.Errorf("%s: %d %s, asked for %v, want %v", query, w.Code, w.Body, audit.asked, want)
		}
	}
	for _, query := range []string{"?limit=1001", "?after=-1", "?after=x"} {
		if w := ask(t, server, "GET", "/api/v1/audit"+query, ""); w.Code != 422 {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
}

// The parameter that makes a request need less can't be used to get more.
func TestDryRunOnlyAsks(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	h := newHolders(t)
	server := both(market, engine, Options{Auth: h.auth})["engine"]
	body := `{"marketplace_id":"` + someID + `"}`
	for query, want := range map[string]int{
		"?dry_run=true": 200, "?dry_run=1": 200, "?dry_run=T&x=y": 200, "?dry_run=true&dry_run=false": 200,
		"": 403, "?dry_run": 403, "?dry_run=": 403, "?dry_run=false": 403, "?dry_run=maybe": 403, "?dry_run=false&dry_run=true": 403,
		"?DRY_RUN=true": 403, "?x=;dry_run=true": 403,
	} {
		engine.asked = graft.InstallRequest{}
		w := ask(t, server, "POST", "/api/v1/addons"+query, body, "Authorization", "Bearer "+h.secrets[graft.RoleViewer])
		if w.Code != want || (want == 403) != (engine.asked.MarketplaceID == "") {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	w := ask(t, server, "POST", "/api/v1/addons?dry_run=maybe", body, "Authorization", "Bearer "+h.secrets[graft.RoleOperator])
	if w.Code != 422 {
		t.Errorf("nonsense: %d %s", w.Code, w.Body)
	}
	if w := ask(t, server, "PUT", "/api/v1/addons", ""); w.Header().Get("Allow") != "GET, HEAD, POST, OPTIONS" {
		t.Errorf("Allow is %q", w.Header().Get("Allow"))
	}
}
