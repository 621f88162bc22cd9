package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// What a service of a suite may have: a health check, and others to wait for.
const (
	aliveCheck = `"healthcheck":{"test":["CMD","true"]}`
	afterDB    = `"depends_on":{"db":{"condition":"service_healthy"}}`
	afterJob   = `"depends_on":{"job":{"condition":"service_completed_successfully"}}`
)

// suite makes a version of an addon from its services.
func suite(version string, services ...string) string {
	return fmt.Sprintf(`{"name":"suite","version":%q,"services":[%s]}`, version, strings.Join(services, ","))
}

// service makes a service; more is what else its JSON object has.
func service(name, image string, more ...string) string {
	return fmt.Sprintf(`{"service_name":%q,"image":%q%s}`, name, image, strings.Join(append([]string{""}, more...), ","))
}

// over returns an installation once it is at rest, up or not.
func (h *harness) over(id string) *graft.Installation {
	h.t.Helper()
	time.Sleep(20 * time.Second) // of the bubble
	return h.awaitThat(id, "over", func(i *graft.Installation) bool {
		return i.Status != graft.StatusInstalling && i.Status != graft.StatusDisabling
	})
}

// is fails if an installation's upgrade did not end like that.
func (h *harness) is(got *graft.Installation, version string, status graft.InstallationStatus, outcome graft.Outcome) {
	h.t.Helper()
	var end graft.Outcome
	var reason string
	if u := got.Details.Upgrade; u != nil {
		end, reason = u.Outcome, u.Reason
	}
	if got.Version != version || got.Status != status || end != outcome {
		h.t.Errorf("it is version %s, %s, upgrade %q (%s); want version %s, %s, %q. Details: %+v", got.Version, got.Status, end, reason, version, status, outcome, got.Details)
	}
}

// exactly fails if not just these services run, each with that image and name.
func (h *harness) exactly(id string, images map[string]string) {
	h.t.Helper()
	got := map[string]string{}
	for _, c := range h.snapshot().Containers {
		if c.Labels[driver.InstallationLabel] == id {
			got[c.Name] = fmt.Sprintf("%s %s", strings.TrimSuffix(strings.TrimPrefix(c.Image, "docker.io/library/"), "@"+digest), c.State)
		}
	}
	want := map[string]string{}
	for name, image := range images {
		want["cluster_"+name] = image
		if !strings.Contains(image, " ") {
			want["cluster_"+name] += " running"
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		h.t.Errorf("there is\n%v, want\n%v", got, want)
	}
}

func addJob(h *harness) {
	for _, name := range []string{"j1", "j2"} {
		h.driver.AddImage(imageOf(name), fake.Behaviour{ExitAfter: time.Second})
	}
}

// changes is whether a call of the fake runtime changes something.
func changes(op string) bool {
	return !slices.Contains([]string{"observe", "info", "watch", "logs", "has-image"}, op)
}

// atStep does something after the nth changing call from now on.
func (h *harness) atStep(n int, do func()) {
	calls := 0
	var mu sync.Mutex
	h.driver.AfterCall(func(op, _ string) error {
		mu.Lock()
		if changes(op) {
			calls++
		}
		now := changes(op) && calls == n
		mu.Unlock()
		if now {
			do()
		}
		return nil
	})
}

// anyway checks that an installation is up in the first or in that version after an
// upgrade, whatever happened meanwhile, and that nothing is left of it.
func (h *harness) anyway(id string, before *driver.Snapshot) {
	h.t.Helper()
	h.over(id)
	h.driver.AfterCall(nil)
	time.Sleep(20 * time.Minute) // of the bubble
	got := h.over(id)
	want := map[string]string{"scheduler": "p2", "web": "w2", "same": "s", "fresh": "f"}
	if got.Version == "1.0.0" {
		want = map[string]string{"scheduler": "p1", "web": "w1", "same": "s", "gone": "g"}
	}
	if got.Status != graft.StatusActive {
		h.t.Errorf("it is %s, %+v, upgrade %+v", got.Status, got.Details, got.Details.Upgrade)
	}
	h.exactly(id, want)
	for _, c := range h.snapshot().Containers {
		if c.Labels[driver.InstallationLabel] == id && c.RestartPolicy != "unless-stopped" {
			h.t.Errorf("%s has the policy %s", c.Name, c.RestartPolicy)
		}
	}
	h.delete(id)
	if before != nil {
		h.nothingLeft(before)
	}
}

// meanwhile does something at each step of an upgrade that succeeds and of one that
// is taken back.
func meanwhile(t *testing.T, do func(h *harness, id string)) {
	for _, version := range []string{secondVersion, thirdVersion} {
		for step := 1; step <= 36; step += every {
			name := "good"
			if version == thirdVersion {
				name = "bad"
			}
			t.Run(fmt.Sprint(name, "/", step), func(t *testing.T) {
				t.Parallel()
				run(t, func(h *harness) {
					addBadImage(h)
					h.driver.AddContainer(schedulerComponent())
					before := h.snapshot()
					inst := h.install(firstVersion)
					h.await(inst.ID, graft.StatusActive)
					h.atStep(step, func() { do(h, inst.ID) })
					h.upgrade(inst.ID, version)
					h.anyway(inst.ID, before)
				})
			})
		}
	}
}
