package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// The runtime restarts at each step of an upgrade.
func TestUpgradeRuntimeRestartsMeanwhile(t *testing.T) {
	t.Parallel()
	meanwhile(t, func(h *harness, _ string) { h.driver.RestartDaemon() })
}

// Somebody removes the addon's containers that do not run.
func TestUpgradePruneMeanwhile(t *testing.T) {
	t.Parallel()
	meanwhile(t, func(h *harness, id string) {
		for _, c := range h.snapshot().Containers {
			if c.Labels[driver.InstallationLabel] == id && !c.Running() {
				_ = h.driver.Remove(context.Background(), c.ID)
			}
		}
	})
}

// The user disables and enables the addon again.
func TestUpgradeDisableAndEnableMeanwhile(t *testing.T) {
	t.Parallel()
	meanwhile(t, func(h *harness, id string) {
		go func() {
			if _, err := h.engine.SetDesired(context.Background(), id, graft.DesiredDisabled); err != nil {
				h.t.Error(err)
			}
			if _, err := h.engine.SetDesired(context.Background(), id, graft.DesiredEnabled); err != nil {
				h.t.Error(err)
			}
		}()
	})
}

// The user asks for a fourth version, which fails, in the middle.
func TestUpgradeMeanwhile(t *testing.T) {
	t.Parallel()
	meanwhile(t, func(h *harness, id string) {
		request := h.request(suite("5.0.0", service("web", "bad"), service("same", "s")))
		go func() {
			if _, err := h.engine.Upgrade(context.Background(), id, request); err != nil {
				h.t.Error(err)
			}
		}()
	})
}

// The user uninstalls the addon in the middle: nothing is left.
func TestUpgradeUninstallMeanwhile(t *testing.T) {
	t.Parallel()
	for _, version := range []string{secondVersion, thirdVersion} {
		for step := 1; step <= 36; step += every {
			t.Run(fmt.Sprint(version[25:30], "/", step), func(t *testing.T) {
				t.Parallel()
				run(t, func(h *harness) {
					addBadImage(h)
					h.driver.AddContainer(schedulerComponent())
					before := h.snapshot()
					inst := h.install(firstVersion)
					h.await(inst.ID, graft.StatusActive)
					h.atStep(step, func() {
						go func() { _, _ = h.engine.SetDesired(context.Background(), inst.ID, graft.DesiredDisabled) }()
					})
					h.upgrade(inst.ID, version)
					h.over(inst.ID)
					h.delete(inst.ID)
					time.Sleep(time.Minute)
					h.nothingLeft(before)
				})
			})
		}
	}
}

// Another addon takes the plugin's place in the middle, and leaves it again.
func TestUpgradeSupersedeMeanwhile(t *testing.T) {
	t.Parallel()
	for _, version := range []string{secondVersion, thirdVersion} {
		for step := 1; step <= 36; step += every {
			t.Run(fmt.Sprint(version[25:30], "/", step), func(t *testing.T) {
				t.Parallel()
				run(t, func(h *harness) {
					addBadImage(h)
					h.driver.AddContainer(schedulerComponent())
					before := h.snapshot()
					inst := h.install(firstVersion)
					h.await(inst.ID, graft.StatusActive)
					top := ""
					request := h.request(topAddon)
					request.Supersede = true
					h.atStep(step, func() {
						go func() {
							other, err := h.engine.Install(context.Background(), request)
							if err != nil {
								h.t.Error(err)
							} else {
								top = other.ID
							}
						}()
					})
					h.upgrade(inst.ID, version)
					h.over(inst.ID)
					time.Sleep(5 * time.Minute)
					if top != "" {
						h.await(top, graft.StatusActive)
						h.answers(top)
						h.await(inst.ID, graft.StatusActive)
						h.delete(top)
						time.Sleep(time.Minute)
					}
					h.anyway(inst.ID, before)
				})
			})
		}
	}
}

// It is never active, and its upgrade not over, before it is; nobody but the one
// who is there has a name or a port; nothing is said to have drifted.
func TestUpgradeStatusMeanwhile(t *testing.T) {
	t.Parallel()
	for _, version := range []string{secondVersion, thirdVersion, fourthVersion} {
		t.Run(version[25:30], func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				addBadImage(h)
				h.driver.AddContainer(schedulerComponent())
				inst := h.install(firstVersion)
				h.await(inst.ID, graft.StatusActive)
				h.driver.AfterCall(func(op, target string) error {
					if !changes(op) {
						return nil
					}
					now, err := h.store.Installation(context.Background(), inst.ID)
					if err != nil {
						return err
					}
					if now.Status == graft.StatusInstalling && now.Details.Upgrade != nil {
						return nil
					}
					for _, c := range h.snapshot().Containers {
						if c.Labels[driver.InstallationLabel] == inst.ID && strings.Contains(c.Name, ".graft-") {
							t.Errorf("after %s %s it is %s, upgrade %+v, with %s", op, target, now.Status, now.Details.Upgrade, c.Name)
						}
					}
					return nil
				})
				stop := make(chan struct{})
				go func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(20 * time.Millisecond):
						}
						for _, name := range []string{"cluster_web", "web", "scheduler", "cluster_scheduler", "same"} {
							if owners := h.driver.Owners("oakestra", name); len(owners) > 1 {
								t.Errorf("%s is %v", name, owners)
							}
						}
					}
				}()
				h.upgrade(inst.ID, version)
				h.upgraded(inst.ID)
				close(stop)
				if drift := h.told(graft.EventDrift, graft.EventComponent); len(drift) > 0 {
					t.Errorf("drift: %v", drift)
				}
			})
		})
	}
}

