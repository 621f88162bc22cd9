package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/graftplatform/graft"
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
