//go:build soak

package e2e_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/dockertest"
)

// soakProcess is the real program, which keeps its data and its addresses from
// one start to the next.
type soakProcess struct {
	*client.Client
	t           *testing.T
	binary      string
	args        []string
	marketplace string // URL
	engine      string // URL
	log         string // path
	command     *exec.Cmd
	ended       chan struct{}
}

func startSoakProcess(t *testing.T, prefix string) *soakProcess {
	t.Helper()
	dir := t.TempDir()
	market, engine := "127.0.0.1:"+dockertest.FreePort(t), "127.0.0.1:"+dockertest.FreePort(t)
	p := &soakProcess{
		t: t, binary: soakBinary(t), marketplace: "http://" + market, engine: "http://" + engine,
		log: filepath.Join(dir, "log"),
		args: []string{
			"up", "--roles", "marketplace,engine", "--data-dir", filepath.Join(dir, "data"), "--plane", "cluster",
			"--marketplace-listen", market, "--engine-listen", engine, "--log-level", "debug",
			"--project", prefix + "-cluster", "--network", prefix + "-oakestra",
		},
	}
	p.start()
	t.Cleanup(func() {
		p.end(syscall.SIGTERM)
		if t.Failed() {
			log, err := os.ReadFile(p.log)
			// The test asks ten times a second how everything is.
			text := strings.Join(slices.DeleteFunc(strings.SplitAfter(string(log), "\n"), func(line string) bool {
				return strings.Contains(line, "msg=request") && strings.Contains(line, "method=GET")
			}), "")
			t.Logf("the end of graft's log (%v):\n%s", err, text[max(0, len(text)-20_000):])
		}
	})
	token, err := os.ReadFile(filepath.Join(dir, "data", "token"))
	if err != nil {
		t.Fatal(err)
	}
	p.Client, err = client.New(client.Options{Marketplace: p.marketplace, Engine: p.engine, Token: strings.TrimSpace(string(token))})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// soakBinary returns the program: the one that GRAFT_SOAK_BINARY names, or one
// that is built now.
func soakBinary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("GRAFT_SOAK_BINARY"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "graft")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/graft")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return path
}

// start returns when the program is ready.
func (p *soakProcess) start() {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	command := exec.Command(p.binary, p.args...)
	command.Stdout, command.Stderr = log, log
	// What happens here in minutes is more than happens in years: how often the
	// engine starts a container again must not run out.
	command.Env = append(os.Environ(), "MAX_CONTAINER_RETRIES=100000")
	if err := command.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan struct{})
	p.command, p.ended = command, ended
	go func() {
		defer close(ended)
		_ = command.Wait()
	}()
	p.awaitReady(p.marketplace)
	p.awaitReady(p.engine)
}

func (p *soakProcess) awaitReady(url string) {
	p.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for {
		if answer, err := http.Get(url + "/readyz"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-tick.C:
		case <-p.ended:
			p.t.Fatalf("graft up ended before it was ready: %v", p.command.ProcessState)
		case <-late:
			p.t.Fatalf("%s is not ready", url)
		}
	}
}

// end sends a signal and returns how the process ended.
func (p *soakProcess) end(signal syscall.Signal) *os.ProcessState {
	_ = p.command.Process.Signal(signal)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Errorf("graft did not end on %v", signal)
		_ = p.command.Process.Kill()
		<-p.ended
	}
	return p.command.ProcessState
}
