package registry_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/graftplatform/graft"
)

// docker runs the command line client and returns what it printed.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return strings.TrimSpace(string(output))
}

func TestDockerPushesAndPulls(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	image, err := random.Image(1<<20, 3)
	if err != nil {
		t.Fatal(err)
	}
	reference := fmt.Sprintf("%s/graft-test/%s:1", s.host, graft.NewID(time.Now()))
	tag, err := name.NewTag(reference)
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "image.tar")
	if err := tarball.WriteToFile(archive, tag, image); err != nil {
		t.Fatal(err)
	}
	docker(t, "load", "--input", archive)
	t.Cleanup(func() { // the test's own context has ended
		_ = exec.Command("docker", "image", "rm", "--force", reference).Run()
	})
	id := docker(t, "image", "inspect", "--format", "{{.Id}}", reference)

	docker(t, "push", reference)
	docker(t, "push", reference) // nothing is left to do
	docker(t, "image", "rm", reference)
	s.restart(t)
	docker(t, "pull", reference)
	if got := docker(t, "image", "inspect", "--format", "{{.Id}}", reference); got != id {
		t.Errorf("pulled image %s, pushed %s", got, id)
	}
	if left := s.files(t, "uploads"); len(left) > 0 {
		t.Errorf("uploads left: %v", left)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "repositories", "graft-test")); err != nil {
		t.Error(err)
	}
}
