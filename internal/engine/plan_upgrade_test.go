package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

const (
	versionOne = `{"name":"suite","version":"1.0.0","services":[
		{"service_name":"web","image":"x","ports":{"80":"8080"}},{"service_name":"same","image":"x"},{"service_name":"gone","image":"x"}]}`
	versionTwo = `{"name":"suite","version":"2.0.0","services":[
		{"service_name":"web","image":"x","ports":{"80":"8080"},"environment":{"NEW":"1"}},{"service_name":"same","image":"x"}]}`
)

// upgrading returns an installation on its way to the second version, and the
// containers that it has: those of the first version, and what made adds.
func upgrading(t *testing.T, made ...func(*graft.Installation) driver.Container) (*graft.Installation, *world) {
	t.Helper()
	one, two := installation(t, versionOne), installation(t, versionTwo)
	two.Generation = 2
	containers := []driver.Container{
		running(one, "web", "root_web"), running(one, "same", "root_same"), running(one, "gone", "root_gone"),
	}
	for _, add := range made {
		containers = append(containers, add(two))
	}
	return two, worldOf(two, driver.Snapshot{Networks: oakestra(), Containers: containers})
}

// As long as another version is not up, nothing of the one before is removed, and
// what can fail early is done while that runs.
func TestPlanUpgrade(t *testing.T) {
	t.Parallel()
	started := func(i *graft.Installation) driver.Container {
		return running(i, "web", incomingName("root_web", i.ID))
	}
	for name, c := range map[string]struct {
		made    []func(*graft.Installation) driver.Container
		already func(w *world) // what an engine that was killed had done
		want    string
	}{
		"from the beginning": {
			want: `pull ` + testImage + ` (image of service web)
create container root_web.graft-new-01234567 (service web goes to version 2.0.0)
set restart policy root_gone to no (version 2.0.0 has no service gone)
rename container root_gone to root_gone.graft-old-own-root_gon (version 2.0.0 has no service gone)
stop container root_gone.graft-old-own-root_gon (version 2.0.0 has no service gone)
set restart policy root_web to no (service web goes to version 2.0.0)
rename container root_web to root_web.graft-old-own-root_web (service web goes to version 2.0.0)
stop container root_web.graft-old-own-root_web (service web goes to version 2.0.0)
start container root_web.graft-new-01234567 (service web goes to version 2.0.0)
wait for root_web.graft-new-01234567 (service web goes to version 2.0.0)
remove container root_gone.graft-old-own-root_gon (version 2.0.0 has come up)
remove container root_web.graft-old-own-root_web (version 2.0.0 has come up)
rename container root_web.graft-new-01234567 to root_web (version 2.0.0 has come up)
`,
		},
		"killed when the new one runs": {
			made: []func(*graft.Installation) driver.Container{started},
			already: func(w *world) {
				for i := range w.snapshot.Containers {
					c := &w.snapshot.Containers[i]
					if c.Name == "root_web" || c.Name == "root_gone" {
						c.RestartPolicy, c.State, c.Name = "no", driver.StateExited, outgoingName(c.Name, c.ID)
					}
				}
			},
			want: `wait for root_web.graft-new-01234567 (service web goes to version 2.0.0)
remove container root_gone.graft-old-own-root_gon (version 2.0.0 has come up)
remove container root_web.graft-old-own-root_web (version 2.0.0 has come up)
rename container root_web.graft-new-01234567 to root_web (version 2.0.0 has come up)
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst, w := upgrading(t, c.made...)
			if c.already != nil {
				c.already(w)
			}
			if diff := cmp.Diff(c.want, planFor(w, inst).String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The version before is wanted again: its containers wait for that, and the one of
// the other version goes when all of them are up.
func TestPlanToGoBack(t *testing.T) {
	t.Parallel()
	one, two := installation(t, versionOne), installation(t, versionTwo)
	one.Generation = 3
	waiting := func(service, name string) driver.Container {
		return change(running(one, service, outgoingName(name, "own-"+name)), func(c *driver.Container) {
			c.State, c.RestartPolicy = driver.StateExited, "no"
		})
	}
	w := worldOf(one, driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{
		waiting("web", "root_web"), waiting("gone", "root_gone"), running(one, "same", "root_same"),
		change(running(two, "web", incomingName("root_web", two.ID)), func(c *driver.Container) { c.ID = "other" }),
	}})
	want := `set restart policy root_web.graft-new-01234567 to no (service web goes back to version 1.0.0)
rename container root_web.graft-new-01234567 to root_web.graft-old-other (service web goes back to version 1.0.0)
stop container root_web.graft-old-other (service web goes back to version 1.0.0)
set restart policy root_web.graft-old-own-root_web to unless-stopped (service web goes back to version 1.0.0)
start container root_web.graft-old-own-root_web (service web goes back to version 1.0.0)
wait for root_web.graft-old-own-root_web (service web goes back to version 1.0.0)
set restart policy root_gone.graft-old-own-root_gon to unless-stopped (it made room for another version)
rename container root_gone.graft-old-own-root_gon to root_gone (it made room for another version)
start container root_gone (it made room for another version)
remove container root_web.graft-old-other (version 1.0.0 has come up)
rename container root_web.graft-old-own-root_web to root_web (version 1.0.0 has come up)
`
	if diff := cmp.Diff(want, planFor(w, one).String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
