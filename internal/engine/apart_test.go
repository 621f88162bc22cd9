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

const (
	pluginOnPort = `{"name":"plain","services":[{"service_name":"cluster_scheduler","image":"p","ports":{"9000":"9000"}}]}`
	pluginAndWeb = `{"name":"p","services":[{"service_name":"cluster_scheduler","image":"p"},
		{"service_name":"web","image":"w"},{"service_name":"side","image":"s","ports":{"80":"8080"}}]}`
)

// noSuch lets pulls of an image fail, or hang.
func (h *harness) noSuch(image string, err error) {
	h.driver.RemoveImage(imageOf(image))
	h.driver.OnCall(func(op, target string) error {
		if op == "pull" && target == imageOf(image) {
			return err
		}
		return nil
	})
}

// occupy lets somebody else have a host port, and returns what frees it.
func (h *harness) occupy(port uint16) (free func()) {
	id := h.driver.AddContainer(driver.Container{
		Name: fmt.Sprint("other-", port), Image: "x", Endpoints: []driver.Endpoint{{Network: "bridge"}},
		Ports: []driver.Port{{HostPort: port, ContainerPort: 1, Protocol: "tcp"}},
	})
	return func() { try(h.t, h.driver.Remove(context.Background(), id)) }
}

// removeWhileDown removes an addon's container while Graft is off, and lets
// something else happen before it is back.
func (h *harness) removeWhileDown(name string, meanwhile func()) {
	id := h.container(name).ID
	h.stop()
	try(h.t, h.driver.Remove(context.Background(), id))
	meanwhile()
	h.start()
}

// answeredSoon fails unless somebody answers to the component's name within some
// seconds.
func (h *harness) answeredSoon() {
	h.t.Helper()
	h.pass(20 * time.Second)
	h.answered()
}

func errNoImage() error { return graft.Errorf(graft.CodeNotFound, "no such image") }

// A plugin that ends and is not to be started again leaves no component without
// an owner, whatever its exit code was.
func TestPluginThatEndsMakesRoom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy string
		code   int
	}{{"no", 0}, {"no", 1}, {"on-failure", 0}, {"on-failure:2", 1}} {
		t.Run(fmt.Sprintf("%s, code %d", c.policy, c.code), func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(schedulerComponent())
				id := h.install(`{"name":"p","services":[{"service_name":"cluster_scheduler","image":"p","restart":"` + c.policy + `"}]}`).ID
				h.await(id, graft.StatusActive)
				if c.code != 0 {
					h.driver.AddImage(imageOf("p"), fake.Behaviour{ExitAfter: time.Second, ExitCode: c.code})
				}
				h.driver.Exit(h.container("cluster_scheduler").ID, c.code)
				inst := h.awaitThat(id, "restored", restoredNow)
				if inst.Status != graft.StatusFailed || !strings.Contains(inst.Details.Reason, "is not to be started again: component cluster_scheduler comes back") {
					t.Errorf("status %s, details %+v", inst.Status, inst.Details)
				}
				h.answers("")
			})
		})
	}
}

// What is in the way of one service keeps nobody from repairing the plugin.
func TestObstacleOfOneServiceIsItsOwn(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		id := h.install(pluginAndWeb).ID
		h.await(id, graft.StatusActive)
		var free func()
		h.removeWhileDown("cluster_side", func() { free = h.occupy(8080) })
		inst := h.await(id, graft.StatusPartiallyActive)
		h.awaitThat(id, "told why", func(i *graft.Installation) bool {
			return strings.Contains(i.Details.Reason, `taken by container "other-8080"`)
		})
		try(t, h.driver.Stop(context.Background(), h.container("cluster_scheduler").ID))
		h.answeredSoon()
		h.answers(id)
		if len(inst.Details.Withdrawn) > 0 {
			t.Errorf("withdrawn: %+v", inst.Details.Withdrawn)
		}
		free()
		h.await(id, graft.StatusActive)
	})
}

// A plugin that can't be made again makes room, and comes back by itself.
func TestPluginWhosePortIsTakenMakesRoom(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		id := h.install(pluginOnPort).ID
		h.await(id, graft.StatusActive)
		var free func()
		h.removeWhileDown("cluster_scheduler", func() { free = h.occupy(9000) })
		h.answeredSoon()
		h.answers("")
		free()
		h.await(id, graft.StatusActive)
		h.answers(id)
	})
}

