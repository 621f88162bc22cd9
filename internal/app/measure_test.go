package app_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft/internal/app"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.RegistryListen = "127.0.0.1:0"
	a := start(t, o)
	install(t, a)
	urls := a.URLs()
	get(t, urls[app.RoleDashboard]+"/")
	for _, role := range []string{app.RoleMarketplace, app.RoleEngine} {
		if code, _ := get(t, urls[role]+"/metrics"); code != 401 {
			t.Errorf("%s: without a token: %d", role, code)
		}
		body := metricsWith(t, a, urls[role], `graft_installations{status="active"} 1`)
		for _, line := range []string{
			`graft_runtime_up 1`,
			`graft_operations_total\{kind="install",outcome="done"\} 1`,
			`graft_operation_steps_total\{kind="create_container",outcome="done"\} 1`,
			`graft_reconcile_duration_seconds_count [1-9]`,
			`graft_addons\{status="approved"\} 1`,
			`graft_verification_duration_seconds_count\{outcome="approved"\} 1`,
			`graft_http_requests_total\{code="2xx",method="GET",role="dashboard",route="/\{\$\}"\} 1`,
			`graft_http_requests_total\{code="2xx",method="POST",role="engine",route="/api/v1/addons"\} 1`,
			`go_goroutines \d`,
			`process_open_fds \d`,
		} {
			if !regexp.MustCompile(`(?m)^` + line).MatchString(body) {
				t.Errorf("%s: no %s", role, line)
			}
		}
	}
}

// metricsWith reads the metrics until they have a line: the engine counts the
// installations when it looks at them the next time.
func metricsWith(t *testing.T, a *app.App, url, line string) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		code, body := get(t, url+"/metrics", "Authorization", "Bearer "+a.Token())
		if code == 200 && strings.Contains(body, "\n"+line+"\n") {
			return body
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %s: %d %s", line, code, body)
		}
	}
}

// With no token there is none to ask for.
func TestMetricsWithoutToken(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Auth = app.AuthNone
	if code, _ := get(t, start(t, o).URLs()[app.RoleEngine]+"/metrics"); code != 200 {
		t.Errorf("%d", code)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	urls := start(t, options(t)).URLs()
	for role, own := range map[string]string{app.RoleMarketplace: "catalog", app.RoleEngine: "docker"} {
		code, body := get(t, urls[role]+"/readyz")
		var answer struct {
			Checks map[string]string `json:"checks"`
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if checks := answer.Checks; code != 200 || len(checks) != 3 || checks[own] != "ok" || checks["database"] != "ok" || checks["disk"] != "ok" {
			t.Errorf("%s: %d %s", role, code, body)
		}
		if code, body := get(t, urls[role]+"/healthz"); code != 200 || !strings.Contains(body, "ok") {
			t.Errorf("%s: %d %s", role, code, body)
		}
	}
}
