package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// Two versions of an addon whose plugin has a neighbour that changes too, one that
// stays as it is, and one that only the first version has.
const (
	firstVersion = `{"name":"suite","version":"1.0.0","services":[
		{"service_name":"cluster_scheduler","image":"p1","volumes":["data:/data"]},
		{"service_name":"web","image":"w1","ports":{"80":"8080"},"volumes":["www:/www"]},
		{"service_name":"same","image":"s"},{"service_name":"gone","image":"g","ports":{"81":"8081"}}]}`
	secondVersion = `{"name":"suite","version":"2.0.0","services":[
		{"service_name":"cluster_scheduler","image":"p2","volumes":["data:/data"]},
		{"service_name":"web","image":"w2","ports":{"80":"8080"},"volumes":["www:/www"]},
		{"service_name":"same","image":"s"},{"service_name":"fresh","image":"f","ports":{"81":"8081"}}]}`
	// The web server of this one does not stay up.
	thirdVersion = `{"name":"suite","version":"3.0.0","services":[
		{"service_name":"cluster_scheduler","image":"p2"},
		{"service_name":"web","image":"bad","ports":{"80":"8080"}},{"service_name":"same","image":"s"}]}`
	// So does the plugin of this one.
	fourthVersion = `{"name":"suite","version":"4.0.0","services":[
		{"service_name":"cluster_scheduler","image":"bad"},{"service_name":"same","image":"s"}]}`
)

// upgrade asks for another version, with all the consent that it needs.
func (h *harness) upgrade(id, descriptor string) *graft.Installation {
	h.t.Helper()
	inst, err := h.engine.Upgrade(context.Background(), id, h.request(descriptor))
	if err != nil {
		h.t.Fatal(err)
	}
	return inst
}

// upgraded returns an installation once its way to another version is over.
func (h *harness) upgraded(id string) *graft.Installation {
	h.t.Helper()
	return h.awaitThat(id, "upgraded", func(i *graft.Installation) bool {
		return i.Status == graft.StatusActive && i.Details.Upgrade != nil && i.Details.Upgrade.Outcome != ""
	})
}

// ids returns the ids of an installation's containers by service.
func (h *harness) ids(id string) map[string]string {
	ids := map[string]string{}
	for _, c := range h.snapshot().Containers {
		if c.Labels[driver.InstallationLabel] == id {
			ids[c.Labels[driver.ServiceLabel]] += c.ID
		}
	}
	return ids
}

func addBadImage(h *harness) {
	h.driver.AddImage(imageOf("bad"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 3, Output: "no such table\n"})
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		inst := h.install(firstVersion)
		h.await(inst.ID, graft.StatusActive)
		first := h.ids(inst.ID)
		h.upgrade(inst.ID, secondVersion)
		got := h.upgraded(inst.ID)
		want := graft.UpgradeStatus{From: "1.0.0", To: "2.0.0", Outcome: graft.OutcomeDone}
		if *got.Details.Upgrade != want || got.Version != "2.0.0" || got.Details.Outcome != graft.OutcomeDone {
			t.Errorf("after the upgrade: %s, %+v", got.Version, got.Details)
		}
		second := h.ids(inst.ID)
		if second["same"] != first["same"] || second["gone"] != "" || second["fresh"] == "" || len(second) != 4 {
			t.Errorf("containers were %v and are %v", first, second)
		}
		for _, name := range []string{"cluster_scheduler", "cluster_web", "cluster_same", "cluster_fresh"} {
			if c := h.container(name); c == nil || !c.Running() || c.RestartPolicy != "unless-stopped" {
				t.Errorf("%s is %+v", name, c)
			}
		}
		if c := h.container("cluster_web"); !strings.Contains(c.Image, "w2") {
			t.Errorf("web runs %s", c.Image)
		}
		h.delete(inst.ID)
		h.nothingLeft(before)
	})
}

func TestUpgradeThatFailsIsTakenBack(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]string{"an extension": thirdVersion, "a plugin": fourthVersion} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				addBadImage(h)
				h.driver.AddContainer(schedulerComponent())
				before := h.snapshot()
				inst := h.install(firstVersion)
				h.await(inst.ID, graft.StatusActive)
				first := h.snapshot()
				h.upgrade(inst.ID, version)
				got := h.upgraded(inst.ID)
				u := got.Details.Upgrade
				if u.Outcome != graft.OutcomeRestored || !strings.Contains(u.Reason, "3") || !strings.Contains(u.Logs, "no such table") || got.Version != "1.0.0" {
					t.Errorf("after the upgrade: %s, %+v", got.Version, u)
				}
				if strings.Contains(u.Logs, "started") {
					t.Errorf("the logs are not only of what failed: %s", u.Logs)
				}
				// The plugin had proved itself, and is made again.
				again := map[string]bool{"cluster_scheduler": name == "an extension"}
				for _, c := range first.Containers {
					now := h.container(c.Name)
					if now == nil || now.State != c.State || now.RestartPolicy != c.RestartPolicy || now.Image != c.Image {
						t.Errorf("%s was %s, %s, %s and is %+v", c.Name, c.State, c.RestartPolicy, c.Image, now)
					}
					if now != nil && now.ID != c.ID && !again[c.Name] {
						t.Errorf("%s is another container", c.Name)
					}
				}
				h.delete(inst.ID)
				h.nothingLeft(before)
			})
		})
	}
}

