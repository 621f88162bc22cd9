package api

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/auth"
	"github.com/graftplatform/graft/internal/store"
)

var update = flag.Bool("update", false, "write the table of docs/security.md anew")

const (
	securityPage = "../../docs/security.md"
	tableBegin   = "<!-- Who may do what: go test ./internal/api -run TestWhoMayDoWhat -update writes this table. -->\n"
	tableEnd     = "<!-- The end of the table. -->\n"
)

// holders are tokens of every role, and of those who have none any more.
type holders struct {
	auth             *auth.Auth
	secrets          map[graft.Role]string
	revoked, expired string
}

func newHolders(t *testing.T) holders {
	t.Helper()
	db, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	h := holders{auth: auth.New(auth.Options{Store: db, Admin: secret}), secrets: map[graft.Role]string{}}
	create := func(name string, role graft.Role, lasts time.Duration) *graft.IssuedToken {
		t.Helper()
		issued, err := h.auth.CreateToken(t.Context(), graft.TokenRequest{Name: name, Role: role, Lasts: lasts})
		if err != nil {
			t.Fatal(err)
		}
		return issued
	}
	for _, role := range graft.Roles() {
		h.secrets[role] = create("the-"+string(role), role, 0).Secret
	}
	revoked := create("revoked", graft.RoleAdmin, 0)
	if err := h.auth.RevokeToken(t.Context(), revoked.ID); err != nil {
		t.Fatal(err)
	}
	h.revoked, h.expired = revoked.Secret, create("expired", graft.RoleAdmin, time.Nanosecond).Secret
	return h
}

// row is a route, and who was let through to it.
type row struct {
	servers []string
	route   string
	needs   graft.Permission
	answers string // a cell for nobody and for each role
}

// Every route is asked by everybody; docs/security.md says what comes of it.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	h := newHolders(t)
	handlers := both(market, engine, Options{Auth: h.auth})
	var rows []row
	for _, server := range []string{"marketplace", "engine"} {
		for _, r := range requestsFor(handlers[server]) {
			found := askAll(t, handlers[server], r, h)
			found.servers = []string{server}
			if i := slices.IndexFunc(rows, func(other row) bool { return other.route == found.route }); i >= 0 {
				if rows[i].answers != found.answers {
					t.Errorf("%s differs between the two servers", found.route)
				}
				rows[i].servers = append(rows[i].servers, server)
				continue
			}
			rows = append(rows, found)
		}
	}
	compareTable(t, tableOf(rows))
}

// askAll sends a request as everybody there is.
func askAll(t *testing.T, handler http.Handler, r request, h holders) row {
	t.Helper()
	found := row{route: r.method + " " + r.pattern, needs: r.needs}
	let := func(who, secret string) bool {
		t.Helper()
		var header []string
		if secret != "" {
			header = []string{"Authorization", "Bearer " + secret}
		}
		switch code := ask(t, handler, r.method, r.path, r.body, header...).Code; {
		case code >= 200 && code <= 204:
			return true
		case code == http.StatusUnauthorized && !slices.Contains(graft.Roles(), graft.Role(who)):
		case code == http.StatusForbidden && slices.Contains(graft.Roles(), graft.Role(who)):
		default:
			t.Errorf("%s by %s: %d", found.route, who, code)
		}
		return false
	}
	cell := func(let bool) {
		found.answers += map[bool]string{true: " yes |", false: " – |"}[let]
	}
	public := let("nobody", "")
	cell(public)
	for _, role := range graft.Roles() {
		allowed := let(string(role), h.secrets[role])
		if cell(allowed); allowed != role.Allows(r.needs) {
			t.Errorf("%s by a %s: let through %t, needs %q", found.route, role, allowed, r.needs)
		}
	}
	for who, secret := range map[string]string{"revoked": h.revoked, "expired": h.expired, "unknown": "graft_" + strings.Repeat("0", 64), "nonsense": "x"} {
		if got := let(who, secret); got != public {
			t.Errorf("%s with a token that is %s: let through %t", found.route, who, got)
		}
	}
	return found
}

func tableOf(rows []row) string {
	var table strings.Builder
	table.WriteString(tableBegin + "\n| route | server | needs | nobody |")
	for _, role := range graft.Roles() {
		fmt.Fprintf(&table, " %s |", role)
	}
	table.WriteString("\n|---|---|---|" + strings.Repeat("---|", 1+len(graft.Roles())) + "\n")
	for _, r := range rows {
		server := r.servers[0]
		if len(r.servers) == 2 {
			server = "both"
		}
		needs := "nothing"
		if r.needs != "" {
			needs = "`" + string(r.needs) + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |%s\n", r.route, server, needs, r.answers)
	}
	table.WriteString("\n" + tableEnd)
	return table.String()
}

func compareTable(t *testing.T, want string) {
	t.Helper()
	data, err := os.ReadFile(securityPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	begin, end := strings.Index(page, tableBegin), strings.Index(page, tableEnd)
	if begin < 0 || end < begin {
		t.Fatalf("%s has no place for the table", securityPage)
	}
	end += len(tableEnd)
	if *update {
		if err := os.WriteFile(securityPage, []byte(page[:begin]+want+page[end:]), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(page[begin:end], want); diff != "" {
		t.Errorf("%s says something else than the servers do (-page +servers); if the servers are right, run this test with -update:\n%s", securityPage, diff)
	}
}
