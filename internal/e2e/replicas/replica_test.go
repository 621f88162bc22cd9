package replicas_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft/client"
)

// build builds the program that users run.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "graft")
	command := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/graftplatform/graft/cmd/graft")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("graft does not build: %v\n%s", err, output)
	}
	return path
}

// replica is a marketplace that runs.
type replica struct {
	command *exec.Cmd
	api     *client.Client
	ended   chan struct{}
}

// start starts a replica with a data directory of its own. It ends with the test.
func start(t *testing.T, binary, database string) *replica {
	t.Helper()
	dir := t.TempDir()
	var log bytes.Buffer
	r := &replica{ended: make(chan struct{})}
	// Its end is told by signals, not by a context.
	r.command = exec.CommandContext(context.Background(), binary, "up", "--roles", "marketplace", "--auth", "none",
		"--marketplace-listen", "127.0.0.1:0", "--data-dir", filepath.Join(dir, "data"))
	r.command.Dir, r.command.Stderr = dir, &log
	r.command.Env = []string{"HOME=" + dir, "GRAFT_DATABASE=" + database}
	output, err := r.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.kill()
		if t.Failed() {
			t.Logf("the log of process %d:\n%s", r.command.Process.Pid, log.String())
		}
	})
	url := make(chan string, 1)
	go func() {
		defer close(r.ended)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			if fields := strings.Fields(lines.Text()); len(fields) == 2 && fields[0] == "marketplace" {
				url <- fields[1]
			}
		}
		_, _ = io.Copy(io.Discard, output)
		_ = r.command.Wait() // it was killed
	}()
	select {
	case u := <-url:
		if r.api, err = client.New(client.Options{Marketplace: u}); err != nil {
			t.Fatal(err)
		}
	case <-r.ended:
		t.Fatal("graft ended at once")
	case <-time.After(patience):
		t.Fatal("graft does not start")
	}
	return r
}

// kill ends the process as a loss of power does.
func (r *replica) kill() {
	_ = r.command.Process.Kill() // it may have ended
	<-r.ended
}
