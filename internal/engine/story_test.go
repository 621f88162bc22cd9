package engine_test

import (
	"context"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// story is something that users do with addons for one component. It begins
// with the component in its place, and ends so, with nothing left.
type story struct {
	name      string
	component driver.Container
	images    map[string]fake.Behaviour
	tell      func(u *user)
	way       graft.SwapWay // by which the first plugin comes
}

// The plugins of the stories.
const (
	plainAddon = `{"name":"plain","services":[{"service_name":"cluster_scheduler","image":"p","volumes":["data:/data"]}]}`
	topAddon   = `{"name":"top","services":[{"service_name":"cluster_scheduler","image":"q"}]}`
	badAddon   = `{"name":"bad","services":[{"service_name":"cluster_scheduler","image":"bad"}]}`
	needyAddon = `{"name":"needy","services":[{"service_name":"cluster_scheduler","image":"needy"}]}`
)

// callLimit is more than a call that hangs takes, and what is to be done then.
const callLimit = 3 * time.Minute

// imageOf is the image of an addon's service as it is pinned.
func imageOf(name string) string { return "docker.io/library/" + name + "@" + digest }

func stories() []story {
	portless, cold := schedulerComponent(), schedulerComponent()
	portless.Ports = nil
	cold.Mounts = []driver.Mount{{Source: "/var/run/docker.sock", Target: "/var/run/docker.sock", Bind: true}}
	return []story{
		{name: "life", component: schedulerComponent(), tell: lifeOf(plainAddon), way: graft.SwapWarm},
		{name: "bad", component: schedulerComponent(), tell: lifeOfABadOne, images: map[string]fake.Behaviour{
			imageOf("bad"): {ExitAfter: time.Second, ExitCode: 3, Output: "no\n"},
		}},
		{name: "supersede", component: schedulerComponent(), tell: supersede, way: graft.SwapWarm},
		{name: "portless", component: portless, tell: lifeOf(plainAddon), way: graft.SwapWarm},
		{name: "standby", component: schedulerComponent(), tell: lifeOf(needyAddon), way: graft.SwapStandby, images: map[string]fake.Behaviour{
			imageOf("needy"): {ExitAfter: time.Second, ExitCode: 1, ExitWithout: "oakestra"},
		}},
		{name: "cold", component: cold, tell: lifeOf(plainAddon), way: graft.SwapCold},
		{name: "upgrade", component: schedulerComponent(), tell: lifeOfTwoVersions, way: graft.SwapWarm},
		{name: "portless upgrade", component: portless, tell: lifeOfTwoVersions, way: graft.SwapWarm},
		{name: "bad upgrade", component: schedulerComponent(), tell: lifeOfABadVersion, way: graft.SwapWarm, images: map[string]fake.Behaviour{
			imageOf("bad"): {ExitAfter: time.Second, ExitCode: 3, Output: "no\n"},
		}},
		{name: "kept data", component: schedulerComponent(), tell: lifeOfKeptData, way: graft.SwapWarm},
		{name: "kept data and a bad one", component: schedulerComponent(), tell: lifeOfDataAndABadOne, way: graft.SwapWarm, images: map[string]fake.Behaviour{
			imageOf("bad"): {ExitAfter: time.Second, ExitCode: 3, Output: "no\n"},
		}},
	}
}

// lifeOf is the whole life of a plugin.
func lifeOf(addon string) func(u *user) {
	return func(u *user) {
		id := u.install(addon, false)
		u.up(id)
		u.want(id, graft.DesiredDisabled)
		u.owner(id, graft.StatusDisabled, "")
		u.want(id, graft.DesiredEnabled)
		u.up(id)
		u.remove(id)
	}
}

// lifeOfABadOne is that of a plugin that does not stay up.
func lifeOfABadOne(u *user) {
	id := u.install(badAddon, false)
	u.owner(id, graft.StatusFailed, "")
	u.remove(id)
}

// lifeOfTwoVersions is that of a plugin with neighbours that goes to another
// version.
func lifeOfTwoVersions(u *user) {
	id := u.install(firstVersion, false)
	u.up(id)
	u.upgradeTo(id, secondVersion)
	u.ends(id, graft.OutcomeDone)
	u.runs(id, "p2", "w2", "s", "f")
	u.uninstall(id, false)
}

// lifeOfABadVersion is that of one that goes to a version which does not come up.
func lifeOfABadVersion(u *user) {
	id := u.install(firstVersion, false)
	u.up(id)
	u.upgradeTo(id, thirdVersion)
	u.ends(id, graft.OutcomeRestored)
	u.runs(id, "p1", "w1", "s", "g")
	u.uninstall(id, false)
}

// supersede is that of a plugin on top of another one.
func supersede(u *user) {
	first := u.install(plainAddon, false)
	u.up(first)
	second := u.install(topAddon, true)
	u.up(second)
	u.uninstall(second, false)
	time.Sleep(callLimit) // of the bubble: the first one may still be at it
	u.up(first)
	u.remove(first)
}

// user does what a story tells, whatever becomes of the engine meanwhile, and
// asks again for what failed and was put back.
type user struct {
	*harness
	story  story
	before *driver.Snapshot
	// patience is how often an installation may fail that is to succeed.
	patience int

	mu      sync.Mutex // the engine may be replaced
	looking bool       // the calls are the user's own
}

// tellStory tells a story to a harness and checks its end.
func tellStory(u *user) {
	u.t.Helper()
	u.story.tell(u)
	u.settle()
	u.look(func() { u.nothingLeft(u.before) })
}

// newUser puts the story's component there.
func newUser(h *harness, s story) *user {
	for image, behaviour := range s.images {
		h.driver.AddImage(image, behaviour)
	}
	h.driver.AddContainer(s.component)
	return &user{harness: h, story: s, before: h.snapshot()}
}

// look does something whose calls no hook is to see, while the engine is at rest.
func (u *user) look(fn func()) {
	synctest.Wait()
	u.mu.Lock()
	u.looking = true
	u.mu.Unlock()
	fn()
	u.mu.Lock()
	u.looking = false
	u.mu.Unlock()
}

// settle lets the engine look at everything once more.
func (u *user) settle() {
	time.Sleep(31 * time.Second) // of the bubble: one resync
	synctest.Wait()
}

// hidden is whether a call is none of the engine's.
func (u *user) hidden() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.looking
}

