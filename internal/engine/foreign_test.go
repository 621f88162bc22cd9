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

// A marketplace that is somebody else's gets nothing past the rights with a
// descriptor that no marketplace of ours would have taken.
func TestForeignDescriptorsAreChecked(t *testing.T) {
	t.Parallel()
	for what, descriptor := range map[string]graft.Descriptor{
		"the host's network": {Name: "x", Services: []graft.Service{{Name: "s", Image: "h", Networks: []string{"host"}}}},
		"a volume twice": {Name: "x", Services: []graft.Service{{Name: "s", Image: "h", Volumes: []string{"d:/d"}}}, Volumes: []graft.Volume{
			{Name: "d", Driver: "local", DriverOpts: map[string]string{"type": "none", "o": "bind", "device": "/"}}, {Name: "d", Driver: "local"},
		}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				id := graft.NewID(time.Now())
				h.catalog[id] = &graft.Addon{ID: id, Descriptor: descriptor, Status: graft.AddonApproved, Verification: &graft.Verification{
					Images: []graft.ImageReport{{Service: "s", Image: "h", Digest: "sha256:00"}},
				}}
				_, err := h.engine.Install(context.Background(), graft.InstallRequest{MarketplaceID: id, Consent: []string{"host_path"}})
				if graft.ErrorCode(err) != graft.CodeUpstream {
					t.Errorf("installed: %v", err)
				}
			})
		})
	}
}

// What another system installed is not started before somebody agreed to it here.
func TestTakenOverIsAskedAbout(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		ctx := context.Background()
		take := func(volumes ...string) string {
			inst := &graft.Installation{
				MarketplaceID: graft.NewID(time.Now()), Images: map[string]string{"web": "h:latest"},
				Descriptor: graft.Descriptor{Name: "old", Services: []graft.Service{{Name: "web", Image: "h:latest", Volumes: volumes}}},
				Desired:    graft.DesiredDisabled, Status: graft.StatusDisabled,
			}
			inst.SetDefaults()
			try(h.t, h.store.CreateInstallation(ctx, inst))
			return inst.ID
		}
		if _, err := h.engine.SetDesired(ctx, take("/var/run/docker.sock:/s"), graft.DesiredEnabled); graft.ErrorCode(err) != graft.CodeConsent {
			t.Errorf("with the socket: %v", err)
		}
		if _, err := h.engine.SetDesired(ctx, take(), graft.DesiredEnabled); err != nil {
			t.Errorf("without rights: %v", err)
		}
	})
}

// A network of the host's own kind is no network of the addon's, whoever made it.
func TestNetworksOfTheHostAreAskedAbout(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddNetwork(driver.Network{Name: "lan", Driver: "macvlan"})
		request := graft.InstallRequest{MarketplaceID: h.publish(`{"name":"x","services":[{"service_name":"s","image":"h","networks":["lan"]}]}`)}
		if _, err := h.engine.Install(context.Background(), request); graft.ErrorCode(err) != graft.CodeConsent {
			t.Errorf("installed: %v", err)
		} else if got := refusedFor(err); !slices.Equal(got, []string{"host_network", "joins_network:lan"}) {
			t.Errorf("asked about %q", got)
		}
	})
}

// Somebody else's network of the host is joined only where that was agreed to; the
// orchestrator's needs no word, whatever it is called.
func TestNetworksOfOthersAreAskedAbout(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		ctx := context.Background()
		h.driver.AddNetwork(driver.Network{Name: "shop_default", Driver: "bridge", Labels: map[string]string{driver.ComposeProjectLabel: "shop"}})
		request := graft.InstallRequest{MarketplaceID: h.publish(
			`{"name":"x","services":[{"service_name":"s","image":"h","networks":["shop_default","own","oakestra"]}]}`)}
		_, err := h.engine.Install(ctx, request)
		if got := refusedFor(err); graft.ErrorCode(err) != graft.CodeConsent || !slices.Equal(got, []string{"joins_network:shop_default"}) {
			t.Errorf("without consent: %v, %q", err, got)
		}
		plan, err := h.engine.PlanInstall(ctx, request)
		if err != nil || plan.Risk != graft.RiskMedium || !strings.Contains(plan.Text, "needs consent to joins_network:shop_default: Service s joins the network") {
			t.Errorf("plan is %+v, %v", plan, err)
		}
		request.Consent = []string{"joins_network:shop_default"}
		inst, err := h.engine.Install(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		h.await(inst.ID, graft.StatusActive)
		if got := networksOf(h.container("cluster_s")); !slices.Equal(got, []string{"cluster_x_own", "oakestra", "shop_default"}) {
			t.Errorf("the service is on %q", got)
		}
	})
}

// A network that comes when the addon is there already is none of its: nobody was
// asked.
func TestNetworksThatComeLaterAreNotJoined(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		inst := h.install(`{"name":"x","services":[{"service_name":"s","image":"h","networks":["shop_default"]}]}`)
		h.await(inst.ID, graft.StatusActive)
		h.disable(inst.ID)
		h.await(inst.ID, graft.StatusDisabled)
		for _, n := range h.snapshot().Networks {
			if n.Name == "cluster_x_shop_default" {
				try(h.t, h.driver.RemoveNetwork(context.Background(), n.ID))
			}
		}
		h.driver.AddNetwork(driver.Network{Name: "shop_default", Driver: "bridge"})
		h.enable(inst.ID)
		h.await(inst.ID, graft.StatusActive)
		if got := networksOf(h.container("cluster_s")); !slices.Equal(got, []string{"cluster_x_shop_default"}) {
			t.Errorf("the service is on %q", got)
		}
	})
}

// networksOf returns the names of a container's networks, sorted.
func networksOf(c *driver.Container) []string {
	if c == nil {
		return nil
	}
	var names []string
	for _, e := range c.Endpoints {
		names = append(names, e.Network)
	}
	slices.Sort(names)
	return names
}

// Who installs another version of an addon is told to upgrade the one that is there,
// before he consents to anything; nothing is left of the attempt.
func TestAnotherVersionIsNamed(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		const next = `{"name":"x","version":"1.1.0","services":[{"service_name":"s","image":"h","privileged":true}]}`
		first := h.install(`{"name":"x","version":"1.0.0","services":[{"service_name":"s","image":"h"}]}`)
		h.await(first.ID, graft.StatusActive)
		_, err := h.engine.Install(context.Background(), graft.InstallRequest{MarketplaceID: h.publish(next)})
		if want := `Version 1.0.0 of addon "x" is installed as ` + first.ID + ". Upgrade"; graft.ErrorCode(err) != graft.CodeConflict || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v", err)
		}
		h.install(`{"name":"x","version":"2.0.0","services":[{"service_name":"other","image":"h"}]}`)
		if all, err := h.engine.Installations(context.Background(), ""); err != nil || len(all) != 2 {
			t.Errorf("%d installations, %v", len(all), err)
		}
	})
}

// A version that failed is in nobody's way: the next one may be installed beside it.
func TestAnotherVersionThanWhatFailed(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddImage(imageOf("bad"), fake.Behaviour{StartError: graft.Errorf(graft.CodeInvalid, "no such program")})
		first := h.install(`{"name":"x","version":"1.0.0","services":[{"service_name":"s","image":"bad"}]}`)
		h.await(first.ID, graft.StatusFailed)
		second := h.install(`{"name":"x","version":"1.1.0","services":[{"service_name":"s","image":"h"}]}`)
		h.await(second.ID, graft.StatusActive)
	})
}
