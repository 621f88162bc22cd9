package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
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
	engine  *engine.Engine
	cancel  context.CancelFunc
	ended   chan struct{}
}

// run calls test with a running engine.
func run(t *testing.T, test func(h *harness)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		st, err := store.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		h := &harness{t: t, store: st, driver: fake.New(nil), catalog: catalog{}}
		h.driver.AddImage(fake.AnyImage, fake.Behaviour{Output: "started\n"})
		h.start()
		test(h)
		h.stop()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (h *harness) start() {
	h.t.Helper()
	e, err := engine.New(engine.Options{
		Store: h.store, Driver: h.driver, Catalog: h.catalog, Plane: graft.PlaneCluster,
		Project: "cluster_orchestrator", Network: "oakestra",
		IDLabel: driver.AddonIDLabel, ServiceLabel: driver.ServiceNameLabel,
	})
	if err != nil {
		h.t.Fatal(err)
	}
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

func (h *harness) stop() {
	h.cancel()
	<-h.ended
}

// install installs a descriptor whose images are all approved.
func (h *harness) install(descriptor string) *graft.Installation {
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
	inst, err := h.engine.Install(context.Background(), addon.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return inst
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
	inst, err := h.engine.Delete(context.Background(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	if inst == nil {
		return
	}
	h.await(id, graft.StatusDisabled)
	if inst, err = h.engine.Delete(context.Background(), id); err != nil || inst != nil {
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
	times := cmpopts.IgnoreFields(driver.Container{}, "StartedAt", "FinishedAt", "Record")
	if diff := cmp.Diff(before, after, times, cmpopts.EquateEmpty()); diff != "" {
		h.t.Errorf("not as it was before (-before +after):\n%s", diff)
	}
	if swaps, err := h.store.Swaps(context.Background()); err != nil || len(swaps) > 0 {
		h.t.Errorf("swaps left in the store: %v, %v", swaps, err)
	}
}

func schedulerComponent() driver.Container {
	return driver.Container{
		Name: "cluster_scheduler", RestartPolicy: "always", Image: "core",
		Endpoints: []driver.Endpoint{{Network: "oakestra", Aliases: []string{"cluster_scheduler"}}},
		Ports:     []driver.Port{{HostPort: 10105, ContainerPort: 10105, Protocol: "tcp"}},
	}
}

const (
	helloAddon  = `{"name":"hello","services":[{"service_name":"web","image":"h","ports":{"80":"8080"},"volumes":["data:/data"],"networks":["front"]}]}`
	pluginAddon = `{"name":"better","services":[{"service_name":"cluster_scheduler","image":"p"},{"service_name":"side","image":"s","volumes":["data:/d"]}]}`
)

func TestLifeOfAnAddon(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		before := h.snapshot()
		id := h.install(helloAddon).ID
		inst := h.await(id, graft.StatusActive)
		if inst.Details.Outcome != graft.OutcomeDone || len(inst.Details.Services) != 1 {
			t.Errorf("details of an active addon: %+v", inst.Details)
		}
		c := h.container("cluster_web")
		if c == nil || c.Labels[driver.AddonIDLabel] != id || c.Labels[driver.ServiceNameLabel] != "web" || c.RestartPolicy != "unless-stopped" {
			t.Fatalf("container: %+v", c)
		}
		if _, err := h.engine.Install(context.Background(), inst.MarketplaceID); graft.ErrorCode(err) != graft.CodeExists {
			t.Errorf("second installation: %v", err)
		}
		if _, err := h.engine.SetDesired(context.Background(), id, graft.DesiredDisabled); err != nil {
			t.Fatal(err)
		}
		h.await(id, graft.StatusDisabled)
		if h.container("cluster_web") != nil || len(h.snapshot().Volumes) != 1 {
			t.Error("a disabled addon has no container and keeps its volume")
		}
		if _, err := h.engine.SetDesired(context.Background(), id, graft.DesiredEnabled); err != nil {
			t.Fatal(err)
		}
		h.await(id, graft.StatusActive)
		h.delete(id)
		if _, err := h.engine.Installation(context.Background(), id); graft.ErrorCode(err) != graft.CodeNotFound {
			t.Errorf("after uninstall: %v", err)
		}
		h.nothingLeft(before)
	})
}

func TestPluginTakesAndGivesBack(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		id := h.install(pluginAddon).ID
		inst := h.await(id, graft.StatusActive)
		if got := inst.Details.Services[0].Replaces; got != "cluster_scheduler" {
			t.Errorf("replaces %q", got)
		}
		plugin := h.container("cluster_scheduler")
		if plugin.Labels[driver.AddonIDLabel] != id || !plugin.Running() {
			t.Fatalf("plugin: %+v", plugin)
		}
		was := schedulerComponent()
		if diff := cmp.Diff(was.Ports, plugin.Ports); diff != "" {
			t.Errorf("ports (-component +plugin):\n%s", diff)
		}
		components, err := h.engine.Components(context.Background())
		if err != nil || len(components) != 1 || components[0].ReplacedBy == nil || components[0].ReplacedBy.InstallationID != id {
			t.Errorf("components: %+v, %v", components, err)
		}
		h.delete(id)
		h.nothingLeft(before)
	})
}

func TestFailingPluginIsTakenBack(t *testing.T) {
	t.Parallel()
	tests := map[string]fake.Behaviour{
		"exits at once":  {ExitAfter: time.Millisecond, ExitCode: 3, Output: "no config\n"},
		"exits in time":  {ExitAfter: 2 * time.Second, ExitCode: 3, Output: "no config\n"},
		"does not start": {StartError: graft.Errorf(graft.CodeInvalid, "exec: no such file")},
		"is unhealthy":   {HealthAfter: time.Second, Unhealthy: true, Output: "no config\n"},
	}
	for name, behaviour := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(schedulerComponent())
				h.driver.AddImage("docker.io/library/p@"+digest, behaviour)
				before := h.snapshot()
				inst := h.install(pluginAddon)
				inst = h.awaitThat(inst.ID, "restored", func(i *graft.Installation) bool {
					return i.Details != nil && i.Details.Outcome == graft.OutcomeRestored
				})
				if inst.Status != graft.StatusFailed || inst.Details.Reason == "" || inst.Details.Step != "" {
					t.Errorf("status %s, details %+v", inst.Status, inst.Details)
				}
				if behaviour.Output != "" && !strings.Contains(inst.Logs, "cluster_scheduler | no config") {
					t.Errorf("logs: %q", inst.Logs)
				}
				h.nothingLeft(before)
				h.delete(inst.ID)
				h.nothingLeft(before)
			})
		})
	}
}

