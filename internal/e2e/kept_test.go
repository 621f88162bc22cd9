package e2e_test

import (
	"archive/tar"
	"bytes"
	"io"
	"testing"

	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft"
)

// The data of an addon outlives it if somebody wants that, and Graft too, and goes
// with the next one.
func TestDataIsKept(t *testing.T) {
	t.Parallel()
	s, dir := newSite(t), t.TempDir()
	p := s.up(graft.PlaneCluster, dir)
	web := s.prefix + "-web"
	descriptor := s.addon("hello", service(web, s.imageNamed("hello", "NAME=hello"), `"volumes":["data:/data"]`))
	volume := "cluster_" + s.prefix + "-hello_data"

	first := p.install(descriptor, graft.StatusActive)
	s.write("cluster_"+web, "what was written")
	plan, err := p.PlanRemoval(t.Context(), first.ID, true)
	if err != nil || len(plan.Volumes) != 1 || plan.Volumes[0] != (graft.PlannedVolume{Name: volume, Fate: graft.VolumeKept}) {
		t.Errorf("plan: %+v, %v", plan, err)
	}
	p.uninstallAtOnce(first.ID, true)
	p.stop()
	s.market = ""
	p = s.up(graft.PlaneCluster, dir)

	second := p.install(descriptor, graft.StatusActive)
	if got := s.read("cluster_" + web); got != "what was written" {
		t.Errorf("the second one reads %q", got)
	}
	if v, err := s.docker.VolumeInspect(t.Context(), volume, docker.VolumeInspectOptions{}); err != nil || v.Volume.Labels["graft.installation"] != first.ID {
		t.Errorf("the volume is %+v, %v", v, err)
	}
	p.uninstall(second.ID)
	s.nothingLeft()
	third := p.install(descriptor, graft.StatusActive)
	if _, err := s.docker.CopyFromContainer(t.Context(), "cluster_"+web, docker.CopyFromContainerOptions{SourcePath: "/data/note"}); err == nil {
		t.Error("the third one has the data still")
	}
	p.uninstall(third.ID)
	s.nothingLeft()
}

// write puts a note into a container's volume, as the container might.
func (s *site) write(container, note string) {
	s.t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "note", Mode: 0o644, Size: int64(len(note))}); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(w, note); err != nil {
		s.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	_, err := s.docker.CopyToContainer(s.t.Context(), container, docker.CopyToContainerOptions{DestinationPath: "/data", Content: &archive})
	if err != nil {
		s.t.Fatal(err)
	}
}

// read returns the note in a container's volume.
func (s *site) read(container string) string {
	s.t.Helper()
	copied, err := s.docker.CopyFromContainer(s.t.Context(), container, docker.CopyFromContainerOptions{SourcePath: "/data/note"})
	if err != nil {
		s.t.Fatal(err)
	}
	defer copied.Content.Close()
	archive := tar.NewReader(copied.Content)
	if _, err := archive.Next(); err != nil {
		s.t.Fatal(err)
	}
	note, err := io.ReadAll(archive)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(note)
}