// The engine is killed at each step of several upgrades.
func TestUpgradeKilledMeanwhile(t *testing.T) {
	t.Parallel()
	a, b := `"ports":{"80":"8080"}`, `"ports":{"80":"8081"}`
	for name, x := range map[string]struct {
		from, to   string
		good       bool
		before, by map[string]string
	}{
		"ports": {suite("1.0.0", service("a", "a1", a), service("b", "b1", b)), suite("2.0.0", service("a", "a2", b), service("b", "b2", a)), true,
			nil, map[string]string{"a": "a2", "b": "b2"}},
		"ports, and back": {suite("1.0.0", service("a", "a1", a), service("b", "b1", b)), suite("2.0.0", service("a", "a2", b), service("b", "bad", a)), false,
			map[string]string{"a": "a1", "b": "b1"}, nil},
		"renamed, and back": {suite("1.0.0", service("a", "a1", a)), suite("2.0.0", service("b", "bad", a)), false,
			map[string]string{"a": "a1"}, nil},
		"prefixed, and back": {suite("1.0.0", service("a", "a1", a)), suite("2.0.0", service("cluster_a", "bad", a)), false,
			map[string]string{"a": "a1"}, nil},
		"new, and back": {suite("1.0.0", service("a", "a1")), suite("2.0.0", service("a", "a1"), service("b", "bad", a)), false,
			map[string]string{"a": "a1"}, nil},
		"no plugin": {suite("1.0.0", service("cluster_scheduler", "p1"), service("a", "a1")), suite("2.0.0", service("a", "a2")), true,
			nil, map[string]string{"a": "a2"}},
		"no plugin, and back": {suite("1.0.0", service("cluster_scheduler", "p1"), service("a", "a1")), suite("2.0.0", service("a", "bad")), false,
			map[string]string{"a": "a1", "scheduler": "p1"}, nil},
		"a plugin, and back": {suite("1.0.0", service("a", "a1")), suite("2.0.0", service("cluster_scheduler", "p1"), service("a", "bad", `"depends_on":["cluster_scheduler"]`)), false,
			map[string]string{"a": "a1"}, nil},
		"health": {suite("1.0.0", service("db", "d1", aliveCheck), service("web", "w1", afterDB)), suite("2.0.0", service("db", "d2", aliveCheck), service("web", "w2", afterDB)), true,
			nil, map[string]string{"db": "d2", "web": "w2"}},
		"a job, and back": {suite("1.0.0", service("job", "j1"), service("web", "w1", afterJob)), suite("2.0.0", service("job", "j2"), service("web", "bad", afterJob)), false,
			map[string]string{"job": "j1 exited", "web": "w1"}, nil},
	} {
		for step := 1; step <= 36; step += every {
			t.Run(fmt.Sprint(name, "/", step), func(t *testing.T) {
				t.Parallel()
				run(t, func(h *harness) {
					addBadImage(h)
					addJob(h)
					h.driver.AddContainer(schedulerComponent())
					before := h.snapshot()
					inst := h.install(x.from)
					h.await(inst.ID, graft.StatusActive)
					time.Sleep(10 * time.Second)
					started := make(chan struct{}, 1)
					h.atStep(step, func() {
						h.cancel()
						go func() {
							<-h.ended
							h.start()
							started <- struct{}{}
						}()
					})
					h.upgrade(inst.ID, x.to)
					time.Sleep(5 * time.Minute)
					h.driver.AfterCall(nil)
					select {
					case <-started:
					default: // there are fewer steps
					}
					if x.good {
						h.is(h.over(inst.ID), "2.0.0", graft.StatusActive, graft.OutcomeDone)
						h.exactly(inst.ID, x.by)
					} else {
						h.is(h.over(inst.ID), "1.0.0", graft.StatusActive, graft.OutcomeRestored)
						h.exactly(inst.ID, x.before)
					}
					if drift := h.told(graft.EventDrift, graft.EventComponent); len(drift) > 0 {
						t.Errorf("drift: %v", drift)
					}
					h.delete(inst.ID)
					time.Sleep(time.Minute)
					h.nothingLeft(before)
				})
			})
		}
	}
}