// What a version needs that is not there is found before anything stops.
func TestUpgradeWithoutItsImage(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		inst := h.install(`{"name":"hello","version":"1.0.0","services":[{"service_name":"web","image":"w1"}]}`)
		h.await(inst.ID, graft.StatusActive)
		first := h.ids(inst.ID)
		var stopped []string
		h.driver.OnCall(func(op, target string) error {
			switch op {
			case "pull":
				return graft.Errorf(graft.CodeUpstream, "the registry has no such image")
			case "stop":
				stopped = append(stopped, target)
			}
			return nil
		})
		h.upgrade(inst.ID, `{"name":"hello","version":"2.0.0","services":[{"service_name":"web","image":"w2"}]}`)
		got := h.upgraded(inst.ID)
		if got.Details.Upgrade.Outcome != graft.OutcomeRestored || !strings.Contains(got.Details.Upgrade.Reason, "no such image") {
			t.Errorf("after the upgrade: %+v", got.Details.Upgrade)
		}
		if len(stopped) > 0 || h.ids(inst.ID)["web"] != first["web"] {
			t.Errorf("%v were stopped", stopped)
		}
		h.driver.OnCall(nil)
	})
}

// An upgrade asks for consent to what is new, and shows what that is.
func TestUpgradeAsksForWhatIsNew(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		one := h.publish(`{"name":"hello","version":"1.0.0","services":[{"service_name":"web","image":"w","volumes":["/srv/a:/a"]}]}`)
		two := h.publish(`{"name":"hello","version":"2.0.0","services":[{"service_name":"web","image":"w","volumes":["/srv/a:/a","/srv/b:/b"]}]}`)
		inst, err := h.engine.Install(context.Background(), graft.InstallRequest{MarketplaceID: one, Consent: []string{"host_path:/srv/a"}, By: "ann"})
		if err != nil {
			t.Fatal(err)
		}
		h.await(inst.ID, graft.StatusActive)
		plan, err := h.engine.PlanUpgrade(context.Background(), inst.ID, graft.InstallRequest{MarketplaceID: two})
		if err != nil {
			t.Fatal(err)
		}
		if got := graft.GrantsFor(plan.Missing); !slices.Equal(got, []string{"host_path:/srv/b"}) ||
			!slices.Equal(graft.GrantsFor(plan.Upgrade.NewRights), got) || len(plan.Upgrade.LostRights) > 0 {
			t.Errorf("missing: %v, upgrade: %+v", got, plan.Upgrade)
		}
		_, err = h.engine.Upgrade(context.Background(), inst.ID, graft.InstallRequest{MarketplaceID: two})
		if graft.ErrorCode(err) != graft.CodeConsent {
			t.Errorf("without consent: %v", err)
		}
		if now, _ := h.engine.Installation(context.Background(), inst.ID); now.Version != "1.0.0" || now.Status != graft.StatusActive {
			t.Errorf("it is %s, %s", now.Version, now.Status)
		}
		request := graft.InstallRequest{MarketplaceID: two, Consent: []string{"host_path:/srv/b"}, By: "bob"}
		if _, err = h.engine.Upgrade(context.Background(), inst.ID, request); err != nil {
			t.Fatal(err)
		}
		got := h.upgraded(inst.ID)
		if c := got.Consent; c == nil || c.By != "bob" || len(c.Rights) != 2 || !slices.Equal(c.Grants, []string{"host_path:/srv/a", "host_path:/srv/b"}) {
			t.Errorf("the consent is %+v", c)
		}
	})
}

func TestUpgradeToAnotherAddon(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		inst := h.install(helloAddon)
		h.await(inst.ID, graft.StatusActive)
		for code, id := range map[graft.Code]string{
			graft.CodeConflict: h.publish(pluginAddon), graft.CodeExists: inst.MarketplaceID, graft.CodeNotFound: graft.NewID(time.Now()),
		} {
			if _, err := h.engine.Upgrade(context.Background(), inst.ID, graft.InstallRequest{MarketplaceID: id}); graft.ErrorCode(err) != code {
				t.Errorf("%v, want %s", err, code)
			}
		}
	})
}

// One that is disabled comes up in the version that was asked for meanwhile.
func TestUpgradeWhatIsDisabled(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		inst := h.install(firstVersion)
		h.await(inst.ID, graft.StatusActive)
		if _, err := h.engine.SetDesired(context.Background(), inst.ID, graft.DesiredDisabled); err != nil {
			t.Fatal(err)
		}
		h.await(inst.ID, graft.StatusDisabled)
		if got := h.upgrade(inst.ID, secondVersion); got.Status != graft.StatusDisabled {
			t.Errorf("it is %s", got.Status)
		}
		if _, err := h.engine.SetDesired(context.Background(), inst.ID, graft.DesiredEnabled); err != nil {
			t.Fatal(err)
		}
		h.await(inst.ID, graft.StatusActive)
		if c := h.container("cluster_web"); c == nil || !strings.Contains(c.Image, "w2") {
			t.Errorf("web is %+v", c)
		}
		h.delete(inst.ID)
		h.nothingLeft(before)
	})
}
