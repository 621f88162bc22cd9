package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/web"
)

// Who may use a page or a form.
var (
	everybody  = append([]graft.Role{""}, graft.Roles()...)
	readers    = graft.Roles()
	publishers = []graft.Role{graft.RolePublisher, graft.RoleAdmin}
	reviewers  = []graft.Role{graft.RoleReviewer, graft.RoleAdmin}
	operators  = []graft.Role{graft.RoleOperator, graft.RoleAdmin}
	admins     = []graft.Role{graft.RoleAdmin}
)

// access is who may use a route, and what he is answered there: nothing that has an
// id is there, and no form has anything in it.
type access struct {
	roles  []graft.Role
	status int
	others int // what others are answered; 0: that they may not
}

var accesses = map[string]access{
	"GET /{$}":                         {everybody, 200, 0},
	"GET /addons/{id}":                 {everybody, 404, 0},
	"GET /addons/{id}/descriptor.json": {everybody, 404, 0},
	"GET /addons/{id}/install":         {readers, 404, 0},
	"POST /addons/{id}/install":        {operators, 404, 0},
	"GET /installed":                   {readers, 200, 0},
	"GET /installed/live":              {readers, 200, 0},
	"GET /installed/{id}":              {readers, 404, 0},
	"GET /installed/{id}/live":         {readers, 200, 0}, // it tells that the addon is gone
	"GET /installed/{id}/logs":         {readers, 404, 0},
	"GET /installed/{id}/logs/stream":  {readers, 404, 0},
	"GET /installed/{id}/logs/file":    {readers, 404, 0},
	"POST /installed/{id}/enable":      {operators, 404, 0},
	"POST /installed/{id}/disable":     {operators, 404, 0},
	"GET /installed/{id}/uninstall":    {operators, 404, 0},
	"POST /installed/{id}/uninstall":   {operators, 404, 0},
	"GET /components":                  {readers, 200, 0},
	"GET /components/live":             {readers, 200, 0},
	"GET /review":                      {reviewers, 200, 0},
	"POST /review/{id}/approve":        {reviewers, 422, 0},
	"POST /review/{id}/reject":         {reviewers, 422, 0},
	"GET /audit":                       {admins, 200, 0},
	"GET /tokens":                      {admins, 200, 0},
	"POST /tokens":                     {admins, 422, 0},
	"POST /tokens/{id}/revoke":         {admins, 404, 0},
	"GET /settings":                    {readers, 200, 0},
	"POST /settings":                   {operators, 422, 0},
	"GET /about":                       {everybody, 200, 0},
	"GET /publish":                     {publishers, 200, 0},
	"POST /publish":                    {everybody, 200, 0}, // it keeps what was typed
	"POST /publish/check":              {publishers, 200, 204},
	"POST /publish/file":               {publishers, 422, 0},
	"GET /publish/file":                {everybody, 303, 0},
	"GET /publish/{id}/progress":       {everybody, 404, 0},
	"GET /publish/{id}/progress/live":  {everybody, 404, 0},
	"GET /sign-in":                     {everybody, 200, 0},
	"POST /sign-in":                    {everybody, 422, 0},
	"GET /sign-in/link":                {everybody, 401, 0},
	"POST /sign-out":                   {everybody, 303, 0},
	"/":                                {everybody, 404, 0},
}

// Every route lets in those whom it is for, and nobody else. One that is new has to
// be added above.
func TestEveryRouteKnowsWhoMay(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	secrets := map[graft.Role]string{}
	for _, role := range graft.Roles() {
		issued, err := s.client.CreateToken(t.Context(), client.Engine, graft.TokenRequest{Name: "the-" + string(role), Role: role})
		if err != nil {
			t.Fatal(err)
		}
		secrets[role] = issued.Secret
	}
	for _, pattern := range web.Routes() {
		access, known := accesses[pattern]
		if !known {
			t.Errorf("%s: who may is not written down", pattern)
			continue
		}
		method, path, found := strings.Cut(pattern, " ")
		if !found {
			method, path = http.MethodGet, "/no-such-page"
		}
		path = strings.ReplaceAll(strings.TrimSuffix(path, "{$}"), "{id}", "0123456789abcdef01234567")
		for _, role := range everybody {
			v := s.visitor()
			if role != "" {
				v = s.signedIn(secrets[role])
			}
			want := access.status
			if !slices.Contains(access.roles, role) {
				switch {
				case access.others != 0:
					want = access.others
				case role == "":
					want = http.StatusSeeOther
				default:
					want = http.StatusForbidden
				}
			}
			status, to := v.knock(method, path)
			if status != want {
				t.Errorf("%s %s by %q: %d, want %d", method, path, role, status, want)
			}
			if want == http.StatusSeeOther && access.status != want && !strings.HasPrefix(to, "/sign-in?to=") {
				t.Errorf("%s %s leads to %q", method, path, to)
			}
		}
	}
}

// knock returns how a request is answered, without the answer, and where it leads.
func (v *visitor) knock(method, path string) (int, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, strings.NewReader(url.Values{}.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Origin", v.url)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	once := *v.http
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := once.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	_ = response.Body.Close() // a stream has no end
	return response.StatusCode, response.Header.Get("Location")
}