// The same for one plugin of several: the others stay where they are.
func TestOnePluginOfSeveralMakesRoom(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		h.driver.AddContainer(managerComponent())
		before := h.snapshot()
		id := h.install(`{"name":"p","services":[{"service_name":"cluster_manager","image":"m"},{"service_name":"web","image":"w"},
			{"service_name":"cluster_scheduler","image":"p","ports":{"9000":"9000"}}]}`).ID
		h.await(id, graft.StatusActive)
		manager, web := h.container("cluster_manager"), h.container("cluster_web")
		var free func()
		h.removeWhileDown("cluster_scheduler", func() { free = h.occupy(9000) })
		h.answeredSoon()
		h.answers("")
		inst := h.status(id)
		if inst.Status != graft.StatusPartiallyActive || len(inst.Details.Withdrawn) != 1 || !inst.Details.Withdrawn[0].Blocked {
			t.Errorf("status %s, details %+v", inst.Status, inst.Details)
		}
		for _, c := range []*driver.Container{manager, web} {
			if now := h.container(c.Name); now == nil || now.ID != c.ID || !now.StartedAt.Equal(c.StartedAt) {
				t.Errorf("%s was disturbed: %+v", c.Name, now)
			}
		}
		free()
		h.await(id, graft.StatusActive)
		h.answers(id)
		h.delete(id)
		h.nothingLeft(before)
	})
}

// Of an addon with two plugins one component can't come back, as its port is
// taken: the other one comes back all the same.
func TestOneComponentComesBackWithoutTheOther(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(h *harness, id string){
		"disabled": func(h *harness, id string) { h.disable(id) },
		"the plugin crashes for ever": func(h *harness, _ string) {
			h.driver.AddImage(imageOf("p"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 1})
			h.driver.Exit(h.container("cluster_scheduler").ID, 1)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(schedulerComponent())
				h.driver.AddContainer(managerComponent())
				id := h.install(`{"name":"p","services":[{"service_name":"cluster_manager","image":"m","ports":{"10100":"11100"}},
					{"service_name":"cluster_scheduler","image":"p"}]}`).ID
				h.await(id, graft.StatusActive)
				free := h.occupy(10100)
				end(h, id)
				h.pass(10 * time.Minute)
				h.answers("")
				if c := h.container("cluster_manager"); c.Labels[driver.InstallationLabel] != id || !c.Running() {
					t.Errorf("in the other component's place: %+v", c)
				}
				free()
				h.disable(id)
				h.await(id, graft.StatusDisabled)
				if c := h.container("cluster_manager"); c.Labels[driver.InstallationLabel] != "" || !c.Running() {
					t.Errorf("in the other component's place: %+v", c)
				}
			})
		})
	}
}

// One below that can't take over, as its port is taken, keeps neither the one on
// top from going nor the component from coming back.
func TestSupersededWhosePortIsTaken(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(h *harness, top string){
		"the one on top is disabled": func(h *harness, top string) { h.disable(top) },
		"the one on top crashes for ever": func(h *harness, _ string) {
			h.driver.AddImage(imageOf("q"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 1})
			h.driver.Exit(h.container("cluster_scheduler").ID, 1)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(schedulerComponent())
				below := h.install(pluginOnPort).ID
				h.await(below, graft.StatusActive)
				top := h.supersede(otherPlugin)
				h.await(top, graft.StatusActive)
				h.superseded(below)
				free := h.occupy(9000)
				end(h, top)
				h.pass(10 * time.Minute)
				h.answers("")
				free()
				h.await(below, graft.StatusActive)
				h.answers(below)
			})
		})
	}
}

// An image that is gone, or takes its time, keeps nothing else from being
// repaired, and a plugin that crashes meanwhile makes room.
func TestImageOfOneServiceHoldsUpNobody(t *testing.T) {
	t.Parallel()
	for what, err := range map[string]error{"it is gone": errNoImage(), "it takes for ever": fake.ErrHang} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(schedulerComponent())
				id := h.install(pluginAndWeb).ID
				h.await(id, graft.StatusActive)
				h.noSuch("s", err)
				try(t, h.driver.Remove(context.Background(), h.container("cluster_side").ID))
				h.pass(time.Hour)
				for _, name := range []string{"cluster_web", "cluster_scheduler"} {
					try(t, h.driver.Stop(context.Background(), h.container(name).ID))
					h.pass(20 * time.Second)
					if c := h.container(name); c == nil || !c.Running() {
						t.Errorf("%s is not started again: %+v", name, c)
					}
				}
				h.driver.AddImage(imageOf("p"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 1})
				h.driver.Exit(h.container("cluster_scheduler").ID, 1)
				h.pass(2 * time.Minute)
				h.answers("")
			})
		})
	}
}

