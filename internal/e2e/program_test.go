package e2e_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// buildGraft builds the program that users run and returns its path.
func buildGraft(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "graft")
	command := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/graftplatform/graft/cmd/graft")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("graft does not build: %v\n%s", err, output)
	}
	return path
}

// program is "graft up" as a process of its own, on one data directory. It can
// be killed and started again; then it listens elsewhere.
type program struct {
	t       *testing.T
	binary  string
	dir     string
	args    []string
	process sync.Mutex // held while one starts or ends
	command *exec.Cmd
	ended   chan struct{} // closed when the process is gone
	over    bool          // no further one is started

	mu      sync.Mutex
	api     *client.Client // nil: none runs
	url     string
	changed chan struct{} // closed when api changes
}

// startProgram runs the engine of a site's cluster, which reaches Docker at
// host, with the site's marketplace.
func (s *site) startProgram(binary, host string, args ...string) *program {
	s.t.Helper()
	g := &program{t: s.t, binary: binary, dir: s.t.TempDir(), changed: make(chan struct{})}
	g.args = append([]string{
		"up", "--roles", "engine", "--plane", "cluster", "--engine-listen", "127.0.0.1:0", "--auth", "none",
		"--data-dir", filepath.Join(g.dir, "data"), "--docker-host", host, "--marketplace", s.market,
		"--project", s.prefix + "-cluster", "--network", s.prefix + "-oakestra", "--log-level", "debug",
	}, args...)
	s.t.Cleanup(func() {
		g.kill()
		if s.t.Failed() {
			log, _ := os.ReadFile(g.logFile())
			s.t.Logf("the log of graft:\n%s", log)
		}
	})
	if err := g.start(); err != nil {
		s.t.Fatal(err)
	}
	return g
}

func (g *program) logFile() string { return filepath.Join(g.dir, "log") }

// start starts the process and returns once it serves.
func (g *program) start() error {
	g.process.Lock()
	defer g.process.Unlock()
	if g.over {
		return nil
	}
	return g.run()
}

func (g *program) run() error {
	log, err := os.OpenFile(g.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// Its end is told by signals, not by a context.
	command := exec.CommandContext(context.Background(), g.binary, g.args...)
	command.Dir, command.Env, command.Stderr = g.dir, []string{"HOME=" + g.dir}, log
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	url, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			if fields := strings.Fields(lines.Text()); len(fields) == 2 && fields[0] == "engine" {
				url <- fields[1]
			}
		}
		_, _ = io.Copy(io.Discard, output)
		_ = command.Wait() // the state tells
	}()
	g.command, g.ended = command, ended
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case u := <-url:
		return g.reach(u)
	case <-ended:
		return fmt.Errorf("graft ended: %v", command.ProcessState)
	case <-late.C:
		return errors.New("graft does not say where it serves")
	}
}

