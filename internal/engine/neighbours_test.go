package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

func managerComponent() driver.Container {
	return driver.Container{
		Name: "cluster_manager", RestartPolicy: "unless-stopped", Image: "core",
		Ports:     []driver.Port{{HostPort: 10100, ContainerPort: 10100, Protocol: "tcp"}},
		Endpoints: []driver.Endpoint{{Network: "oakestra", Aliases: []string{"cluster_manager", "manager"}}},
	}
}

// Containers that take their time to stop keep nobody waiting.
func TestSlowStopsBlockNobody(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		var slow []string
		for i := range 2 * 4 { // more than may be called at a time
			id := h.install(fmt.Sprintf(`{"name":"slow%d","services":[{"service_name":"slow%d","image":"w","stop_grace_period":"10m"}]}`, i, i)).ID
			h.await(id, graft.StatusActive)
			slow = append(slow, id)
		}
		h.driver.OnCall(func(op, target string) error {
			if op == "stop" && strings.Contains(target, "slow") {
				time.Sleep(10 * time.Minute) // of the bubble: it ignores the signal
			}
			return nil
		})
		for _, id := range slow {
			h.disable(id)
		}
		h.pass(time.Second)
		begin := time.Now()
		h.await(h.install(`{"name":"quick","services":[{"service_name":"quick","image":"w"}]}`).ID, graft.StatusActive)
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("another addon waited for %v", took)
		}
	})
}

// Two exchanges at a time leave nobody waiting when they are over.
func TestTwoExchangesAtATime(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		h.driver.AddContainer(managerComponent())
		h.driver.OnCall(func(op, _ string) error {
			if op == "connect" || op == "disconnect" {
				time.Sleep(100 * time.Millisecond) // of the bubble
			}
			return nil
		})
		id := h.install(`{"name":"p","services":[{"service_name":"cluster_manager","image":"m"},
			{"service_name":"cluster_scheduler","image":"p"},{"service_name":"web","image":"w","restart":"no"}]}`).ID
		h.await(id, graft.StatusActive)
		h.pass(10 * time.Minute)
		begin := time.Now()
		h.driver.Exit(h.container("cluster_web").ID, 1)
		h.await(id, graft.StatusPartiallyActive)
		if took := time.Since(begin); took > 100*time.Millisecond {
			t.Errorf("a failure was told after %v", took)
		}
	})
}

// A health check that passed where the plugin warmed up does not count in the
// component's place: until the plugin has proved itself there, the component is
// ready to come back.
func TestPluginWithAHealthCheckProvesItselfTwice(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		h.driver.AddImage(imageOf("p"), fake.Behaviour{HealthAfter: 5 * time.Second})
		var moved, stopped time.Time
		h.driver.OnCall(func(op, target string) error {
			switch {
			case op == "connect" && strings.HasSuffix(target, " oakestra"):
				moved = time.Now()
			case op == "stop" && stopped.IsZero():
				stopped = time.Now()
			}
			return nil
		})
		h.await(h.install(plainPlugin).ID, graft.StatusActive)
		if waited := stopped.Sub(moved); moved.IsZero() || waited < 3*time.Second {
			t.Errorf("the component was stopped %v after the move", waited)
		}
	})
}

// Without a network to warm up on, the plugin is started in the component's place.
func TestNoWarmNetworkCanBeMade(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		h.driver.OnCall(func(op, target string) error {
			if op == "create-network" && strings.Contains(target, "graft-warm") {
				return graft.Errorf(graft.CodeUpstream, "could not find an available, non-overlapping IPv4 address pool among the defaults")
			}
			return nil
		})
		id := h.install(plainPlugin).ID
		h.await(id, graft.StatusActive)
		h.answers(id)
		h.delete(id)
		h.nothingLeft(before)
	})
}

// Of two addons for one host port the second is told so before anything of the
// first is there, and goes on when the first has gone.
func TestPortOfAnAddonThatIsBeingInstalled(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.noSuch("one", fake.ErrHang)
		first := h.install(`{"name":"first","services":[{"service_name":"one","image":"one","ports":{"80":"8080"}}]}`).ID
		h.pass(time.Second)
		second := h.install(`{"name":"second","services":[{"service_name":"two","image":"two","ports":{"80":"8080"}}]}`).ID
		inst := h.await(second, graft.StatusFailed)
		if inst.Details.Outcome != graft.OutcomeRefused || !strings.Contains(inst.Details.Reason, `host port 8080/tcp is for addon "first"`) {
			t.Errorf("details: %+v", inst.Details)
		}
		h.disable(first)
		h.await(second, graft.StatusActive)
	})
}

// A component in whose network another container runs is not taken from it.
func TestComponentWithALodgerIsRefused(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		id := h.driver.AddContainer(schedulerComponent())
		h.driver.AddContainer(driver.Container{Name: "sidecar", Image: "x", NetworkMode: "container:" + id})
		before := h.snapshot()
		_, err := h.engine.Install(context.Background(), graft.InstallRequest{MarketplaceID: h.publish(plainPlugin)})
		if graft.ErrorCode(err) != graft.CodeRefused || !strings.Contains(graft.ErrorMessage(err), `container "sidecar" uses its network`) {
			t.Errorf("install: %v", err)
		}
		h.nothingLeft(before)
	})
}
