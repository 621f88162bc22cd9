package engine

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

var testSettings = Settings{
	EngineID: "e1", Plane: graft.PlaneRoot, Project: "root_orchestrator", Network: "oakestra",
	IDLabel: driver.AddonIDLabel, ServiceLabel: driver.ServiceNameLabel,
}

const testImage = "127.0.0.1:5000/x@sha256:0000000000000000000000000000000000000000000000000000000000000001"

// installation returns an enabled installation of the descriptor.
func installation(t *testing.T, descriptor string) *graft.Installation {
	t.Helper()
	d, _, err := graft.ParseDescriptor([]byte(descriptor))
	if err != nil {
		t.Fatal(err)
	}
	inst := &graft.Installation{
		ID: "0123456789abcdef01234567", Descriptor: *d, Images: map[string]string{},
		Desired: graft.DesiredEnabled, Generation: 1, Status: graft.StatusInstalling,
	}
	for _, s := range d.Services {
		inst.Images[s.Name] = testImage
	}
	return inst
}

// running returns a service's container as the engine would have made it.
func running(inst *graft.Installation, service, name string) driver.Container {
	w := &world{settings: testSettings, snapshot: &driver.Snapshot{}}
	return driver.Container{
		ID: "own-" + name, Name: name, State: driver.StateRunning, RestartPolicy: "unless-stopped",
		Labels: w.labels(inst, inst.Service(service)), Image: testImage,
		Endpoints: []driver.Endpoint{{Network: "oakestra"}},
	}
}

func component(name string) driver.Container {
	return driver.Container{
		ID: "id-of-" + name, Name: name, State: driver.StateRunning, RestartPolicy: "always",
		Labels:    map[string]string{driver.ComposeProjectLabel: "root_orchestrator", driver.ComposeServiceLabel: name},
		Endpoints: []driver.Endpoint{{Network: "oakestra", Aliases: []string{name}}},
		Ports:     []driver.Port{{HostPort: 10004, ContainerPort: 10004, Protocol: "tcp"}},
		Record:    json.RawMessage(`{"kept":"whole"}`),
	}
}

func swapFor(t *testing.T, inst *graft.Installation, c driver.Container) store.Swap {
	t.Helper()
	record, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return store.Swap{
		Component: c.Name, ContainerID: c.ID, AsideName: asideName(c.Name, c.ID),
		InstallationID: inst.ID, Service: inst.Services[0].Name, Record: record,
	}
}

func oakestra() []driver.Network { return []driver.Network{{Name: "oakestra", Driver: "bridge"}} }

func worldOf(inst *graft.Installation, snapshot driver.Snapshot, swaps ...store.Swap) *world {
	return &world{settings: testSettings, snapshot: &snapshot, swaps: swaps, installs: []graft.Installation{*inst}}
}

// change returns c changed.
func change(c driver.Container, f func(*driver.Container)) driver.Container {
	f(&c)
	return c
}

const (
	hello     = `{"name":"hello","services":[{"service_name":"web","image":"x","ports":{"80":"8080"},"volumes":["data:/data"]}]}`
	scheduler = `{"name":"better","services":[{"service_name":"root_scheduler","image":"x"}]}`
	job       = `{"name":"job","services":[{"service_name":"migrate","image":"x","restart":"no"}]}`
	suite     = `{"name":"suite","services":[
		{"service_name":"web","image":"x","depends_on":{"db":{"condition":"service_healthy"}}},
		{"service_name":"db","image":"x","networks":["back"]}],"networks":[{"name":"back"}]}`
)

