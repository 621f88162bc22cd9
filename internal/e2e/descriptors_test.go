package e2e_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/dockertest"
)

// rewritten reads one of the recorded descriptors and gives it images of the
// local registry and free host ports; all else stays as it was written. image
// says which image stands for a service's.
func (s *site) rewritten(file string, image func(service string) string) string {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "descriptors", "good", file))
	if err != nil {
		s.t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(data, &d); err != nil {
		s.t.Fatal(err)
	}
	for _, item := range d["services"].([]any) {
		service := item.(map[string]any)
		service["image"] = image(service["service_name"].(string))
		ports, _ := service["ports"].(map[string]any)
		for inside := range ports {
			ports[inside] = dockertest.FreePort(s.t)
		}
	}
	data, err = json.Marshal(d)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// The template of the documentation, with the volume driver that no Docker
// Engine knows.
func TestDocumentedTemplate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.up(graft.PlaneRoot, t.TempDir())
	image := s.image("PORT=10007", "NAME=template")
	descriptor := s.rewritten("docs-template.json", func(string) string { return image })
	addon := p.publish(descriptor)
	if addon.Status != graft.AddonApproved || len(addon.Warnings) != 1 || addon.Warnings[0].Field() != "volumes.0.driver" {
		t.Errorf("status %s, warnings %v", addon.Status, addon.Warnings)
	}
	inst, err := p.Install(t.Context(), addon.ID)
	if err != nil {
		t.Fatal(err)
	}
	p.await(inst.ID, graft.StatusActive)
	answers(t, addon.Services[0].Ports["10007"], "template")
	v, err := s.docker.VolumeInspect(t.Context(), "root_addon-name_myvolume", docker.VolumeInspectOptions{})
	if err != nil || v.Volume.Driver != "local" {
		t.Errorf("volume: %+v, %v", v.Volume, err)
	}
	p.uninstall(inst.ID)
	s.nothingLeft()
}

// One service runs, the other one ends at once, again and again.
func TestOneGoodOneFailing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.up(graft.PlaneRoot, t.TempDir())
	image := dockertest.Push(t, dockertest.Busybox(t, "sleep", "false"), s.registry+"/busybox:1").Tag
	inst := p.install(s.rewritten("one-good-one-failing.json", func(string) string { return image }), graft.StatusPartiallyActive)
	if !slices.Equal(inst.Details.FailedServices, []string{"my-busybox-fail"}) || !strings.Contains(inst.Details.Reason, "code 1") {
		t.Errorf("details: %+v", inst.Details)
	}
	if good := s.inspect("root_my-alpine"); !good.State.Running {
		t.Errorf("the good one does not run: %+v", good.State)
	}
	p.uninstall(inst.ID)
	s.nothingLeft()
}

// The dashboard's form template ends by itself: its container only echoes. Its
// restart policy starts it again and again, and its status says so.
func TestFormTemplate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.up(graft.PlaneRoot, t.TempDir())
	image := dockertest.Push(t, dockertest.Busybox(t, "echo"), s.registry+"/busybox:1").Tag
	inst := p.install(s.rewritten("form-template.json", func(string) string { return image }), graft.StatusFailed)
	inst = p.awaitThat(inst.ID, "seen with its output", func(i *graft.Installation) bool {
		return strings.Contains(i.Logs, "my-service | hello")
	})
	if !strings.Contains(inst.Details.Reason, "code 0") {
		t.Errorf("reason: %q", inst.Details.Reason)
	}
	p.uninstall(inst.ID)
	s.nothingLeft()
}

// Six services with volumes, the Docker socket and a database among them.
func TestFederatedLearningSuite(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.up(graft.PlaneRoot, t.TempDir())
	image := s.image() // has an entrypoint, which takes the commands as arguments
	addon := p.publish(s.rewritten("federated-learning-suite.json", func(string) string { return image }))
	if addon.Status != graft.AddonApproved || addon.Risk != graft.RiskCritical {
		t.Fatalf("addon is %s, its risk %s", addon.Status, addon.Risk)
	}
	// Whoever has the socket has the host: no client gets that without a word.
	var e *graft.Error
	_, err := p.Install(t.Context(), addon.ID)
	if !errors.As(err, &e) || e.Code != graft.CodeConsent || len(e.Rights) != 1 || e.Rights[0].Kind != graft.RightDockerSocket {
		t.Fatalf("without consent: %+v", err)
	}
	s.nothingLeft()
	inst, err := p.InstallWith(t.Context(), graft.InstallRequest{MarketplaceID: addon.ID, Consent: graft.GrantsFor(e.Rights)})
	if err != nil {
		t.Fatal(err)
	}
	inst = p.await(inst.ID, graft.StatusActive)
	if len(inst.Details.Services) != 6 {
		t.Errorf("services: %+v", inst.Details.Services)
	}
	p.uninstall(inst.ID)
	s.nothingLeft()
}

// The plugin of Oakestra's own documentation, on a cluster with a component of
// that name.
func TestClusterSchedulerPlugin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.up(graft.PlaneCluster, t.TempDir())
	plugin := s.imageNamed("plugin", "NAME=random")
	descriptor := s.rewritten("cluster-scheduler-plugin.json", func(string) string { return plugin })
	// Not the component's real name: the machine may run an orchestrator.
	name := s.prefix + "-cluster_scheduler"
	descriptor = strings.Replace(descriptor, `"service_name":"cluster_scheduler"`, `"service_name":"`+name+`"`, 1)
	port := dockertest.FreePort(t)
	id := s.component(graft.PlaneCluster, name, s.imageNamed("core", "NAME=core"), port)
	inst := p.install(descriptor, graft.StatusActive)
	answers(t, port, "random")
	p.uninstall(inst.ID)
	answers(t, port, "core")
	if c := s.inspect(name); c.ID != id {
		t.Errorf("the component is not back: %s", c.ID)
	}
}
