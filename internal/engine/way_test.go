package engine

import (
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

func TestChooseWay(t *testing.T) {
	t.Parallel()
	runs := func(mounts ...string) *driver.Container {
		c := &driver.Container{State: driver.StateRunning, NetworkMode: "oakestra"}
		for _, text := range mounts {
			source, mode, _ := strings.Cut(text, ":")
			c.Mounts = append(c.Mounts, driver.Mount{Source: source, Target: "/t", Mode: mode, Bind: source[0] == '/'})
		}
		return c
	}
	in := func(state driver.State) *driver.Container {
		c := runs()
		c.State = state
		return c
	}
	on := func(mode string) *driver.Container {
		c := runs()
		c.NetworkMode = mode
		return c
	}
	const (
		nobody = "nothing runs in its place"
		host   = "it is on the host's network"
		socket = "the component uses the Docker socket, and two must not at the same time"
	)
	tests := []struct {
		name                       string
		component, leaving, coming *driver.Container
		tried                      graft.SwapWay
		want                       graft.SwapWay
		reason                     string
	}{
		{"nothing speaks against it", runs(), runs(), runs(), "", graft.SwapWarm, ""},
		{"a paused one has its place too", runs(), in(driver.StatePaused), runs(), "", graft.SwapWarm, ""},
		{"nobody is there", runs(), nil, runs(), "", graft.SwapCold, nobody},
		{"nobody runs", runs(), in(driver.StateExited), runs(), "", graft.SwapCold, nobody},
		{"it ends again and again", runs(), in(driver.StateRestarting), runs(), "", graft.SwapCold, nobody},
		{"on the host's network", runs(), on("host"), runs(), "", graft.SwapCold, host},
		{"to the host's network", runs(), runs(), on("host"), "", graft.SwapCold, host},
		{"on another container's network", runs(), on("container:x"), runs(), "", graft.SwapCold, host},
		{"on no network", runs(), on("none"), runs(), "", graft.SwapCold, host},
		{"the component has the Docker socket", runs("/run/docker.sock:ro"), runs(), runs(), "", graft.SwapCold, socket},
		{"the plugin has the Docker socket", runs(), runs(), runs("/var/run/docker.sock"), "", graft.SwapWarm, ""},
		{"one path", runs(), runs("/srv/x"), runs("/srv/x:rw"), "", graft.SwapCold, "both write to /srv/x"},
		{"a path in the other's", runs(), runs("/srv/"), runs("/srv/x:z"), "", graft.SwapCold, "both write to /srv/x"},
		{"the other's path in one's", runs(), runs("/srv/x"), runs("/srv"), "", graft.SwapCold, "both write to /srv"},
		{"the whole host", runs(), runs("/srv/x"), runs("/"), "", graft.SwapCold, "both write to /"},
		{"paths that begin alike", runs(), runs("/srv/x"), runs("/srv/xy"), "", graft.SwapWarm, ""},
		{"one reads only", runs(), runs("/srv/x:ro"), runs("/srv/x"), "", graft.SwapWarm, ""},
		{"the other reads only", runs(), runs("/srv/x"), runs("/srv/x:z,ro"), "", graft.SwapWarm, ""},
		{"one volume", runs(), runs("data"), runs("data"), "", graft.SwapCold, "both write to data"},
		{"volumes that begin alike", runs(), runs("data"), runs("data/x"), "", graft.SwapWarm, ""},
		{"a volume and a path of one name", runs(), runs("data"), runs("/data"), "", graft.SwapWarm, ""},
		{"a socket may have several", runs(), runs("/run/x.sock"), runs("/run/x.sock"), "", graft.SwapWarm, ""},
		{"warm was tried", runs(), runs(), runs(), graft.SwapStandby, graft.SwapStandby, "tried"},
		{"warm was tried, and now nobody runs", runs(), nil, runs(), graft.SwapStandby, graft.SwapCold, nobody},
		{"cold is left", runs(), runs(), runs(), graft.SwapCold, graft.SwapCold, "tried"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			way, reason := chooseWay(tt.component, tt.leaving, tt.coming, tt.tried, "tried")
			if way != tt.want || reason != tt.reason {
				t.Errorf("%s, %q; want %s, %q", way, reason, tt.want, tt.reason)
			}
		})
	}
}
