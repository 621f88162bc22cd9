package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

func TestRepair(t *testing.T) {
	t.Parallel()
	const web = `{"name":"hello","services":[{"service_name":"web","image":"x"}]}`
	const retried = `{"name":"hello","services":[{"service_name":"web","image":"x","restart":"on-failure"}]}`
	unhealthy := func(c *driver.Container) { c.Health = "unhealthy" }
	tests := []struct {
		name       string
		descriptor string
		container  func(*driver.Container)
		first      bool // it is not settled yet
		rests      bool
		want       string
	}{
		{name: "as it should be", container: func(*driver.Container) {}, want: "nothing to do"},
		{
			name: "another restart policy", container: func(c *driver.Container) { c.RestartPolicy = "no" },
			want: "set restart policy root_web to unless-stopped (somebody changed it)",
		},
		{
			name: "the same restart policy in other words", descriptor: retried,
			container: func(c *driver.Container) { c.RestartPolicy = "on-failure:0" }, want: "nothing to do",
		},
		{
			name: "another name", container: func(c *driver.Container) { c.Name = "mine" },
			want: "rename container mine to root_web (somebody renamed it)",
		},
		{
			name: "another name and another policy, stopped", container: func(c *driver.Container) {
				c.Name, c.RestartPolicy, c.State = "mine", "no", driver.StateExited
			},
			want: `set restart policy mine to unless-stopped (somebody changed it)
				rename container mine to root_web (somebody renamed it)
				start container root_web (it is stopped (exit code 0) and is to run)`,
		},
		{
			name: "unhealthy", container: unhealthy,
			want: `stop container root_web (service web is unhealthy)
				start container root_web (service web is unhealthy)`,
		},
		{name: "unhealthy from the beginning", container: unhealthy, first: true, want: "nothing to do"},
		{name: "ended too often, and does not run", container: func(c *driver.Container) { c.State = driver.StateExited }, rests: true, want: "nothing to do"},
		{
			name: "ended too often", container: func(c *driver.Container) { c.State = driver.StateRestarting }, rests: true,
			want: "stop container root_web (it ended too often, and rests)",
		},
		{
			name: "ended too often, and unhealthy", container: unhealthy, rests: true,
			want: "stop container root_web (it ended too often, and rests)",
		},
		{
			name: "paused", container: func(c *driver.Container) { c.State = driver.StatePaused }, want: "nothing to do",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.descriptor == "" {
				tt.descriptor = web
			}
			inst := installation(t, tt.descriptor)
			if !tt.first {
				inst.Details = &graft.StatusDetails{Generation: 1, Outcome: graft.OutcomeDone}
			}
			c := change(running(inst, "web", "root_web"), tt.container)
			w := worldOf(inst, driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{c}})
			if tt.rests {
				w.resting = map[string]time.Time{c.ID: time.Unix(1, 0)}
			}
			want := strings.ReplaceAll(tt.want, "\t", "") + "\n"
			if diff := cmp.Diff(want, planFor(w, inst).String()); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}
