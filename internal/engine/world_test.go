package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft/internal/driver"
)

func TestPluginInherits(t *testing.T) {
	t.Parallel()
	inst := installation(t, `{"name":"p","services":[{"service_name":"root_scheduler","image":"x","ports":{"10004":"20004","9":"19"}}]}`)
	c := component("root_scheduler")
	c.Ports = append(c.Ports, driver.Port{HostIP: "127.0.0.1", HostPort: 7, ContainerPort: 7, Protocol: "udp"})
	w := worldOf(inst, driver.Snapshot{Containers: []driver.Container{c}})
	spec, err := w.containerSpec(inst, &inst.Services[0], "x", &c)
	if err != nil {
		t.Fatal(err)
	}
	wantPorts := []driver.Port{
		{HostPort: 19, ContainerPort: 9, Protocol: "tcp"},
		{HostPort: 20004, ContainerPort: 10004, Protocol: "tcp"},
		{HostIP: "127.0.0.1", HostPort: 7, ContainerPort: 7, Protocol: "udp"},
	}
	if diff := cmp.Diff(wantPorts, spec.Ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.Endpoints, spec.Endpoints); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
}

func TestComponentsAreThisPlanesOnly(t *testing.T) {
	t.Parallel()
	on := func(name string, labels map[string]string) driver.Container {
		return driver.Container{ID: name, Name: name, Labels: labels, Endpoints: []driver.Endpoint{{Network: "oakestra"}}}
	}
	project := func(name string) map[string]string { return map[string]string{driver.ComposeProjectLabel: name} }
	tests := []struct {
		c    driver.Container
		want bool
	}{
		{on("system_manager", nil), true},
		{on("system_manager", project("oakestra-all-in-one")), true},
		{on("anything", project("root_orchestrator")), true},
		{on("anything", nil), true},
		{on("cluster_scheduler", nil), false},
		{on("cluster_anything", nil), false},
		{on("myshop-grafana-1", project("myshop")), false},
		{on("an_addon", map[string]string{driver.AddonIDLabel: "x"}), false},
		{on("ours", map[string]string{driver.EngineLabel: "e1"}), false},
		{on("another engine's", map[string]string{driver.EngineLabel: "e2"}), false},
		{on("mongo"+asideInfix+"x", project("root_orchestrator")), false},
		{driver.Container{Name: "elsewhere"}, false},
		{driver.Container{Name: "grafana"}, true},
		{driver.Container{Name: "grafana", Labels: project("monitoring")}, false},
	}
	w := &world{settings: testSettings, snapshot: &driver.Snapshot{}}
	for _, tt := range tests {
		if got := w.isComponent(&tt.c); got != tt.want {
			t.Errorf("isComponent(%s, %v) = %v, want %v", tt.c.Name, tt.c.Labels, got, tt.want)
		}
	}
}