// A component that can't be made again, as its image is gone, does not delay the
// repair of its plugin.
func TestComponentThatCanNotBeMadeAgainDelaysNobody(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		component := h.driver.AddContainer(schedulerComponent())
		id := h.install(plainPlugin).ID
		h.await(id, graft.StatusActive)
		h.driver.RemoveImage("core")
		try(t, h.driver.Remove(context.Background(), component))
		h.pass(2 * time.Hour)
		for range 3 {
			try(t, h.driver.Stop(context.Background(), h.container("cluster_scheduler").ID))
			h.answeredSoon()
			h.pass(7 * time.Minute)
		}
		h.answers(id)
	})
}

// While images of an addon that is to supersede another one are pulled, the one
// that is in place is looked after.
func TestPluginIsRepairedWhileAnotherIsPulled(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(h *harness){
		"it is stopped": func(h *harness) { try(h.t, h.driver.Stop(context.Background(), h.container("cluster_scheduler").ID)) },
		"it crashes for ever": func(h *harness) {
			h.driver.AddImage(imageOf("p"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 1})
			h.driver.Exit(h.container("cluster_scheduler").ID, 1)
			h.pass(time.Minute)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				h.driver.AddContainer(schedulerComponent())
				h.await(h.install(plainPlugin).ID, graft.StatusActive)
				h.noSuch("q", fake.ErrHang)
				top := h.supersede(otherPlugin)
				h.pass(time.Minute)
				end(h)
				h.answeredSoon()
				if inst := h.status(top); inst.Status != graft.StatusInstalling {
					t.Errorf("the other one is %s: %+v", inst.Status, inst.Details)
				}
				h.driver.OnCall(nil)
				h.await(top, graft.StatusActive)
				h.answers(top)
			})
		})
	}
}

// To enable an addon again of which a part has failed takes nothing down.
func TestEnableWhatIsPartlyUp(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		id := h.install(pluginAndWeb).ID
		h.await(id, graft.StatusActive)
		h.noSuch("s", errNoImage())
		try(t, h.driver.Remove(context.Background(), h.container("cluster_side").ID))
		h.await(id, graft.StatusPartiallyActive)
		web, plugin := h.container("cluster_web"), h.container("cluster_scheduler")
		if _, err := h.engine.SetDesired(context.Background(), id, graft.DesiredEnabled); err != nil {
			t.Fatal(err)
		}
		h.awaitThat(id, "told why", func(i *graft.Installation) bool {
			return i.Details != nil && strings.Contains(i.Details.Reason, "no such image")
		})
		h.pass(10 * time.Minute)
		for _, c := range []*driver.Container{web, plugin} {
			if now := h.container(c.Name); now == nil || now.ID != c.ID || !now.StartedAt.Equal(c.StartedAt) {
				t.Errorf("%s was disturbed: %+v", c.Name, now)
			}
		}
		if inst := h.status(id); inst.Status != graft.StatusPartiallyActive || inst.Details.RetryAt == nil {
			t.Errorf("status %s, details: %+v", inst.Status, inst.Details)
		}
		h.driver.OnCall(nil)
		h.await(id, graft.StatusActive)
	})
}

// A plugin that made room and is enabled again, and fails again, takes nothing
// else of its addon down.
func TestEnableAPluginThatMadeRoom(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(schedulerComponent())
		before := h.snapshot()
		id := h.install(pluginAndWeb).ID
		h.await(id, graft.StatusActive)
		web, side := h.container("cluster_web"), h.container("cluster_side")
		h.driver.AddImage(imageOf("p"), fake.Behaviour{ExitAfter: time.Second, ExitCode: 1})
		h.driver.Exit(h.container("cluster_scheduler").ID, 1)
		h.awaitThat(id, "restored", restoredNow)
		h.answers("")
		for range 2 {
			if _, err := h.engine.SetDesired(context.Background(), id, graft.DesiredEnabled); err != nil {
				t.Fatal(err)
			}
			h.awaitThat(id, "restored again", restoredNow)
			h.pass(time.Minute)
			h.answers("")
		}
		for _, c := range []*driver.Container{web, side} {
			if now := h.container(c.Name); now == nil || now.ID != c.ID || !now.StartedAt.Equal(c.StartedAt) {
				t.Errorf("%s was disturbed: %+v", c.Name, now)
			}
		}
		h.driver.AddImage(imageOf("p"), fake.Behaviour{})
		if _, err := h.engine.SetDesired(context.Background(), id, graft.DesiredEnabled); err != nil {
			t.Fatal(err)
		}
		h.await(id, graft.StatusActive)
		h.answers(id)
		h.delete(id)
		h.nothingLeft(before)
	})
}
