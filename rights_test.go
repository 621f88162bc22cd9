package graft_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
)

// shorts writes rights in short: level, what consent to it is called, who.
func shorts(rights []graft.Right) []string {
	var lines []string
	for _, r := range rights {
		line := string(r.Level) + " " + r.Grant().String()
		if r.Service != "" {
			line += " by " + r.Service
		}
		if !r.Dangerous {
			line += ", harmless"
		}
		lines = append(lines, line)
	}
	return lines
}

// with is a descriptor of one service a.
func with(change func(d *graft.Descriptor, s *graft.Service)) *graft.Descriptor {
	d := &graft.Descriptor{Name: "x", Services: []graft.Service{{Name: "a", Image: "i"}}}
	change(d, &d.Services[0])
	return d
}

// Every way to a host by its own name, and by others.
func TestRights(t *testing.T) {
	t.Parallel()
	mounts := func(volumes ...string) *graft.Descriptor {
		return with(func(_ *graft.Descriptor, s *graft.Service) { s.Volumes = volumes })
	}
	volume := func(driver string, options map[string]string) *graft.Descriptor {
		return with(func(d *graft.Descriptor, s *graft.Service) {
			s.Volumes = []string{"v:/v"}
			d.Volumes = []graft.Volume{{Name: "v", Driver: driver, DriverOpts: options}}
		})
	}
	devices := func(devices ...string) *graft.Descriptor {
		return with(func(_ *graft.Descriptor, s *graft.Service) { s.Devices = devices })
	}
	for name, c := range map[string]struct {
		descriptor *graft.Descriptor
		want       []string
	}{
		"nothing":                    {mounts("data:/data"), nil},
		"a socket":                   {mounts("/var/run/docker.sock:/s"), []string{"critical docker_socket:/var/run/docker.sock by a"}},
		"read-only":                  {mounts("/run/docker.sock:/s:ro"), []string{"critical docker_socket:/run/docker.sock by a"}},
		"spelled oddly":              {mounts("/var//./run/docker.sock/:/s"), []string{"critical docker_socket:/var/run/docker.sock by a"}},
		"through /proc":              {mounts("/proc/1/root/run/docker.sock:/s"), []string{"critical docker_socket:/run/docker.sock by a"}},
		"a folder through a process": {mounts("/proc/self/task/7/cwd/run:/s"), []string{"critical docker_socket:/run by a", "critical host_path:/run by a"}},
		"containerd":                 {mounts("/run/containerd/containerd.sock:/s"), []string{"critical docker_socket:/run/containerd/containerd.sock by a"}},
		"containerd's ttrpc":         {mounts("/run/containerd/containerd.sock.ttrpc:/s"), []string{"critical docker_socket:/run/containerd/containerd.sock.ttrpc by a"}},
		"podman of a user":           {mounts("/run/user/1000/podman/podman.sock:/s"), []string{"critical docker_socket:/run/user/1000/podman/podman.sock by a"}},
		"folders of sockets": {mounts("/:/1", "/run:/2", "/var/run:/3", "/var:/4", "/run/containerd:/5", "/run/user/1000:/6"), []string{
			"critical docker_socket:/ by a", "critical docker_socket:/run by a", "critical docker_socket:/var/run by a",
			"critical docker_socket:/var by a", "critical docker_socket:/run/containerd by a", "critical docker_socket:/run/user/1000 by a",
			"critical host_path:/ by a", "critical host_path:/run by a", "critical host_path:/var/run by a",
			"critical host_path:/var by a", "critical host_path:/run/containerd by a", "critical host_path:/run/user/1000 by a",
		}},
		"paths of the system": {mounts("/etc/ssl:/1", "/root:/2:ro", "/proc:/3", "/sys/fs/cgroup:/4", "/dev:/5", "/var/lib/docker:/6", "/var/lib:/7"), []string{
			"critical host_path:/etc/ssl by a", "critical host_path:/proc by a", "critical host_path:/sys/fs/cgroup by a",
			"critical host_path:/dev by a", "critical host_path:/var/lib/docker by a", "critical host_path:/var/lib by a",
			"high host_path:/root:ro by a",
		}},
		"paths of others": {mounts("/srv/data:/1", "/mnt:/2:z,ro", "/variables:/3"), []string{
			"high host_path:/srv/data by a", "high host_path:/variables by a", "medium host_path:/mnt:ro by a",
		}},

		"bound volume":         {volume("local", map[string]string{"type": "none", "o": "bind", "device": "/"}), []string{"critical docker_socket:/ by a", "critical host_path:/ by a"}},
		"bound, other type":    {volume("", map[string]string{"type": "tmpfs", "o": "size=1m, RBIND,ro", "device": "/srv"}), []string{"medium host_path:/srv:ro by a"}},
		"bound, the odd way":   {volume("bridge", map[string]string{"type": "none", "o": "bind", "device": "/var/run/../run/docker.sock"}), []string{"critical docker_socket:/var/run/docker.sock by a"}},
		"bound, relative path": {volume("local", map[string]string{"type": "none", "o": "bind", "device": "etc"}), []string{"critical docker_socket:/ by a", "critical host_path:/ by a"}},
		"a disk":               {volume("local", map[string]string{"type": "ext4", "device": "/dev/sda1"}), []string{"critical host_path:/dev/sda1 by a"}},
		"another proc":         {volume("local", map[string]string{"type": "proc", "device": "proc"}), []string{"critical host_path:/proc by a"}},
		"another dev":          {volume("local", map[string]string{"type": "devtmpfs", "device": "x"}), []string{"critical host_path:/dev by a"}},
		"overlay":              {volume("local", map[string]string{"type": "overlay", "o": "lowerdir=/", "device": "overlay"}), []string{"critical docker_socket:/ by a", "critical host_path:/ by a"}},
		"another driver":       {volume("local-persist", map[string]string{"mountpoint": "/etc", "x": "y"}), []string{"critical host_path:/etc by a"}},
		"in options":           {volume("vendor/x:1", map[string]string{"args": "--bind=/srv,size=1"}), []string{"high host_path:/srv by a"}},
		"memory":               {volume("local", map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}), nil},
		"a share":              {volume("local", map[string]string{"type": "nfs", "device": ":/export", "o": "addr=10.0.0.1,rw"}), []string{"high host_path:/export by a"}},
		"without options":      {volume("local", nil), nil},
		"of nobody": {with(func(d *graft.Descriptor, _ *graft.Service) {
			d.Volumes = []graft.Volume{{Name: "v", DriverOpts: map[string]string{"type": "none", "o": "bind", "device": "/srv"}}}
		}), []string{"high host_path:/srv"}},

		"devices": {devices("/dev/video0:/dev/video0", "/dev/sda:/x:r", "/dev/../dev/mem:/m", "/dev:/d", "/:/y"), []string{
			"critical device:/dev/sda by a", "critical device:/dev/mem by a", "critical device:/dev by a", "critical device:/ by a",
			"high device:/dev/video0 by a",
		}},
		"capabilities": {with(func(_ *graft.Descriptor, s *graft.Service) {
			s.CapAdd = []string{"NET_BIND_SERVICE", "cap_net_admin", "CAP_SYS_ADMIN", "all", "SYS_TIME"}
		}), []string{
			"critical capability:SYS_ADMIN by a", "critical capability:ALL by a", "high capability:NET_ADMIN by a",
			"high capability:SYS_TIME by a", "low capability:NET_BIND_SERVICE by a, harmless",
		}},
		"privileged": {with(func(_ *graft.Descriptor, s *graft.Service) { s.Privileged = true }), []string{"critical privileged by a"}},
		"ports": {with(func(_ *graft.Descriptor, s *graft.Service) {
			s.Ports = map[string]string{"80": "8080", "53/udp": "53", "9000-9002": "9000-9002"}
		}), []string{"low host_port:53/udp by a, harmless", "low host_port:8080/tcp by a, harmless", "low host_port:9000-9002/tcp by a, harmless"}},
		"the host's network": {with(func(d *graft.Descriptor, s *graft.Service) {
			s.Networks = []string{"n"}
			d.Networks = []graft.Network{{Name: "n", Driver: "macvlan"}}
		}), []string{"high host_network by a"}},
		"a component": {with(func(_ *graft.Descriptor, s *graft.Service) { s.Name = "cluster_scheduler" }),
			[]string{"medium replaces_component:cluster_scheduler by cluster_scheduler, harmless"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rights := c.descriptor.Rights()
			if diff := cmp.Diff(c.want, shorts(rights)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, r := range rights {
				if r.Text == "" || r.Text[len(r.Text)-1] != '.' {
					t.Errorf("%s has no sentence: %q", r.Grant(), r.Text)
				}
				if grant, err := graft.ParseGrant(r.Grant().String()); err != nil || !grant.Covers(r) {
					t.Errorf("consent to %s is %+v, %v and does not cover it", r.Grant(), grant, err)
				}
			}
		})
	}
}

