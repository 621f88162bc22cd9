package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/app"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
	"github.com/graftplatform/graft/internal/pgtest"
)

const (
	oldAddon        = "6b0342fd771242bc7f1c506d" // approved, and installed
	oldInstallation = "6b0343026fb885735d3b6b04" // was active
	failedAddon     = "6b0342fe771242bc7f1c507a" // verification failed
)

// oldFiles are what mongoexport wrote, with images of a registry that is here.
func oldFiles(t *testing.T, host string) (files []string) {
	t.Helper()
	for _, name := range []string{"marketplace.json", "addons.json"} {
		data, err := os.ReadFile(filepath.Join("..", "mongo", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, bytes.ReplaceAll(data, []byte("registry.example"), []byte(host)), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// oldContainer is what the old system left running.
func oldContainer() driver.Container {
	return driver.Container{
		Name: "root_s", State: driver.StateRunning,
		Labels: map[string]string{driver.AddonIDLabel: oldInstallation, driver.ServiceNameLabel: "s"},
	}
}

// What the old system had is taken over: approved addons are verified again, and
// nothing is started, stopped or removed until somebody asks for it.
func TestMovingIn(t *testing.T) {
	t.Parallel()
	host := registryWith(t, "base-bb:1")
	o := options(t)
	runtime, ok := o.Driver.(*fake.Driver)
	if !ok {
		t.Fatal("options have another driver")
	}
	// The old system's container runs on, with its labels.
	runtime.AddContainer(oldContainer())
	o.Auth = app.AuthNone
	database := app.Database{DataDir: o.DataDir}
	done, err := database.ImportOld(t.Context(), oldFiles(t, host)...)
	if err != nil {
		t.Fatal(err)
	}
	if done.Addons[graft.AddonApproved] != 3 || len(done.Installations) != 2 {
		t.Errorf("imported %+v", done)
	}
	runtime.ResetCalls()

	a := start(t, o)
	c, err := client.New(client.Options{Marketplace: a.URLs()[app.RoleMarketplace], Engine: a.URLs()[app.RoleEngine]})
	if err != nil {
		t.Fatal(err)
	}
	addon, err := c.Addon(t.Context(), oldAddon)
	for err == nil && (addon.Verification == nil || addon.Verification.Images[0].Digest == "") {
		if addon.Status != graft.AddonApproved {
			t.Fatalf("meanwhile it is %s", addon.Status)
		}
		addon, err = c.WaitAddon(t.Context(), oldAddon, addon.Revision)
	}
	if err != nil || addon.Status != graft.AddonApproved || addon.Version != "0.0.1" {
		t.Errorf("addon is %+v, %v", addon, err)
	}
	if addon, err := c.Addon(t.Context(), failedAddon); err != nil || addon.Status != graft.AddonVerificationFailed || addon.Verification != nil {
		t.Errorf("what had failed is %+v, %v", addon, err)
	}
	inst, err := c.Installation(t.Context(), oldInstallation)
	if err != nil || inst.Status != graft.StatusDisabled || inst.MarketplaceID != oldAddon {
		t.Errorf("installation is %+v, %v", inst, err)
	}
	if plan, err := c.Plan(t.Context(), oldInstallation); err != nil || len(plan.Operations) != 0 {
		t.Errorf("plan is %+v, %v", plan, err)
	}
	for _, call := range runtime.Calls() {
		if verb, _, _ := strings.Cut(call, " "); verb != "observe" && verb != "info" && verb != "watch" {
			t.Errorf("the engine did this: %s", call)
		}
	}
}

// An installation that was taken over is enabled: the old container is in the way
// as any other's is, and when somebody removes it, the addon starts.
func TestMovedInstallationIsEnabled(t *testing.T) {
	t.Parallel()
	o := options(t)
	runtime, ok := o.Driver.(*fake.Driver)
	if !ok {
		t.Fatal("options have another driver")
	}
	before := runtime.AddContainer(oldContainer())
	o.Auth = app.AuthNone
	if _, err := (app.Database{DataDir: o.DataDir}).ImportOld(t.Context(), oldFiles(t, registryWith(t, "base-bb:1"))...); err != nil {
		t.Fatal(err)
	}
	a := start(t, o)
	c, err := client.New(client.Options{Marketplace: a.URLs()[app.RoleMarketplace], Engine: a.URLs()[app.RoleEngine]})
	if err != nil {
		t.Fatal(err)
	}
	inst, err := c.Enable(t.Context(), oldInstallation)
	if err != nil {
		t.Fatal(err)
	}
	for inst.Status != graft.StatusFailed {
		if inst, err = c.WaitInstallation(t.Context(), inst.ID, inst.Revision); err != nil {
			t.Fatal(err)
		}
	}
	if d := inst.Details; d.Outcome != graft.OutcomeRefused || !strings.Contains(d.Reason, "root_s") {
		t.Errorf("beside the old container: %+v", d)
	}
	if err := runtime.Stop(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	if err := runtime.Remove(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	for inst.Status != graft.StatusActive {
		if inst, err = c.WaitInstallation(t.Context(), inst.ID, inst.Revision); err != nil {
			t.Fatal(err)
		}
	}
	if inst, err = c.Disable(t.Context(), oldInstallation); err != nil {
		t.Fatal(err)
	}
	await(t, c, inst, graft.StatusDisabled)
	if removed, err := c.Delete(t.Context(), oldInstallation); err != nil || !removed {
		t.Errorf("removed %t, %v", removed, err)
	}
}

// One broken document, and there is nothing at all.
func TestMovingInAllOrNothing(t *testing.T) {
	t.Parallel()
	files := oldFiles(t, "registry.example")
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Replace(data, []byte(`"service_name":"root_scheduler"`), []byte(`"service_name":7`), 1)
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err = app.Database{DataDir: dir}.ImportOld(t.Context(), files...)
	if graft.ErrorCode(err) != graft.CodeInvalid || !strings.Contains(graft.ErrorMessage(err), "marketplace.json, line 4: services.0.service_name") {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "graft.db")); err == nil {
		t.Error("a database was made")
	}
}

// A second engine on one PostgreSQL is refused; a marketplace is not.
func TestOneEngineForEachDatabase(t *testing.T) {
	t.Parallel()
	database := pgtest.Start(t).Database(t)
	first, second, third := options(t), options(t), options(t)
	first.Database, second.Database, third.Database = database, database, database
	first.RegistryListen = "127.0.0.1:0"
	a := start(t, first)
	if _, err := app.New(t.Context(), second); graft.ErrorCode(err) != graft.CodeConflict || !strings.Contains(graft.ErrorMessage(err), "Another engine") {
		t.Errorf("the second engine: %v", err)
	}
	third.Roles = []string{app.RoleMarketplace}
	b := start(t, third)
	for _, of := range []*app.App{a, b} {
		if code, body := get(t, of.URLs()[app.RoleMarketplace]+"/readyz"); code != 200 {
			t.Errorf("%d %s", code, body)
		}
	}
	install(t, a)
}