// ask makes a request as a client does: it gives up after a while, and asks again.
func (u *user) ask(request func(ctx context.Context) error) {
	u.t.Helper()
	for try := 0; ; try++ {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		err := request(ctx)
		late := ctx.Err() != nil
		cancel()
		if err == nil {
			return
		}
		if again := late || graft.ErrorCode(err) == graft.CodeUnavailable; !again || try == 5 {
			u.t.Fatal(err)
		}
		time.Sleep(time.Second) // of the bubble
	}
}

func (u *user) install(addon string, supersede bool) (id string) {
	u.t.Helper()
	u.mu.Lock()
	e, request := u.engine, graft.InstallRequest{MarketplaceID: u.publish(addon), Supersede: supersede}
	u.mu.Unlock()
	u.ask(func(ctx context.Context) error {
		inst, err := e.Install(ctx, request)
		if err == nil {
			id = inst.ID
		}
		return err
	})
	return id
}

func (u *user) want(id string, desired graft.DesiredState) {
	u.t.Helper()
	u.mu.Lock()
	e := u.engine
	u.mu.Unlock()
	u.ask(func(ctx context.Context) error {
		_, err := e.SetDesired(ctx, id, desired)
		return err
	})
}

// upgradeTo asks for another version until the installation is on its way there.
func (u *user) upgradeTo(id, version string) {
	u.t.Helper()
	u.mu.Lock()
	e, request := u.engine, graft.InstallRequest{MarketplaceID: u.publish(version)}
	u.mu.Unlock()
	u.ask(func(ctx context.Context) error {
		_, err := e.Upgrade(ctx, id, request)
		return err
	})
}

// ends waits for the end of the way to another version, and asks again, as often
// as the user is patient, for what a fault took back.
func (u *user) ends(id string, outcome graft.Outcome) {
	u.t.Helper()
	for {
		u.awaitStatus(id, graft.StatusActive)
		inst, err := u.store.Installation(context.Background(), id)
		if err != nil {
			u.t.Fatal(err)
		}
		up := inst.Details.Upgrade
		if up == nil || up.Outcome == outcome {
			break
		}
		if outcome == graft.OutcomeRestored && up.Outcome == graft.OutcomeNotRestored {
			break // a fault hit the way back; it was repaired
		}
		if u.patience--; u.patience < 0 {
			u.t.Fatalf("the upgrade is %s: %s", up.Outcome, up.Reason)
		}
		u.upgradeTo(id, secondVersion)
	}
	u.look(func() { u.owns(id) })
}

