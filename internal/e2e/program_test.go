package e2e_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
	"github.com/graftplatform/graft/internal/app"
	"github.com/graftplatform/graft/internal/e2e/graftup"
)

// buildGraft builds the program that users run and returns its path.
func buildGraft(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "graft")
	if err := graftup.Build(t.Context(), path); err != nil {
		t.Fatal(err)
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
	running *graftup.Process
	over    bool // no further one is started

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
		"--roles", "engine", "--plane", "cluster", "--engine-listen", "127.0.0.1:0", "--auth", "none",
		"--data-dir", filepath.Join(g.dir, "data"), "--docker-host", host, "--marketplace", s.market,
		"--project", s.prefix + "-cluster", "--network", s.prefix + "-oakestra", "--log-level", "debug",
	}, args...)
	s.t.Cleanup(func() {
		g.kill()
		if s.t.Failed() {
			log, _ := os.ReadFile(graftup.Log(g.dir))
			s.t.Logf("the log of graft:\n%s", log)
		}
	})
	if err := g.start(); err != nil {
		s.t.Fatal(err)
	}
	return g
}

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
	running, err := graftup.Start(graftup.Options{Binary: g.binary, Dir: g.dir, Args: g.args})
	if err != nil {
		return err
	}
	g.running = running
	return g.reach(running.URLs[app.RoleEngine])
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
	if state := g.end(syscall.SIGTERM); state.ExitCode() != 0 {
		g.t.Errorf("graft ended with %v after SIGTERM", state)
	}
}

// end returns how the process ended, nil when there was none.
func (g *program) end(signal syscall.Signal) *os.ProcessState {
	if g.running == nil {
		return nil
	}
	// Nobody is to ask the port of a process that is gone: another may have it.
	_ = g.reach("")
	return g.running.End(signal)
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
	err := g.call(g.t.Context(), func(ctx context.Context, c *client.Client) error {
		_, err := c.Uninstall(ctx, id, false)
		return err
	})
	late := time.Now().Add(patience)
	for since := int64(0); err == nil; {
		err = g.call(g.t.Context(), func(ctx context.Context, c *client.Client) error {
			inst, err := c.WaitInstallation(ctx, id, since)
			if err != nil {
				return err
			}
			if since = inst.Revision; time.Now().After(late) {
				return graft.Errorf(graft.CodeInternal, "not gone but %s: %+v", inst.Status, inst.Details)
			}
			return nil
		})
	}
	if graft.ErrorCode(err) != graft.CodeNotFound {
		g.t.Fatal(err)
	}
}
