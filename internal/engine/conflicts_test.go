package engine

import (
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

const greedy = `{"name":"greedy","services":[
	{"service_name":"web","image":"x","ports":{"80":"8080","53/udp":"53"},"volumes":["data:/data"]},
	{"service_name":"db","image":"x","networks":["back"]}],"networks":[{"name":"back"}]}`

// All conflicts are told at once, and the plan is refused for the first of them.
func TestConflicts(t *testing.T) {
	t.Parallel()
	inst := installation(t, greedy)
	stranger := func(name string, ports ...driver.Port) driver.Container {
		return driver.Container{ID: "id-of-" + name, Name: name, State: driver.StateRunning, Ports: ports}
	}
	w := worldOf(inst, driver.Snapshot{
		Containers: []driver.Container{
			stranger("dns", driver.Port{HostPort: 53, ContainerPort: 53, Protocol: "udp"}),
			stranger("nginx", driver.Port{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}),
			stranger("root_db"),
		},
		Networks: append(oakestra(), driver.Network{Name: "root_greedy_back"}),
		Volumes:  []driver.Volume{{Name: "root_greedy_data"}},
	})
	got := w.conflicts(inst)
	want := []graft.PlannedConflict{
		{Kind: "port", Name: "53/udp", Holder: "dns"},
		{Kind: "port", Name: "8080/tcp", Holder: "nginx"},
		{Kind: "container", Name: "root_db", Holder: "root_db"},
		{Kind: "network", Name: "root_greedy_back"},
		{Kind: "volume", Name: "root_greedy_data"},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(graft.PlannedConflict{}, "Text"),
		cmpopts.SortSlices(func(a, b graft.PlannedConflict) bool { return a.Kind+a.Name < b.Kind+b.Name })); diff != "" {
		t.Error(diff)
	}
	for _, c := range got {
		if c.Text == "" {
			t.Errorf("nothing says what to do about %+v", c)
		}
	}
	if p := planFor(w, inst); p.refusal != got[0].Text {
		t.Errorf("the plan is refused because %q, the first conflict is %q", p.refusal, got[0].Text)
	}
}

// What to do about an addon that has a name depends on where that one is going.
func TestConflictWithAnAddon(t *testing.T) {
	t.Parallel()
	const web = `{"name":"web","services":[{"service_name":"web","image":"x"}]}`
	for want, change := range map[string]func(*graft.Installation){
		"upgrade that one":          func(*graft.Installation) {},
		"uninstall that one first":  func(i *graft.Installation) { i.Name = "site" },
		"wait until that is gone":   func(i *graft.Installation) { i.Desired = graft.DesiredRemoved },
		"it is being uninstalled; ": func(i *graft.Installation) { i.Name, i.Desired = "site", graft.DesiredRemoved },
	} {
		inst, other := installation(t, web), installation(t, web)
		other.ID = "00000000000000000000000a"
		change(other)
		w := worldOf(inst, driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{{
			Name: "root_web", Labels: map[string]string{driver.EngineLabel: "e1", driver.InstallationLabel: other.ID},
		}}})
		w.installs = append(w.installs, *other)
		if got := w.conflicts(inst); len(got) != 1 || !strings.Contains(got[0].Text, want) {
			t.Errorf("%q is not in %+v", want, got)
		}
	}
}

func TestConflictsOfPlugins(t *testing.T) {
	t.Parallel()
	inst := installation(t, scheduler)
	there := component("root_scheduler")
	if got := worldOf(inst, driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{there}}).conflicts(inst); len(got) > 0 {
		t.Errorf("a plugin is in conflict with its own component: %+v", got)
	}
	rival := installation(t, `{"name":"rival","services":[{"service_name":"root_scheduler","image":"x"}]}`)
	rival.ID, rival.CreatedAt = "00000000000000000000000a", inst.CreatedAt
	w := worldOf(inst, driver.Snapshot{Networks: oakestra()}, swapFor(t, rival, there))
	w.installs = append(w.installs, *rival)
	got := w.conflicts(inst)
	if len(got) != 1 || got[0].Kind != "component" || got[0].Name != "root_scheduler" || got[0].Holder != "rival" {
		t.Errorf("got %+v", got)
	}
	once := change(there, func(c *driver.Container) { c.AutoRemove = true })
	got = worldOf(inst, driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{once}}).conflicts(inst)
	if len(got) != 1 || got[0].Kind != "component" || got[0].Holder != "" {
		t.Errorf("got %+v", got)
	}
}

// Only ports that no container publishes are asked for on the host.
func TestHostConflicts(t *testing.T) {
	t.Parallel()
	inst := installation(t, `{"name":"better","services":[
		{"service_name":"root_scheduler","image":"x"},{"service_name":"web","image":"x","ports":{"80":"8080","81":"8081"}}]}`)
	w := worldOf(inst, driver.Snapshot{Networks: oakestra(), Containers: []driver.Container{component("root_scheduler")}})
	var asked []uint16
	got := w.hostConflicts(planFor(w, inst), func(p driver.Port) bool {
		asked = append(asked, p.HostPort)
		return p.HostPort == 8081
	})
	if len(got) != 1 || got[0].Kind != "port" || got[0].Name != "8081/tcp" || got[0].Text == "" {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff([]uint16{8080, 8081}, asked); diff != "" {
		t.Error(diff)
	}
}

func TestPortProbe(t *testing.T) {
	t.Parallel()
	taken := NewPortProbe()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	packets, err := net.ListenPacket("udp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp := driver.Port{HostPort: uint16(listener.Addr().(*net.TCPAddr).Port), Protocol: "tcp"}
	udp := driver.Port{HostPort: uint16(packets.LocalAddr().(*net.UDPAddr).Port), Protocol: "udp"}
	for _, port := range []driver.Port{tcp, udp} {
		if !taken(port) {
			t.Errorf("%s is not found to be taken", portName(port))
		}
	}
	for _, c := range []interface{ Close() error }{listener, packets} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// On an address of this test's own nobody else takes the port meanwhile.
	tcp.HostIP, udp.HostIP = "127.8.31.77", "127.8.31.77"
	for _, port := range []driver.Port{tcp, tcp, udp, udp, {HostPort: 1, Protocol: "sctp"}} {
		if taken(port) {
			t.Errorf("%s is found to be taken", portName(port))
		}
	}
}
