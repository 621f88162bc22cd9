package engine

import (
	"fmt"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// repair adds what puts a container right that is there and is not as it should
// be: it ended too often, its health check fails, or somebody changed it. It
// returns what comes last.
func (p *plan) repair(w *world, v *want, after []int) []int {
	c := v.current
	r := chain{p: p, after: after}
	step := func(cause string, o operation) {
		if r.cause = cause; isOutgoing(c.Name) {
			r.cause = madeRoom
		}
		r.add(o)
	}
	if !samePolicy(c.RestartPolicy, v.policy) && v.behind == nil {
		step("somebody changed it", operation{kind: opPolicy, target: c.Name + " to " + v.policy, id: c.ID, policy: v.policy})
	}
	if c.Name != v.name && v.component == nil && w.container(v.name) == nil {
		step("somebody renamed it", operation{kind: opRename, target: c.Name + " to " + v.name, id: c.ID, name: v.name})
	}
	switch {
	case !w.resting[c.ID].IsZero():
		if c.Running() || c.State == driver.StateRestarting {
			step("it ended too often, and rests", operation{kind: opStop, target: c.Name, id: c.ID, grace: c.StopTimeout})
		}
	case settled(p.installation) && c.Health == "unhealthy" && c.RestartPolicy != "no":
		cause := fmt.Sprintf("service %s is unhealthy", v.service.Name)
		step(cause, operation{kind: opStop, target: c.Name, id: c.ID, grace: c.StopTimeout})
		step(cause, operation{kind: opStart, target: c.Name, id: c.ID})
	}
	return r.after
}

// madeRoom is why something is to be done to a container of a version that was
// not wanted for a while.
const madeRoom = "it made room for another version"

// restartPolicy is what a service's container is to have.
func restartPolicy(inst *graft.Installation, service *graft.Service) string {
	if service.Restart != "" {
		return service.Restart
	}
	return defaultPolicy(inst, service.Name)
}

// samePolicy compares restart policies; "on-failure:0" is how Docker says
// on-failure.
func samePolicy(a, b string) bool {
	return strings.TrimSuffix(a, ":0") == strings.TrimSuffix(b, ":0")
}
