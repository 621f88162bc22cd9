package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/app"
)

// upOptions returns the options that "up" would run with.
func upOptions(t *testing.T, env []string, args ...string) (app.Options, int, string) {
	t.Helper()
	var got app.Options
	var stderr bytes.Buffer
	p := newProgram(strings.NewReader(""), &bytes.Buffer{}, &stderr, env)
	p.serve = func(_ context.Context, o app.Options) error {
		got = o
		return nil
	}
	code := p.run(t.Context(), append([]string{"up"}, args...))
	return got, code, stderr.String()
}

func TestUpDefaults(t *testing.T) {
	t.Parallel()
	o, code, stderr := upOptions(t, []string{"HOME=/home/x"})
	if code != exitDone {
		t.Fatal(stderr)
	}
	if !slices.Equal(o.Roles, []string{"marketplace", "engine", "dashboard"}) || o.Plane != graft.PlaneRoot ||
		o.MarketplaceListen != "127.0.0.1:11102" || o.EngineListen != "127.0.0.1:11101" || o.DashboardListen != "127.0.0.1:11103" ||
		o.RegistryListen != "" || o.Marketplace != "" || o.Auth != app.AuthToken || o.Network != "oakestra" ||
		o.IDLabel != "oak.addon.id" || o.ServiceLabel != "oak.service.name" || o.Resync != 30*time.Second {
		t.Errorf("got %+v", o)
	}
	o, _, _ = upOptions(t, nil, "--plane", "cluster", "--roles", "engine,dashboard")
	if o.EngineListen != "127.0.0.1:11201" || o.DashboardListen != "127.0.0.1:11203" || o.Marketplace != "http://127.0.0.1:11102" {
		t.Errorf("cluster: got %+v", o)
	}
}

func TestUpOldEnvironment(t *testing.T) {
	t.Parallel()
	env := []string{
		"ADDON_MARKETPLACE_PORT=1", "ADDONS_MANAGER_PORT=2", "MARKETPLACE_ADDR=http://market:3", "ORCHESTRATION_PLANE=cluster",
		"DEFAULT_PROJECT_NAME=p", "ADDONS_ID_LABEL=i", "ADDONS_SERVICE_NAME_LABEL=s", "GRAFT_DASHBOARD_LISTEN=",
	}
	o, code, stderr := upOptions(t, env)
	if code != exitDone {
		t.Fatal(stderr)
	}
	if o.MarketplaceListen != "127.0.0.1:1" || o.EngineListen != "127.0.0.1:2" || o.Marketplace != "http://market:3" ||
		o.Plane != graft.PlaneCluster || o.Project != "p" || o.IDLabel != "i" || o.ServiceLabel != "s" || o.DashboardListen != "127.0.0.1:11203" {
		t.Errorf("got %+v", o)
	}
	o, _, _ = upOptions(t, append([]string{"GRAFT_ENGINE_LISTEN=:4", "GRAFT_PLANE=root"}, env...), "--project", "q")
	if o.EngineListen != ":4" || o.Plane != graft.PlaneRoot || o.Project != "q" {
		t.Errorf("new names and flags do not win: %+v", o)
	}
}

// Traces are sent where OpenTelemetry's own variables say.
func TestUpTraces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  string
		want string
	}{
		{"", ""},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/", "http://c:4318/v1/traces"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://d/x", "http://d/x"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_SDK_DISABLED=true", ""},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_TRACES_EXPORTER=none", ""},
	} {
		o, code, stderr := upOptions(t, strings.Fields(c.env))
		if code != exitDone || o.Traces != c.want {
			t.Errorf("%s: traces go to %q, want %q; %d %s", c.env, o.Traces, c.want, code, stderr)
		}
	}
}

func TestUpFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "graft.yaml")
	settings := "roles: [engine]\nresync: 5s\ncors-origin:\n  - http://a\n  - http://b\ndata-dir: /file\nproject: file\n"
	if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"GRAFT_CONFIG=" + path, "GRAFT_PROJECT=env", "GRAFT_CORS_ORIGIN=http://c, http://d"}
	o, code, stderr := upOptions(t, env, "--data-dir", "/flag")
	if code != exitDone {
		t.Fatal(stderr)
	}
	if !slices.Equal(o.Roles, []string{"engine"}) || o.Resync != 5*time.Second || o.Project != "env" || o.DataDir != "/flag" ||
		!slices.Equal(o.CORSOrigins, []string{"http://c", "http://d"}) {
		t.Errorf("got %+v", o)
	}
}

// Who starts it is told how to get in.
func TestUpTellsHowToSignIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		at, dir, want string
	}{
		{"http://127.0.0.1:11103", "", "graft dashboard"},
		{"http://127.0.0.1:11203", "", "graft dashboard --dashboard http://127.0.0.1:11203"},
		{"http://127.0.0.1:11103", "/srv/graft", "graft dashboard --data-dir /srv/graft"},
	} {
		p := newProgram(nil, nil, nil, []string{"HOME=/home/x"})
		p.flags.dataDir = cmp.Or(c.dir, p.defaultDataDir())
		if got := p.dashboardCall(c.at); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// TestUpServes starts a marketplace, finds it by what it prints, and uses it.
func TestUpServes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, in := io.Pipe()
	var log bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		p := newProgram(strings.NewReader(""), in, &log, nil)
		ended <- p.run(ctx, []string{"up", "--roles", "marketplace", "--marketplace-listen", "127.0.0.1:0", "--data-dir", dir})
		in.Close()
	}()

	printed := map[string]string{}
	for scanner := bufio.NewScanner(out); printed["token"] == "" && scanner.Scan(); {
		name, value, _ := strings.Cut(scanner.Text(), " ")
		printed[name] = strings.TrimSpace(value)
	}
	var found bytes.Buffer
	p := newProgram(strings.NewReader(""), &found, &found, nil)
	if code := p.run(t.Context(), []string{"search", "--marketplace", printed["marketplace"], "--data-dir", dir}); code != exitDone {
		t.Errorf("search ends with %d: %s", code, found.String())
	}
	stop()
	go io.Copy(io.Discard, out)
	if code := <-ended; code != exitDone {
		t.Errorf("up ends with %d: %s", code, log.String())
	}
	if printed["data"] != dir || printed["token"] != filepath.Join(dir, "token") {
		t.Errorf("printed %v", printed)
	}
}
