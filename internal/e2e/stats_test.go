package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/dockertest"
)

// Who looks sees who he is, since when a service runs, as Docker has it, and what it
// uses while it has something to do.
func TestStats(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.up(graft.PlaneCluster, t.TempDir())
	for _, server := range []client.Server{client.Marketplace, client.Engine} {
		if who, err := p.WhoAmI(t.Context(), server); err != nil || *who != (graft.Principal{Name: graft.PrincipalAdmin, Role: graft.RoleAdmin}) {
			t.Errorf("%s: %+v, %v", server, who, err)
		}
	}
	port := dockertest.FreePort(t)
	inst := p.install(s.addon("hello", service(s.prefix+"-web", s.imageNamed("hello", "NAME=hello"),
		`"mem_limit":"64m"`, `"ports":{"8080":"`+port+`"}`)), graft.StatusActive)
	told := inst.Details.Services[0]
	began, err := time.Parse(time.RFC3339Nano, s.inspect(told.ContainerID).State.StartedAt)
	if err != nil {
		t.Fatal(err)
	}
	if told.StartedAt == nil || !told.StartedAt.Equal(began.Truncate(time.Millisecond)) {
		t.Errorf("it was started at %v, and told is %v", began, told.StartedAt)
	}

	answers(t, port, "hello")
	busy, rest := context.WithCancel(t.Context())
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		for busy.Err() == nil {
			get(busy, port)
		}
	}()
	usage, err := p.Stats(t.Context())
	rest()
	<-idle
	if err != nil || len(usage) != 1 {
		t.Fatalf("%+v, %v", usage, err)
	}
	got := usage[0]
	if got.InstallationID != inst.ID || got.Service != told.Name || got.ContainerID != told.ContainerID || got.MemoryLimit != 64<<20 ||
		got.Memory <= 0 || got.Memory > got.MemoryLimit || got.CPUs <= 0 || got.CPUs > 64 || time.Since(got.Time).Abs() > time.Minute {
		t.Errorf("got %+v", got)
	}

	p.uninstall(inst.ID)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for late := time.After(patience); len(usage) > 0; { // an answer is good for a second
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("when it is gone: %+v", usage)
		}
		if usage, err = p.Stats(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
