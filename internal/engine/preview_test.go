package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// offer puts an approved addon with one image into the catalogue.
func (h *harness) offer(descriptor string) string {
	h.t.Helper()
	d, _, err := graft.ParseDescriptor([]byte(descriptor))
	if err != nil {
		h.t.Fatal(err)
	}
	const id = "00000000000000000000cafe"
	h.catalog[id] = &graft.Addon{
		ID: id, Descriptor: *d, Status: graft.AddonApproved,
		Verification: &graft.Verification{Images: []graft.ImageReport{{
			Service: d.Services[0].Name, Image: d.Services[0].Image, Digest: digest,
			Sizes: map[string]int64{"linux/amd64": 5_000_000},
		}}},
	}
	return id
}

// An installation is bound to the plan that was looked at before.
func TestPlanFirst(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		ctx := context.Background()
		id := h.offer(`{"name":"hello","services":[{"service_name":"web","image":"registry.example/web:1","ports":{"80":"8080"}}]}`)
		request := graft.InstallRequest{MarketplaceID: id}
		plan := func() *graft.Plan {
			plan, err := h.engine.PlanInstall(ctx, request)
			if err != nil {
				h.t.Fatal(err)
			}
			return plan
		}
		first, again := plan(), plan()
		if first.Hash == "" || first.Hash != again.Hash || first.InstallationID != "" {
			h.t.Fatalf("two dry runs:\n%+v\n%+v", first, again)
		}
		if len(first.Images) != 1 || first.Images[0].Present || first.Images[0].Size != 5_000_000 {
			h.t.Errorf("images are %+v", first.Images)
		}
		if !strings.HasPrefix(first.Text, "installs 1 service; pulls 5.0 MB\n") {
			h.t.Errorf("text is\n%s", first.Text)
		}

		h.driver.AddContainer(driver.Container{
			Name: "nginx", State: driver.StateRunning, Ports: []driver.Port{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
		})
		request.Plan = first.Hash
		_, err := h.engine.Install(ctx, request)
		if graft.ErrorCode(err) != graft.CodeConflict || !strings.Contains(graft.ErrorMessage(err), "8080/tcp") {
			h.t.Fatalf("a stale plan: %v", err)
		}
		if all, err := h.engine.Installations(ctx, ""); err != nil || len(all) > 0 {
			h.t.Fatalf("installed all the same: %+v, %v", all, err)
		}
		if now := plan(); len(now.Conflicts) != 1 || now.Conflicts[0].Holder != "nginx" || now.Refusal == "" || now.Hash == first.Hash {
			h.t.Errorf("with a conflict: %+v", now)
		}

		if err := h.driver.Remove(ctx, "nginx"); err != nil {
			h.t.Fatal(err)
		}
		inst, err := h.engine.Install(ctx, request)
		if err != nil {
			h.t.Fatal(err)
		}
		h.await(inst.ID, graft.StatusActive)
		if inst, err = h.engine.Installation(ctx, inst.ID); err != nil || inst.ImageSizes["web"] != 5_000_000 {
			h.t.Errorf("image sizes are %v, %v", inst.ImageSizes, err)
		}
	})
}
