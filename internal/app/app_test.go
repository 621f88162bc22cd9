package app_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/app"
	"github.com/graftplatform/graft/internal/driver/fake"
	"github.com/graftplatform/graft/internal/registrytest"
)

// options are those of a process on free ports with a runtime of its own.
func options(t *testing.T) app.Options {
	t.Helper()
	runtime := fake.New(nil)
	runtime.AddImage(fake.AnyImage, fake.Behaviour{Output: "hello\n"})
	return app.Options{
		DataDir:           filepath.Join(t.TempDir(), "data"),
		MarketplaceListen: "127.0.0.1:0",
		EngineListen:      "127.0.0.1:0",
		DashboardListen:   "127.0.0.1:0",
		Driver:            runtime,
	}
}

// start runs an app until the test ends.
func start(t *testing.T, o app.Options) *app.App {
	t.Helper()
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return a
}

// registryWith starts a registry that has one image of that name and returns
// its host.
func registryWith(t *testing.T, image string) string {
	t.Helper()
	host := registrytest.New(t)
	registrytest.Push(t, host+"/"+image, registrytest.Image(t, "linux/amd64"))
	return host
}

func get(t *testing.T, url string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// Publish, verify, install, see it run, disable, uninstall; with an image of
// the built-in registry.
func TestAllInOne(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.RegistryListen = "127.0.0.1:0"
	a := start(t, o)
	c, inst := install(t, a)
	if code, page := get(t, a.URLs()[app.RoleDashboard]+"/"); code != 200 || !strings.Contains(page, "hello") {
		t.Errorf("dashboard: %d %s", code, page)
	}
	inst, err := c.Disable(t.Context(), inst.ID)
	if err != nil {
		t.Fatal(err)
	}
	inst = await(t, c, inst, graft.StatusDisabled)
	if removed, err := c.Delete(t.Context(), inst.ID); err != nil || !removed {
		t.Errorf("removed %t, %v", removed, err)
	}
}

// install publishes an addon with an image of the app's registry and installs
// it.
func install(t *testing.T, a *app.App) (*client.Client, *graft.Installation) {
	t.Helper()
	urls := a.URLs()
	c, err := client.New(client.Options{Marketplace: urls[app.RoleMarketplace], Engine: urls[app.RoleEngine], Token: a.Token()})
	if err != nil {
		t.Fatal(err)
	}
	return c, installWith(t, a, c)
}

// installWith is install by a client.
func installWith(t *testing.T, a *app.App, c *client.Client) *graft.Installation {
	t.Helper()
	image := strings.TrimPrefix(a.URLs()["registry"], "http://") + "/hello:1"
	registrytest.Push(t, image, registrytest.Image(t, "linux/amd64"))
	addon, err := c.Publish(t.Context(), []byte(`{"name":"hello","services":[{"service_name":"web","image":"`+image+`"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for addon.Status == graft.AddonUnderReview {
		if addon, err = c.WaitAddon(t.Context(), addon.ID, addon.Revision); err != nil {
			t.Fatal(err)
		}
	}
	if addon.Status != graft.AddonApproved {
		t.Fatalf("addon is %s: %+v", addon.Status, addon.Verification)
	}
	inst, err := c.Install(t.Context(), addon.ID)
	if err != nil {
		t.Fatal(err)
	}
	return await(t, c, inst, graft.StatusActive)
}

func await(t *testing.T, c *client.Client, inst *graft.Installation, status graft.InstallationStatus) *graft.Installation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for inst.Status != status {
		if inst.Status == graft.StatusFailed {
			t.Fatalf("installation failed: %+v", inst.Details)
		}
		next, err := c.WaitInstallation(ctx, inst.ID, inst.Revision)
		if err != nil {
			t.Fatalf("waiting for %s, is %s: %v", status, inst.Status, err)
		}
		inst = next
	}
	return inst
}

func TestRolesApart(t *testing.T) {
	t.Parallel()
	mo := options(t)
	mo.Roles = []string{app.RoleMarketplace}
	m := start(t, mo)
	eo := options(t)
	eo.Roles, eo.Plane, eo.Marketplace = []string{app.RoleEngine, app.RoleDashboard}, graft.PlaneCluster, m.URLs()[app.RoleMarketplace]
	e := start(t, eo)
	if _, ok := m.URLs()[app.RoleEngine]; ok || len(e.URLs()) != 2 {
		t.Errorf("URLs are %v and %v", m.URLs(), e.URLs())
	}
	if code, body := get(t, e.URLs()[app.RoleEngine]+"/api/v1/version"); code != 200 || !strings.Contains(body, `"plane":"cluster"`) {
		t.Errorf("version: %d %s", code, body)
	}
	if code, body := get(t, e.URLs()[app.RoleDashboard]+"/"); code != 200 || !strings.Contains(body, "No addon") {
		t.Errorf("dashboard: %d %s", code, body)
	}
	c, err := client.New(client.Options{Engine: e.URLs()[app.RoleEngine], Token: e.Token()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Install(t.Context(), "000000000000000000000000")
	if graft.ErrorCode(err) != graft.CodeNotFound {
		t.Errorf("Install of what the marketplace does not have: %v", err)
	}
}

func TestDockerAway(t *testing.T) {
	t.Parallel()
	runtime := fake.New(nil)
	runtime.SetAway(true)
	o := options(t)
	o.Driver = runtime
	ready := start(t, o).URLs()[app.RoleEngine] + "/readyz"
	if code, body := get(t, ready); code != 503 || !strings.Contains(body, `"message":"`) {
		t.Errorf("away: %d %s", code, body)
	}
	runtime.SetAway(false)
	if code, body := get(t, ready); code != 200 {
		t.Errorf("back: %d %s", code, body)
	}
}

func TestRealDockerAway(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Driver, o.DockerHost = nil, "unix://"+filepath.Join(t.TempDir(), "nothing.sock")
	if code, body := get(t, start(t, o).URLs()[app.RoleEngine]+"/readyz"); code != 503 || !strings.Contains(body, "nothing.sock") {
		t.Errorf("%d %s", code, body)
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	o := options(t)
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	token, path := a.Token(), filepath.Join(o.DataDir, app.TokenFile)
	data, err := os.ReadFile(path)
	if err != nil || strings.TrimSpace(string(data)) != token || len(token) != 64 {
		t.Errorf("token %q, file %q, %v", token, data, err)
	}
	for name, want := range map[string]fs.FileMode{path: 0o600, o.DataDir: 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}

	// The next start finds it again, and mends its rights.
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	again := start(t, o)
	if info, err := os.Stat(path); err != nil || again.Token() != token || info.Mode().Perm() != 0o600 {
		t.Errorf("token %q then %q, mode %v, %v", token, again.Token(), info.Mode(), err)
	}
	addons := again.URLs()[app.RoleEngine] + "/api/v1/addons"
	if code, _ := get(t, addons); code != 401 {
		t.Errorf("without the token: %d", code)
	}
	if code, _ := get(t, addons, "Authorization", "Bearer "+token); code != 200 {
		t.Errorf("with the token: %d", code)
	}
}

func TestNewFails(t *testing.T) {
	t.Parallel()
	var config net.ListenConfig
	taken, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*app.Options)
		want   string
	}{
		"port taken":     {func(o *app.Options) { o.EngineListen = taken.Addr().String() }, taken.Addr().String() + ": address already in use: another graft? Choose with --engine-listen"},
		"no address":     {func(o *app.Options) { o.DashboardListen = "" }, "--dashboard-listen"},
		"bad address":    {func(o *app.Options) { o.MarketplaceListen = "nonsense" }, "HOST:PORT with --marketplace-listen"},
		"bad role":       {func(o *app.Options) { o.Roles = []string{"king"} }, `no role "king"`},
		"bad plane":      {func(o *app.Options) { o.Plane = "astral" }, `no plane "astral"`},
		"bad auth":       {func(o *app.Options) { o.Auth = "smile" }, "--auth"},
		"no data":        {func(o *app.Options) { o.DataDir = "" }, "--data-dir"},
		"data is a file": {func(o *app.Options) { o.DataDir = file }, file},
		"no marketplace": {func(o *app.Options) { o.Roles = []string{app.RoleEngine} }, "--marketplace"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			c.change(&o)
			a, err := app.New(t.Context(), o)
			if err == nil {
				t.Fatal(a.Close(), "New succeeded")
			}
			if !strings.Contains(err.Error(), c.want) || graft.ErrorCode(err) == graft.CodeInternal {
				t.Errorf("%v (%s), want %q", err, graft.ErrorCode(err), c.want)
			}
		})
	}
}

// What New opened before it failed is closed again.
func TestNewFailsCleanly(t *testing.T) {
	t.Parallel()
	o := options(t)
	if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(o.DataDir, app.TokenFile)
	if err := os.WriteFile(path, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := app.New(t.Context(), o); err == nil || !strings.Contains(err.Error(), "too short") {
		t.Fatalf("New with a bad token: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	start(t, o) // the data directory is free again
}

// A process with a client that follows logs ends the stream: for the client that
// is no error, which it would be if the process waited for it and then cut it off.
func TestShutdownEndsStreams(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.RegistryListen = "127.0.0.1:0"
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	c, inst := install(t, a)

	reader, writer := io.Pipe()
	followed := make(chan error, 1)
	go func() {
		err := c.Logs(t.Context(), inst.ID, client.LogOptions{Follow: true}, writer)
		followed <- errors.Join(err, writer.Close())
	}()
	lines := bufio.NewScanner(reader)
	if !lines.Scan() || lines.Text() != "web | hello" {
		t.Fatalf("first line %q, %v", lines.Text(), lines.Err())
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := <-followed; err != nil {
		t.Errorf("following the logs: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("Close after Run: %v", err)
	}
}