// TestPlan compares whole plans as text: what is done, in which order, and why.
func TestPlan(t *testing.T) {
	t.Parallel()
	disabled := func(i *graft.Installation) { i.Desired = graft.DesiredDisabled }
	removed := func(i *graft.Installation) { i.Desired = graft.DesiredRemoved }
	failed := func(i *graft.Installation) {
		i.Status = graft.StatusFailed
		i.Details = &graft.StatusDetails{Generation: 1, GaveUp: true}
	}
	reached := func(i *graft.Installation) {
		i.Details = &graft.StatusDetails{Generation: 1, Outcome: graft.OutcomeDone}
	}
	tests := []struct {
		name       string
		descriptor string
		change     func(*graft.Installation)
		world      func(*graft.Installation) *world
		want       string
	}{
		{
			name: "install on an empty host", descriptor: hello,
			world: func(i *graft.Installation) *world { return worldOf(i, driver.Snapshot{}) },
			want: `pull ` + testImage + ` (image of service web)
				create network oakestra (the orchestrator's network is not there)
				create volume root_hello_data (volume data of the addon)
				create container root_web (service web has none)
				start container root_web (service web is enabled)`,
		},
		{
			name: "nothing to do", descriptor: hello,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Containers: []driver.Container{running(i, "web", "root_web")}})
			},
			want: `nothing to do`,
		},
		{
			name: "created before a crash", descriptor: hello,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{
					change(running(i, "web", "root_web"), func(c *driver.Container) { c.State = driver.StateCreated }),
				}})
			},
			want: `start container root_web (it was created and never started)`,
		},
		{
			name: "stopped by hand", descriptor: hello,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{
					change(running(i, "web", "root_web"), func(c *driver.Container) { c.State, c.ExitCode = driver.StateExited, 137 }),
				}})
			},
			want: `start container root_web (it is stopped (exit code 137) and is to run)`,
		},
		{
			name: "stopped, and its network was removed and made again", descriptor: hello,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{
					change(running(i, "web", "root_web"), func(c *driver.Container) {
						c.State, c.NetworkIDs = driver.StateExited, []string{"the one before"}
					}),
				}, Volumes: []driver.Volume{{Name: "root_hello_data", Labels: testSettings.ownerLabels(i.ID)}}})
			},
			want: `remove container root_web (no service of the addon wants it as it is)
				pull ` + testImage + ` (image of service web)
				create container root_web (service web has none)
				start container root_web (service web is enabled)`,
		},
		{
			name: "a job that is done is not run again for a network's sake", descriptor: job,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{
					change(running(i, "migrate", "root_migrate"), func(c *driver.Container) {
						c.State, c.RestartPolicy, c.NetworkIDs = driver.StateExited, "no", []string{"the one before"}
					}),
				}})
			},
			want: `nothing to do`,
		},
		{
			name: "made from another image", descriptor: hello,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{
					change(running(i, "web", "root_web"), func(c *driver.Container) { c.Labels[driver.SpecLabel] = "other" }),
				}})
			},
			want: `pull ` + testImage + ` (image of service web)
				create volume root_hello_data (volume data of the addon)
				create container root_web.graft-new-01234567 (service web goes to another version)
				set restart policy root_web to no (service web goes to another version)
				rename container root_web to root_web.graft-old-own-root_web (service web goes to another version)
				stop container root_web.graft-old-own-root_web (service web goes to another version)
				start container root_web.graft-new-01234567 (service web goes to another version)
				wait for root_web.graft-new-01234567 (service web goes to another version)
				remove container root_web.graft-old-own-root_web (another version has come up)
				rename container root_web.graft-new-01234567 to root_web (another version has come up)`,
		},
		{
			name: "port taken", descriptor: hello,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Containers: []driver.Container{{
					ID: "o", Name: "other", State: driver.StateRunning,
					Ports: []driver.Port{{HostIP: "127.0.0.1", HostPort: 8080, ContainerPort: 1, Protocol: "tcp"}},
				}}})
			},
			want: `refused: service "web": host port 8080/tcp is taken by container "other"; free it or publish another port`,
		},
		{
			name: "name taken", descriptor: hello,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Containers: []driver.Container{{ID: "o", Name: "root_web"}}})
			},
			want: `refused: service "web": the name "root_web" is taken by a container that does not belong to this addon; remove or rename it`,
		},
		{
			name:       "two services, one component",
			descriptor: `{"name":"two","services":[{"service_name":"scheduler","image":"x"},{"service_name":"redis","image":"x"}]}`,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Containers: []driver.Container{change(component("root_redis"), func(c *driver.Container) {
					c.Labels[driver.ComposeServiceLabel] = "scheduler"
				})}})
			},
			want: `refused: services "scheduler" and "redis" would both be container "root_redis" here; rename one of them`,
		},
		{
			name: "volume of somebody else", descriptor: hello,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Volumes: []driver.Volume{{Name: "root_hello_data"}}})
			},
			want: `refused: volume "root_hello_data" exists and belongs to somebody else; remove or rename it`,
		},
		{
			name: "dependencies first, and healthy", descriptor: suite,
			world: func(i *graft.Installation) *world { return worldOf(i, driver.Snapshot{Networks: oakestra()}) },
			want: `pull ` + testImage + ` (image of service db)
				create network root_suite_back (network back of the addon)
				create container root_db (service db has none)
				create container root_web (service web has none)
				start container root_db (service db is enabled)
				wait for root_db (others depend on service db: service_healthy)
				start container root_web (service web is enabled)`,
		},
		{
			name: "a swap, with its causes", descriptor: scheduler,
			world: func(i *graft.Installation) *world {
				c := component("root_scheduler")
				c.NetworkMode, c.Ports = "oakestra", nil
				return worldOf(i, driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{c}})
			},
			want: strings.ReplaceAll(`pull `+testImage+` (image of service root_scheduler)
				write down component root_scheduler (service root_scheduler replaces it; it is put back from this)
				create network root_scheduler.graft-warm (service root_scheduler starts there while component root_scheduler is still in place)
				create container root_scheduler.graft-new-01234567 WHY
				start container root_scheduler.graft-new-01234567 WHY
				wait for root_scheduler.graft-new-01234567 WHY
				set restart policy root_scheduler to no WHY
				connect container root_scheduler.graft-new-01234567 to oakestra WHY
				rename container root_scheduler to root_scheduler.graft-standby-id-of-root_s WHY
				disconnect container root_scheduler.graft-standby-id-of-root_s from oakestra WHY
				connect container root_scheduler.graft-standby-id-of-root_s to oakestra without a name WHY
				let requests end at who was there before WHY
				disconnect container root_scheduler.graft-new-01234567 from root_scheduler.graft-warm WHY
				wait for root_scheduler.graft-new-01234567 WHY
				rename container root_scheduler.graft-standby-id-of-root_s to root_scheduler.graft-aside-id-of-root_s WHY
				stop container root_scheduler.graft-aside-id-of-root_s WHY
				rename container root_scheduler.graft-new-01234567 to root_scheduler WHY
				remove network root_scheduler.graft-warm WHY`, "WHY", "(service root_scheduler replaces component root_scheduler)"),
		},
		{
			name: "the component's container was removed", descriptor: scheduler, change: disabled,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Containers: []driver.Container{running(i, "root_scheduler", "root_scheduler")}},
					swapFor(t, i, component("root_scheduler")))
			},
			want: `make component again root_scheduler (its container was removed while the plugin was in its place)
				disconnect container root_scheduler.graft-aside-id-of-root_s from oakestra (its container was removed while the plugin was in its place)`,
		},
		{
			name: "a network is missing", descriptor: suite,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{
					change(running(i, "db", "root_db"), func(c *driver.Container) { c.Health = "healthy" }),
					change(running(i, "web", "root_web"), func(c *driver.Container) { c.Endpoints = []driver.Endpoint{{Network: "oakestra"}} }),
				}})
			},
			want: `create network root_suite_back (network back of the addon)
				connect container root_db to root_suite_back (service db is to be on it)`,
		},
		{
			name: "network of somebody else", descriptor: suite,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Networks: []driver.Network{{Name: "root_suite_back"}}})
			},
			want: `refused: network "root_suite_back" exists and belongs to somebody else; remove or rename it`,
		},
		{
			name: "network of who leaves just now", descriptor: suite,
			world: func(i *graft.Installation) *world {
				w := worldOf(i, driver.Snapshot{Networks: []driver.Network{{Name: "root_suite_back", Labels: testSettings.ownerLabels(leavingID)}}})
				w.installs = append(w.installs, graft.Installation{ID: leavingID, Descriptor: i.Descriptor, Desired: graft.DesiredRemoved})
				return w
			},
			want: `refused: network "root_suite_back" is that of addon "suite", which is being uninstalled; wait until that is gone`,
		},
		{
			name: "a dependency that is unhealthy holds up nobody who runs", descriptor: suite, change: reached,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{
					change(running(i, "db", "root_db"), func(c *driver.Container) {
						c.Health, c.Endpoints = "unhealthy", []driver.Endpoint{{Network: "root_suite_back"}}
					}),
					running(i, "web", "root_web"),
				}})
			},
			want: `stop container root_db (service db is unhealthy)
				start container root_db (service db is unhealthy)`,
		},
		{
			name: "those who depend on others go first", descriptor: suite, change: disabled,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Containers: []driver.Container{running(i, "db", "root_db"), running(i, "web", "root_web")}})
			},
			want: `stop container root_web (the addon is disabled)
				remove container root_web (the addon is disabled)
				stop container root_db (the addon is disabled)
				remove container root_db (the addon is disabled)`,
		},
		{
			name: "uninstall removes what is ours, and nothing else", descriptor: hello, change: removed,
			world: func(i *graft.Installation) *world {
				ours, theirs := testSettings.ownerLabels(i.ID), testSettings.ownerLabels("another")
				return worldOf(i, driver.Snapshot{
					Containers: []driver.Container{running(i, "web", "root_web"), {ID: "o", Name: "root_web2", Labels: theirs}},
					Networks:   []driver.Network{{Name: "n", Labels: ours}, {Name: "m", Labels: theirs}, {Name: "oakestra"}},
					Volumes:    []driver.Volume{{Name: "v", Labels: ours}, {Name: "u", Labels: theirs}, {Name: "root_hello_data"}},
				})
			},
			want: `stop container root_web (the addon is uninstalled)
				remove container root_web (the addon is uninstalled)
				remove network n (the addon is uninstalled)
				remove volume v (the addon is uninstalled)
				forget installation hello (the addon is uninstalled)`,
		},
		{
			name: "disable keeps the data", descriptor: hello, change: disabled,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Volumes: []driver.Volume{{Name: "v", Labels: testSettings.ownerLabels(i.ID)}}})
			},
			want: `nothing to do`,
		},
		{
			name: "a failed first start leaves no data", descriptor: hello, change: failed,
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Volumes: []driver.Volume{{Name: "v", Labels: testSettings.ownerLabels(i.ID)}}})
			},
			want: `remove volume v (its installation failed)`,
		},
		{
			name: "a failed later start keeps the data", descriptor: hello,
			change: func(i *graft.Installation) { failed(i); i.Activated = true },
			world: func(i *graft.Installation) *world {
				return worldOf(i, driver.Snapshot{Volumes: []driver.Volume{{Name: "v", Labels: testSettings.ownerLabels(i.ID)}}})
			},
			want: `nothing to do`,
		},
		{
			name: "the network that this engine made goes with the last addon", descriptor: hello, change: disabled,
			world: func(i *graft.Installation) *world {
				n := driver.Network{Name: "oakestra", Labels: map[string]string{driver.EngineLabel: "e1"}}
				return worldOf(i, driver.Snapshot{Networks: []driver.Network{n}})
			},
			want: `remove network oakestra (the addon is disabled)`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inst := installation(t, tt.descriptor)
			if tt.change != nil {
				tt.change(inst)
			}
			w := tt.world(inst)
			got := planFor(w, inst).String()
			want := strings.ReplaceAll(tt.want, "\t", "") + "\n"
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
			if again := planFor(w, inst).String(); again != got {
				t.Errorf("the same world gave another plan:\n%s", again)
			}
		})
	}
}
