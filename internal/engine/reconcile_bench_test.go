package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
	"github.com/graftplatform/graft/internal/store"
)

// anyAddon is a catalogue in which every id is an approved addon of one service.
type anyAddon struct{}

func (anyAddon) Addon(_ context.Context, id string) (*graft.Addon, error) {
	d, _, err := graft.ParseDescriptor(fmt.Appendf(nil,
		`{"name":"addon-%s","services":[{"service_name":"service-%s","image":"h","environment":{"PORT":"8080"}}]}`, id, id))
	if err != nil {
		return nil, err
	}
	return &graft.Addon{ID: id, Descriptor: *d, Status: graft.AddonApproved, Verification: &graft.Verification{
		Images: []graft.ImageReport{{Service: "service-" + id, Image: "h", Digest: "sha256:" + fmt.Sprintf("%064d", 1)}},
	}}, nil
}

// BenchmarkReconcile compares 200 installed addons with what there is, where
// nothing is to be done; what the runtime takes to answer is not in it.
func BenchmarkReconcile(b *testing.B) {
	const addons = 200
	ctx := context.Background()
	st, err := store.Open(ctx, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	d := fake.New(nil)
	d.AddImage(fake.AnyImage, fake.Behaviour{})
	e, err := New(Options{
		Store: st, Driver: d, Catalog: anyAddon{}, Plane: graft.PlaneRoot, Project: "root", Network: "oakestra",
		IDLabel: driver.AddonIDLabel, ServiceLabel: driver.ServiceNameLabel,
	})
	if err != nil {
		b.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- e.Run(running) }()
	for n := range addons {
		inst, err := e.Install(ctx, graft.InstallRequest{MarketplaceID: fmt.Sprint(n)})
		for err == nil && inst.Status == graft.StatusInstalling {
			inst, err = e.WaitInstallation(ctx, inst.ID, inst.Revision)
		}
		if err != nil || inst.Status != graft.StatusActive {
			b.Fatal(inst, err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if next := e.reconcile(ctx); time.Until(next) < time.Second {
			b.Fatal("something is to be done")
		}
	}
}
