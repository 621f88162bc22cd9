package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
	"github.com/graftplatform/graft/internal/engine"
	"github.com/graftplatform/graft/internal/store"
)

const digest = "sha256:0000000000000000000000000000000000000000000000000000000000000001"

// catalog is a marketplace with addons in memory.
type catalog map[string]*graft.Addon

func (c catalog) Addon(_ context.Context, id string) (*graft.Addon, error) {
	if addon, ok := c[id]; ok {
		return addon, nil
	}
	return nil, graft.Errorf(graft.CodeNotFound, "Addon not found")
}

// harness is an engine over a fake runtime, in a bubble with its own clock.
type harness struct {
	t       *testing.T
	store   *store.Store
	driver  *fake.Driver
	catalog catalog
	log     *slog.Logger // of engines that are started from now on; nil: none
	engine  *engine.Engine
	cancel  context.CancelFunc
	ended   chan struct{}
}

// run calls test with a running engine.
func run(t *testing.T, test func(h *harness)) {
	t.Helper()
	dir, remove := ramDir(t)
	defer remove()
	empty, err := emptyStore()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, store.FileName), empty, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		st, err := store.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		h := &harness{t: t, store: st, driver: fake.New(nil), catalog: catalog{}}
		h.driver.AddImage(fake.AnyImage, fake.Behaviour{Output: "started\n"})
		h.start()
		// Also after a Fatal: the bubble lasts as long as the engine runs.
		defer func() {
			h.stop()
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(h)
	})
}

// emptyStore returns the file of a store with nothing in it, which is made once: to
// bring the schema about takes a good part of a case.
var emptyStore = sync.OnceValues(func() (data []byte, err error) {
	dir, err := os.MkdirTemp("", "graft-engine-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	st, err := store.Open(context.Background(), dir)
	if err != nil {
		return nil, err
	}
	if err := st.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, store.FileName))
})

// ramDir returns a directory for a store that a test throws away, and what
// removes it: in memory where there is one, for thousands of cases would wait
// for the disk otherwise.
func ramDir(t *testing.T) (dir string, remove func()) {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "graft-engine-")
	if err != nil {
		return t.TempDir(), func() {}
	}
	return dir, func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}
}

func (h *harness) start() {
	h.t.Helper()
	e := h.another(h.catalog)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := e.Run(ctx); err != nil {
			h.t.Error(err)
		}
	}()
	h.engine, h.cancel, h.ended = e, cancel, ended
}

// another returns an engine of the same site, which does not run.
func (h *harness) another(catalog graft.Catalog) *engine.Engine {
	h.t.Helper()
	e, err := engine.New(engine.Options{
		Store: h.store, Driver: h.driver, Catalog: catalog, Plane: graft.PlaneCluster,
		Project: "cluster_orchestrator", Network: "oakestra",
		IDLabel: driver.AddonIDLabel, ServiceLabel: driver.ServiceNameLabel, Log: h.log,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

func (h *harness) stop() {
	h.cancel()
	<-h.ended
}

// install installs a descriptor whose images are all approved.
func (h *harness) install(descriptor string) *graft.Installation {
	h.t.Helper()
	inst, err := h.engine.Install(context.Background(), h.request(descriptor))
	if err != nil {
		h.t.Fatal(err)
	}
	return inst
}

// request publishes a descriptor and asks for it, with all the consent that it
// needs.
func (h *harness) request(descriptor string) graft.InstallRequest {
	h.t.Helper()
	id := h.publish(descriptor)
	return graft.InstallRequest{MarketplaceID: id, Consent: graft.GrantsFor(h.catalog[id].Descriptor.Rights())}
}

// publish puts an addon into the catalogue and returns its id there.
func (h *harness) publish(descriptor string) string {
	h.t.Helper()
	d, _, err := graft.ParseDescriptor([]byte(descriptor))
	if err != nil {
		h.t.Fatal(err)
	}
	addon := &graft.Addon{
		ID: graft.NewID(time.Now()), Descriptor: *d, Status: graft.AddonApproved,
		Verification: &graft.Verification{},
	}
	for _, s := range d.Services {
		addon.Verification.Images = append(addon.Verification.Images, graft.ImageReport{Service: s.Name, Image: s.Image, Digest: digest})
	}
	h.catalog[addon.ID] = addon
	return addon.ID
}

// await returns the installation once it has that status.
func (h *harness) await(id string, status graft.InstallationStatus) *graft.Installation {
	h.t.Helper()
	return h.awaitThat(id, string(status), func(inst *graft.Installation) bool { return inst.Status == status })
}

func (h *harness) awaitThat(id, what string, is func(*graft.Installation) bool) *graft.Installation {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour) // of the bubble
	defer cancel()
	var since int64
	for {
		inst, err := h.engine.WaitInstallation(ctx, id, since)
		if err != nil {
			h.t.Fatal(err)
		}
		if is(inst) {
			return inst
		}
		if ctx.Err() != nil {
			h.t.Fatalf("not %s after an hour but %s, %+v", what, inst.Status, inst.Details)
		}
		since = inst.Revision
	}
}

func (h *harness) delete(id string) {
	h.t.Helper()
	inst, err := h.engine.Delete(context.Background(), id, false)
	if err != nil {
		h.t.Fatal(err)
	}
	if inst == nil {
		return
	}
	h.await(id, graft.StatusDisabled)
	if inst, err = h.engine.Delete(context.Background(), id, false); err != nil || inst != nil {
		h.t.Fatalf("the disabled installation was not removed: %v, %v", inst, err)
	}
}

func (h *harness) snapshot() *driver.Snapshot {
	h.t.Helper()
	s, err := h.driver.Observe(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *harness) container(name string) *driver.Container {
	for _, c := range h.snapshot().Containers {
		if c.Name == name {
			return &c
		}
	}
	return nil
}

// nothingLeft fails if there is anything apart from what was there before.
func (h *harness) nothingLeft(before *driver.Snapshot) {
	h.t.Helper()
	after := h.snapshot()
	times := cmpopts.IgnoreFields(driver.Container{}, "Addresses", "StartedAt", "FinishedAt", "Record")
	if diff := cmp.Diff(before, after, times, cmpopts.EquateEmpty()); diff != "" {
		h.t.Errorf("not as it was before (-before +after):\n%s", diff)
	}
	if swaps, err := h.store.Swaps(context.Background()); err != nil || len(swaps) > 0 {
		h.t.Errorf("swaps left in the store: %v, %v", swaps, err)
	}
	for _, kept := range h.kept() {
		if kept.Owner != "" {
			h.t.Errorf("volume %s belongs to %s, which is gone", kept.Name, kept.Owner)
		}
	}
}

func schedulerComponent() driver.Container {
	return driver.Container{
		Name: "cluster_scheduler", RestartPolicy: "always", Image: "core",
		Endpoints: []driver.Endpoint{{Network: "oakestra", Aliases: []string{"scheduler"}}},
		Ports:     []driver.Port{{HostPort: 10105, ContainerPort: 10105, Protocol: "tcp"}},
	}
}

const (
	helloAddon  = `{"name":"hello","services":[{"service_name":"web","image":"h","ports":{"80":"8080"},"volumes":["data:/data"],"networks":["front"]}]}`
	pluginAddon = `{"name":"better","services":[{"service_name":"cluster_scheduler","image":"p"},{"service_name":"side","image":"s","volumes":["data:/d"]}]}`
)