// What the recorded descriptors of Oakestra's users ask for.
func TestRightsOfRealDescriptors(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]graft.RiskLevel{
		"federated-learning-suite.json": graft.RiskCritical, "every-field.json": graft.RiskCritical,
		"cluster-scheduler-plugin.json": graft.RiskMedium, "docs-template.json": graft.RiskLow, "one-good-one-failing.json": graft.RiskNone,
	} {
		data, err := os.ReadFile(filepath.Join("testdata", "descriptors", "good", file))
		if err != nil {
			t.Fatal(err)
		}
		d, _, err := graft.ParseDescriptor(bytes.ReplaceAll(data, []byte(`"IMAGE"`), []byte(`"image"`)))
		if err != nil {
			t.Fatal(err)
		}
		if got := graft.Risk(d.Rights()); got != want {
			t.Errorf("%s: %s, want %s: %q", file, got, want, shorts(d.Rights()))
		}
	}
}

// Only what the older version could not do is new.
func TestNewRights(t *testing.T) {
	t.Parallel()
	older := with(func(_ *graft.Descriptor, s *graft.Service) {
		s.Volumes = []string{"/var/run/docker.sock:/s", "/srv/data:/d:ro", "/mnt:/m"}
		s.CapAdd = []string{"NET_ADMIN"}
	}).Rights()
	newer := with(func(_ *graft.Descriptor, s *graft.Service) {
		s.Name = "renamed"
		s.Volumes = []string{"/run/docker.sock:/s", "/srv/data:/d", "/mnt:/m:ro", "/srv/data/below:/b:ro"}
		s.CapAdd = []string{"CAP_NET_ADMIN", "SYS_ADMIN"}
		s.Privileged = true
	}).Rights()
	want := []string{
		"critical privileged by renamed", "critical capability:SYS_ADMIN by renamed",
		"high host_path:/srv/data by renamed", "medium host_path:/srv/data/below:ro by renamed",
	}
	if diff := cmp.Diff(want, shorts(graft.NewRights(older, newer))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if same := graft.NewRights(newer, newer); len(same) > 0 {
		t.Errorf("to itself a version has new rights: %q", shorts(same))
	}
	if all := graft.NewRights(nil, newer); len(all) != len(newer) || slices.ContainsFunc(all, func(r graft.Right) bool { return r.Kind == "" }) {
		t.Errorf("without an older version %d of %d are new", len(all), len(newer))
	}
}

// What strangers write does not make lists that fill the memory, nor one whose
// end nobody sees.
func TestTooManyRights(t *testing.T) {
	t.Parallel()
	d := with(func(d *graft.Descriptor, s *graft.Service) {
		for i := range 20_000 {
			s.Volumes = append(s.Volumes, fmt.Sprintf("v:/%d", i))
		}
		d.Volumes = []graft.Volume{{Name: "v", Driver: "vendor/x", DriverOpts: map[string]string{"args": strings.Repeat("/etc ", 100_000)}}}
	})
	d.SetDefaults()
	if n := len(d.Rights()); n != graft.MaxRights+1 {
		t.Errorf("%d rights", n)
	}
	problems, _ := d.Validate()
	if !strings.Contains(problems.String(), "more than 1000 rights") {
		t.Errorf("problems are %v", problems)
	}
}
