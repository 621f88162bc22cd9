package engine

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

func TestAssess(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	const two = `{"name":"two","services":[{"service_name":"a","image":"x"},{"service_name":"b","image":"x"}]}`
	ok := func(*driver.Container) {}
	died := func(c *driver.Container) { c.State, c.ExitCode = driver.StateExited, 3 }
	restarted := func(c *driver.Container) { c.Restarts, c.ExitCode, c.StartedAt = 2, 9, now.Add(-time.Second) }
	recovered := func(c *driver.Container) { c.Restarts, c.StartedAt = 2, now.Add(-time.Minute) }
	health := func(h string) func(*driver.Container) { return func(c *driver.Container) { c.Health = h } }
	completed := func(c *driver.Container) { c.State, c.RestartPolicy = driver.StateExited, "no" }
	tests := []struct {
		name       string
		a, b       func(*driver.Container) // nil: no container
		settled    bool
		wantStatus graft.InstallationStatus
		wantReason string
		wantWake   time.Duration
	}{
		{"both run", ok, ok, false, graft.StatusActive, "", 0},
		{"one ended", ok, died, false, graft.StatusPartiallyActive, `service "b" exited with code 3`, 0},
		{"both ended", died, died, false, graft.StatusFailed, `service "a" exited with code 3`, 0},
		{"one is gone", ok, nil, true, graft.StatusPartiallyActive, `service "b" has no container`, 0},
		{"restarted a moment ago", ok, restarted, true, graft.StatusPartiallyActive, `service "b" exited with code 9 and was restarted (2×)`, 9 * time.Second},
		{"restarted, and ran since", ok, recovered, true, graft.StatusActive, "", 0},
		{"first health check pending", ok, health("starting"), false, graft.StatusInstalling, "", 0},
		{"health check pending again", ok, health("starting"), true, graft.StatusActive, "", 0},
		{"unhealthy", ok, health("unhealthy"), true, graft.StatusPartiallyActive, `service "b" is unhealthy: its health check fails`, 0},
		{"ended as it should", ok, completed, false, graft.StatusActive, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inst := installation(t, two)
			if tt.settled {
				inst.Details = &graft.StatusDetails{Generation: 1, Outcome: graft.OutcomeDone}
			}
			var snapshot driver.Snapshot
			for name, f := range map[string]func(*driver.Container){"a": tt.a, "b": tt.b} {
				if f != nil {
					snapshot.Containers = append(snapshot.Containers, change(running(inst, name, "root_"+name), f))
				}
			}
			got := assess(worldOf(inst, snapshot), inst, now)
			if got.status != tt.wantStatus || got.details.Reason != tt.wantReason {
				t.Errorf("got %s, %q; want %s, %q", got.status, got.details.Reason, tt.wantStatus, tt.wantReason)
			}
			if wake := got.wake.Sub(now); (tt.wantWake == 0) != got.wake.IsZero() || (tt.wantWake != 0 && wake != tt.wantWake) {
				t.Errorf("looks again in %v, want %v", wake, tt.wantWake)
			}
			// Else every look would write it again.
			if stored := stored(t, got.details); !reflect.DeepEqual(stored, got.details) {
				t.Errorf("the store gives back %+v instead of %+v", stored, got.details)
			}
		})
	}
}

// The exit code of a container that the runtime has started again is not to be
// had from it any more.
func TestAssessRemembersTheExitCode(t *testing.T) {
	t.Parallel()
	now := time.Now()
	inst := installation(t, scheduler)
	c := change(running(inst, "root_scheduler", "root_scheduler"), func(c *driver.Container) {
		c.State, c.ExitCode, c.Restarts = driver.StateRestarting, 7, 1
	})
	a := assess(worldOf(inst, driver.Snapshot{Containers: []driver.Container{c}}), inst, now)
	inst.Details = &a.details
	c.State, c.ExitCode, c.StartedAt = driver.StateRunning, 0, now
	a = assess(worldOf(inst, driver.Snapshot{Containers: []driver.Container{c}}), inst, now)
	want := "exited with code 7 and was restarted (1×)"
	if got := a.details.Services[0]; got.Reason != want || got.ExitCode == nil || *got.ExitCode != 7 {
		t.Errorf("got %+v, want reason %q", got, want)
	}
}

// A plugin that has its turn may run before anybody has read that its component is to
// step aside: its addon's upgrade is not over for that.
func TestAssessPluginOnItsWay(t *testing.T) {
	t.Parallel()
	was := component("root_scheduler")
	for name, over := range map[string]bool{incomingName(was.Name, "0123456789abcdef01234567"): false, was.Name: true} {
		inst := installation(t, scheduler)
		inst.Previous = &graft.Pinned{MarketplaceID: "the version before"}
		inst.Details = &graft.StatusDetails{Generation: 1, Outcome: graft.OutcomeDone, Upgrade: &graft.UpgradeStatus{From: "1", To: "2"}}
		plugin := change(running(inst, was.Name, name), func(c *driver.Container) { c.Labels[driver.ComponentLabel] = was.Name })
		snapshot := driver.Snapshot{Containers: []driver.Container{plugin}}
		if !over {
			snapshot.Containers = append(snapshot.Containers, was)
		}
		a := assess(worldOf(inst, snapshot), inst, time.Now())
		if got := a.details.Upgrade.Outcome; (got != "") != over {
			t.Errorf("with plugin %s the upgrade's outcome is %q, details %+v", name, got, a.details)
		}
	}
}

// When a service's container was started is told while it runs.
func TestAssessTellsTheStart(t *testing.T) {
	t.Parallel()
	inst := installation(t, scheduler)
	zone := time.FixedZone("", 3600)
	at := time.Date(2026, 11, 22, 13, 0, 0, 123456789, zone)
	want := time.Date(2026, 11, 22, 12, 0, 0, 123000000, time.UTC)
	for state, told := range map[driver.State]bool{
		driver.StateRunning: true, driver.StatePaused: true,
		driver.StateCreated: false, driver.StateRestarting: false, driver.StateExited: false, driver.StateDead: false,
	} {
		c := change(running(inst, "root_scheduler", "root_scheduler"), func(c *driver.Container) { c.State, c.StartedAt = state, at })
		a := assess(worldOf(inst, driver.Snapshot{Containers: []driver.Container{c}}), inst, at.Add(time.Hour))
		switch got := a.details.Services[0].StartedAt; {
		case told != (got != nil):
			t.Errorf("%s: started at %v", state, got)
		case told && *got != want:
			t.Errorf("%s: started at %v, want %v", state, got, want)
		}
		if stored := stored(t, a.details); !reflect.DeepEqual(stored, a.details) { // else every look would write it again
			t.Errorf("%s: the store gives back %+v instead of %+v", state, stored, a.details)
		}
	}
}

// stored is what the store gives back of details.
func stored(t *testing.T, details graft.StatusDetails) (back graft.StatusDetails) {
	t.Helper()
	text, err := json.Marshal(details)
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil {
		t.Fatal(err)
	}
	return back
}