// reach notes where the process serves; empty: nowhere.
func (g *program) reach(url string) error {
	var api *client.Client
	if url != "" {
		var err error
		if api, err = client.New(client.Options{Engine: url}); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.api, g.url = api, url
	close(g.changed)
	g.changed = make(chan struct{})
	return nil
}

// kill ends the process for good, without a chance to do anything.
func (g *program) kill() {
	g.process.Lock()
	defer g.process.Unlock()
	g.over = true
	g.end(syscall.SIGKILL)
}

// crash kills the process, calls then and starts the next one; nothing of that
// if it is over.
func (g *program) crash(then func()) error {
	g.process.Lock()
	defer g.process.Unlock()
	if g.over {
		return nil
	}
	g.end(syscall.SIGKILL)
	then()
	return g.run()
}

// retire is a stop after which no process is started any more.
func (g *program) retire() {
	g.t.Helper()
	g.process.Lock()
	g.over = true
	g.process.Unlock()
	g.stop()
}

// stop ends the process as an operator does; start runs the next one.
func (g *program) stop() {
	g.t.Helper()
	g.process.Lock()
	defer g.process.Unlock()
	g.end(syscall.SIGTERM)
	if code := g.command.ProcessState.ExitCode(); code != 0 {
		g.t.Errorf("graft ended with %v after SIGTERM", g.command.ProcessState)
	}
}

func (g *program) end(signal syscall.Signal) {
	if g.command == nil || g.command.Process == nil {
		return
	}
	// Nobody is to ask the port of a process that is gone: another may have it.
	_ = g.reach("")
	_ = g.command.Process.Signal(signal) // it may have ended by itself
	<-g.ended
}

// call asks the engine and, if it dies meanwhile, the next one.
func (g *program) call(ctx context.Context, ask func(context.Context, *client.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		g.mu.Lock()
		api, changed := g.api, g.changed
		g.mu.Unlock()
		err := errors.New("no graft runs")
		if api != nil {
			err = ask(ctx, api)
			var away *client.ConnectionError
			if !errors.As(err, &away) {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return err
		}
	}
}

// install asks for an addon until it is one of the engine's installations.
func (g *program) install(addon *graft.Addon) *graft.Installation {
	g.t.Helper()
	var inst *graft.Installation
	err := g.call(g.t.Context(), func(ctx context.Context, c *client.Client) error {
		var err error
		if inst, err = c.Install(ctx, addon.ID); graft.ErrorCode(err) != graft.CodeExists {
			return err
		}
		all, err := c.Installations(ctx, "") // an answer was lost
		for i := range all {
			if all[i].MarketplaceID == addon.ID {
				inst = &all[i]
			}
		}
		return err
	})
	if err != nil || inst == nil {
		g.t.Fatalf("install: %v, %v", inst, err)
	}
	return inst
}

// upgrade asks for another version until the installation is to run that.
func (g *program) upgrade(id string, addon *graft.Addon) {
	g.t.Helper()
	err := g.call(g.t.Context(), func(ctx context.Context, c *client.Client) error {
		_, err := c.Upgrade(ctx, id, graft.InstallRequest{MarketplaceID: addon.ID})
		if graft.ErrorCode(err) == graft.CodeExists {
			return nil // an answer was lost
		}
		return err
	})
	if err != nil {
		g.t.Fatal(err)
	}
}

// desire enables or disables an installation.
func (g *program) desire(id string, enabled bool) {
	g.t.Helper()
	if err := g.call(g.t.Context(), func(ctx context.Context, c *client.Client) error {
		ask := c.Disable
		if enabled {
			ask = c.Enable
		}
		_, err := ask(ctx, id)
		return err
	}); err != nil {
		g.t.Fatal(err)
	}
}

// await returns the installation once it is as wanted, and fails when that can't
// be hoped for any more.
func (g *program) await(id, what string, is func(*graft.Installation) bool) *graft.Installation {
	g.t.Helper()
	return g.awaitUnless(id, what, is, func(i *graft.Installation) bool {
		return i.Details != nil && (i.Details.Outcome == graft.OutcomeNotRestored ||
			i.Status == graft.StatusFailed && i.Details.Outcome == graft.OutcomeRestored)
	})
}

// awaitAtLast is await for one that fails at first.
func (g *program) awaitAtLast(id, what string, is func(*graft.Installation) bool) *graft.Installation {
	g.t.Helper()
	return g.awaitUnless(id, what, is, func(*graft.Installation) bool { return false })
}

func (g *program) awaitUnless(id, what string, is, hopeless func(*graft.Installation) bool) *graft.Installation {
	g.t.Helper()
	var inst *graft.Installation
	late := time.Now().Add(patience)
	for since := int64(0); ; since = inst.Revision {
		if err := g.call(g.t.Context(), func(ctx context.Context, c *client.Client) (err error) {
			inst, err = c.WaitInstallation(ctx, id, since)
			return err
		}); err != nil {
			g.t.Fatalf("while waiting for %s: %v", what, err)
		}
		switch {
		case is(inst):
			return inst
		case hopeless(inst), time.Now().After(late):
			g.t.Fatalf("not %s but %s: %+v\n%s", what, inst.Status, inst.Details, inst.Logs)
		}
	}
}

func (g *program) awaitStatus(id string, status graft.InstallationStatus) *graft.Installation {
	g.t.Helper()
	return g.await(id, string(status), func(i *graft.Installation) bool { return i.Status == status })
}

// uninstall removes an installation; which of the answers get lost, if any,
// makes no difference.
func (g *program) uninstall(id string) {
	g.t.Helper()
	for {
		removed := false
		err := g.call(g.t.Context(), func(ctx context.Context, c *client.Client) (err error) {
			removed, err = c.Delete(ctx, id)
			return err
		})
		switch {
		case removed, graft.ErrorCode(err) == graft.CodeNotFound:
			return
		case err != nil:
			g.t.Fatal(err)
		}
		g.awaitStatus(id, graft.StatusDisabled)
	}
}
