package replicas_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/app"
	"github.com/graftplatform/graft/internal/e2e/graftup"
)

// build builds the program that users run.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "graft")
	if err := graftup.Build(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	return path
}

// replica is a marketplace that runs.
type replica struct {
	process *graftup.Process
	api     *client.Client
}

// start starts a replica with a data directory of its own. It ends with the test.
func start(t *testing.T, binary, database string) *replica {
	t.Helper()
	dir := t.TempDir()
	process, err := graftup.Start(graftup.Options{
		Binary: binary, Dir: dir, Env: []string{"GRAFT_DATABASE=" + database},
		Args: []string{
			"--roles", "marketplace", "--auth", "none", "--marketplace-listen", "127.0.0.1:0",
			"--data-dir", filepath.Join(dir, "data"),
		},
	})
	if err != nil {
		log, _ := os.ReadFile(graftup.Log(dir))
		t.Fatalf("%v\n%s", err, log)
	}
	r := &replica{process: process}
	t.Cleanup(func() {
		state := r.kill()
		if t.Failed() {
			log, _ := os.ReadFile(graftup.Log(dir))
			t.Logf("the log of process %d:\n%s", state.Pid(), log)
		}
	})
	if r.api, err = client.New(client.Options{Marketplace: process.URLs[app.RoleMarketplace]}); err != nil {
		t.Fatal(err)
	}
	return r
}

// kill ends the process as a loss of power does.
func (r *replica) kill() *os.ProcessState { return r.process.End(syscall.SIGKILL) }
