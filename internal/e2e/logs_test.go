package e2e_test

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"testing"

	docker "github.com/moby/moby/client"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// Who follows logs sees each life of a container once, and is through when the
// addon is.
func TestFollowLogs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.up(graft.PlaneCluster, t.TempDir())
	name := s.prefix + "-web"
	inst := p.install(s.addon("hello", service(name, s.imageNamed("hello", "NAME=hello"))), graft.StatusActive)

	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := p.Logs(t.Context(), inst.ID, client.LogOptions{Follow: true}, writer)
		ended <- errors.Join(err, writer.Close())
	}()
	lines := bufio.NewScanner(reader)
	for life := range 4 {
		if !lines.Scan() || lines.Text() != name+" | hello started" {
			t.Fatalf("life %d: %q, %v", life, lines.Text(), lines.Err())
		}
		if life == 3 {
			break
		}
		if _, err := s.docker.ContainerKill(t.Context(), inst.Details.Services[0].ContainerID, docker.ContainerKillOptions{Signal: "KILL"}); err != nil {
			t.Fatal(err)
		}
	}
	rest := make(chan []string, 1)
	go func() {
		var text []string
		for lines.Scan() {
			text = append(text, lines.Text())
		}
		rest <- text
	}()
	p.uninstall(inst.ID)
	if got := <-rest; !slices.Equal(got, []string{name + " | stopped"}) {
		t.Errorf("after that: %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