// runs checks that an installation has a running container of each of the images,
// and no other one.
func (u *user) runs(id string, images ...string) {
	u.t.Helper()
	u.look(func() {
		var got []string
		for _, c := range u.snapshot().Containers {
			if c.Labels[driver.InstallationLabel] == id && c.Running() {
				got = append(got, c.Image)
			} else if c.Labels[driver.InstallationLabel] == id {
				u.t.Errorf("container %s is %s", c.Name, c.State)
			}
		}
		for i := range images {
			images[i] = imageOf(images[i])
		}
		slices.Sort(got)
		slices.Sort(images)
		if !slices.Equal(got, images) {
			u.t.Errorf("%v run, want %v", got, images)
		}
	})
}

// awaitStatus returns once an installation has that status; empty: once it is gone.
func (u *user) awaitStatus(id string, status graft.InstallationStatus) {
	u.t.Helper()
	failed := false // and nobody has asked again yet
	var last *graft.Installation
	for range 3600 {
		inst, err := u.store.Installation(context.Background(), id)
		switch {
		case graft.ErrorCode(err) == graft.CodeNotFound && status == "":
			return
		case err != nil:
			u.t.Fatal(err)
		case restored(inst) && status != graft.StatusFailed && inst.Desired == graft.DesiredEnabled && !failed:
			failed = true
			u.failedOnce(inst)
		case inst.Status == status && (status != graft.StatusFailed || restored(inst)):
			return
		case inst.Status != graft.StatusFailed:
			failed = false
		}
		last = inst
		time.Sleep(time.Second) // of the bubble
	}
	u.t.Fatalf("not %q after an hour but %s, %+v", status, last.Status, last.Details)
}

// restored is whether an installation failed, and all is as before.
func restored(inst *graft.Installation) bool {
	return inst.Status == graft.StatusFailed && inst.Details != nil && inst.Details.Outcome == graft.OutcomeRestored
}

// failedOnce asks again for what failed and was put back.
func (u *user) failedOnce(inst *graft.Installation) {
	u.t.Helper()
	if u.patience--; u.patience < 0 {
		u.t.Fatalf("addon %s failed: %s", inst.Name, inst.Details.Reason)
	}
	u.want(inst.ID, graft.DesiredEnabled)
}

// up waits until an installation's plugin is in place.
func (u *user) up(id string) {
	u.t.Helper()
	u.owner(id, graft.StatusActive, id)
}

// owner waits for a status and checks that then the component's name has one
// owner: that installation's plugin, or the component if it is empty.
func (u *user) owner(id string, status graft.InstallationStatus, installation string) {
	u.t.Helper()
	u.awaitStatus(id, status)
	u.look(func() { u.owns(installation) })
}

// owns checks that the component's name, alias and host ports are that
// installation's plugin's, or the component's own if it is empty.
func (u *user) owns(installation string) {
	u.t.Helper()
	want := []string{u.story.component.Name}
	for _, name := range []string{u.story.component.Name, "scheduler"} {
		if got := u.driver.Owners("oakestra", name); !slices.Equal(got, want) {
			u.t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for _, p := range u.story.component.Ports {
		if got := u.driver.Publishers(p.HostPort); !slices.Equal(got, want) {
			u.t.Errorf("port %d is published by %v, want %v", p.HostPort, got, want)
		}
	}
	if c := u.container(u.story.component.Name); c == nil || c.Labels[driver.InstallationLabel] != installation {
		u.t.Errorf("%s is not of installation %q but %+v", u.story.component.Name, installation, c)
	}
}

// remove uninstalls: it disables first, as clients do.
func (u *user) remove(id string) {
	u.t.Helper()
	u.want(id, graft.DesiredDisabled)
	u.awaitStatus(id, graft.StatusDisabled)
	u.uninstall(id, false)
}

// uninstall is remove as one wish, for which nothing needs to be disabled before.
func (u *user) uninstall(id string, keepData bool) {
	u.t.Helper()
	if _, err := u.store.Remove(context.Background(), id, keepData); err != nil {
		u.t.Fatal(err)
	}
	u.awaitStatus(id, "")
}

// ways returns how components were replaced so far, as the events tell.
func (u *user) ways() (in []graft.SwapWay) {
	u.t.Helper()
	events, err := u.store.Events(context.Background(), "", 0, 10_000)
	if err != nil {
		u.t.Fatal(err)
	}
	for _, e := range events {
		if e.Type == graft.EventSwapped {
			in = append(in, e.Way)
		}
	}
	return in
}