func TestUnapprovedIsRefused(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		id := graft.NewID(time.Now())
		h.catalog[id] = &graft.Addon{ID: id, Status: graft.AddonVerificationFailed, Verification: &graft.Verification{
			Images: []graft.ImageReport{{Service: "s", Reason: "no such image"}},
		}}
		_, err := h.engine.Install(context.Background(), id)
		if graft.ErrorCode(err) != graft.CodeConflict || !strings.Contains(err.Error(), "no such image") {
			t.Errorf("got %v", err)
		}
		if _, err := h.engine.Install(context.Background(), "000000000000000000000000"); graft.ErrorCode(err) != graft.CodeNotFound {
			t.Errorf("unknown addon: %v", err)
		}
	})
}

func TestObstaclesAreRefusedUntouched(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(driver.Container{Name: "other", Ports: []driver.Port{{HostPort: 8080, ContainerPort: 1, Protocol: "tcp"}}})
		before := h.snapshot()
		inst := h.await(h.install(helloAddon).ID, graft.StatusFailed)
		if inst.Details.Outcome != graft.OutcomeRefused || !strings.Contains(inst.Details.Reason, `"other"`) {
			t.Errorf("details: %+v", inst.Details)
		}
		h.nothingLeft(before)
	})
}

func TestAMissingImageLeavesNothing(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		before := h.snapshot()
		h.driver.FailNext("pull", graft.Errorf(graft.CodeNotFound, "no such image"))
		inst := h.install(helloAddon)
		inst = h.awaitThat(inst.ID, "restored", func(i *graft.Installation) bool {
			return i.Details != nil && i.Details.Outcome == graft.OutcomeRestored
		})
		if !strings.Contains(inst.Details.Reason, "no such image") {
			t.Errorf("reason: %q", inst.Details.Reason)
		}
		h.nothingLeft(before)
		// enabling it tries again
		if _, err := h.engine.SetDesired(context.Background(), inst.ID, graft.DesiredEnabled); err != nil {
			t.Fatal(err)
		}
		h.await(inst.ID, graft.StatusActive)
	})
}

func TestATemporaryFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		for range 3 {
			h.driver.FailNext("pull", graft.Errorf(graft.CodeUnavailable, "the registry is away"))
		}
		h.await(h.install(helloAddon).ID, graft.StatusActive)
	})
}

func TestDisableInterruptsAnInstallation(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		before := h.snapshot()
		pulling := make(chan struct{})
		release := make(chan struct{})
		h.driver.OnCall(func(op, _ string) error {
			if op == "pull" {
				close(pulling)
				<-release
				return errors.New("interrupted")
			}
			return nil
		})
		id := h.install(helloAddon).ID
		<-pulling
		if _, err := h.engine.Delete(context.Background(), id); err != nil {
			t.Fatal(err)
		}
		close(release)
		h.await(id, graft.StatusDisabled)
		h.delete(id)
		h.nothingLeft(before)
	})
}

func TestFailuresAreSeen(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		id := h.install(pluginAddon).ID
		h.await(id, graft.StatusActive)
		h.driver.Exit(h.container("cluster_side").ID, 9)
		inst := h.await(id, graft.StatusPartiallyActive)
		if !slices.Equal(inst.Details.FailedServices, []string{"side"}) || !strings.Contains(inst.Details.Reason, "code 9") ||
			!strings.Contains(inst.Logs, "side | started") {
			t.Errorf("details %+v, logs %q", inst.Details, inst.Logs)
		}
		h.await(id, graft.StatusActive) // restarted by its policy, and ran for a while since
		if err := h.driver.Remove(context.Background(), h.container("cluster_side").ID); err != nil {
			t.Fatal(err)
		}
		h.awaitThat(id, "running again", func(i *graft.Installation) bool {
			return i.Status == graft.StatusActive && h.container("cluster_side") != nil
		})
	})
}

// The old system took a failed listing for "no addons", and removed them all.
func TestNothingIsDoneBlindly(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		id := h.install(helloAddon).ID
		h.await(id, graft.StatusActive)
		h.driver.ResetCalls()
		h.driver.SetAway(true)
		time.Sleep(10 * time.Minute) // of the bubble
		h.driver.SetAway(false)
		time.Sleep(time.Minute)
		if calls := h.driver.Calls(); len(calls) > 0 {
			t.Errorf("calls: %v", calls)
		}
		h.await(id, graft.StatusActive)
	})
}

// A swap that has begun is finished before the engine stops: between its steps
// nobody answers to the component's name.
func TestStopInTheMiddleOfASwap(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		stopped := make(chan struct{})
		stopAt := func(op string) {
			h.driver.OnCall(func(called, target string) error {
				if called == op && strings.HasPrefix(target, "cluster_scheduler") {
					h.driver.OnCall(nil)
					h.cancel()
					<-stopped
				}
				return nil
			})
		}
		release := func() {
			synctest.Wait()
			close(stopped)
			<-h.ended
			stopped = make(chan struct{})
		}
		stopAt("stop")
		id := h.install(pluginAddon).ID
		release()
		if c := h.container("cluster_scheduler"); c == nil || c.Labels[driver.AddonIDLabel] != id || !c.Running() {
			t.Errorf("after a stop in the middle of a swap: %+v", c)
		}
		h.start()
		h.await(id, graft.StatusActive)
		stopAt("remove")
		if _, err := h.engine.Delete(context.Background(), id); err != nil {
			t.Fatal(err)
		}
		release()
		if c := h.container("cluster_scheduler"); c == nil || c.Image != "core" || !c.Running() {
			t.Errorf("after a stop in the middle of the way back: %+v", c)
		}
		h.start()
		h.await(id, graft.StatusDisabled)
		h.delete(id)
		h.nothingLeft(before)
	})
}

// TestKilledAnywhere stops the engine at each call in turn, before and after
// its effect, and starts another one on the same store.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			points := 0
			for n := 1; ; n++ {
				killed := true
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					run(t, func(h *harness) { killed = killAt(h, when, n) })
				})
				if !killed || t.Failed() {
					break
				}
				points++
			}
			t.Logf("killed at %d points", points)
			if points < 15 {
				t.Errorf("only %d points: the scenario is too short to mean anything", points)
			}
		})
	}
}

// killAt kills the engine at its nth changing call of a plugin's life, and is
// false when there are fewer.
func killAt(h *harness, when string, n int) bool {
	h.driver.AddContainer(schedulerComponent())
	before := h.snapshot()
	var calls atomic.Int64
	kill, dead := make(chan struct{}), make(chan struct{})
	hook := func(op, _ string) error {
		if op == "info" || op == "observe" || op == "watch" || op == "logs" {
			return nil
		}
		if calls.Add(1) == int64(n) {
			close(kill)
			<-dead
			return graft.Errorf(graft.CodeUnavailable, "killed")
		}
		return nil
	}
	if when == "before" {
		h.driver.OnCall(hook)
	} else {
		h.driver.AfterCall(hook)
	}
	over := make(chan struct{})
	killer := make(chan bool)
	go func() {
		select {
		case <-kill:
			h.cancel()
			close(dead)
			<-h.ended
			h.start()
			killer <- true
		case <-over:
			killer <- false
		}
	}()
	id := h.install(pluginAddon).ID
	h.awaitStored(id, graft.StatusActive)
	h.setStored(id, graft.DesiredDisabled, graft.StatusDisabling)
	h.awaitStored(id, graft.StatusDisabled)
	h.setStored(id, graft.DesiredRemoved, graft.StatusDisabled)
	h.awaitStored(id, "")
	close(over)
	killed := <-killer
	h.nothingLeft(before)
	return killed
}

// setStored changes the spec in the store itself, as the engine may be another
// one by the time.
func (h *harness) setStored(id string, desired graft.DesiredState, status graft.InstallationStatus) {
	h.t.Helper()
	if _, err := h.store.SetDesired(context.Background(), id, desired, status); err != nil {
		h.t.Fatal(err)
	}
}

// awaitStored returns once the stored status is that one; empty: once there is
// no such installation any more.
func (h *harness) awaitStored(id string, status graft.InstallationStatus) {
	h.t.Helper()
	var last *graft.Installation
	for range 3600 {
		inst, err := h.store.Installation(context.Background(), id)
		switch {
		case graft.ErrorCode(err) == graft.CodeNotFound && status == "":
			return
		case err != nil:
			h.t.Fatal(err)
		case inst.Status == status:
			return
		}
		last = inst
		time.Sleep(time.Second) // of the bubble
	}
	h.t.Fatalf("not %q after an hour but %s, %+v", status, last.Status, last.Details)
}
