package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	docker "github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/graftplatform/graft/internal/e2e/ownnet"
)

// Tests that stop, kill or fill up a Docker daemon need one that is theirs
// alone. They run as a second process of this test program, in namespaces of
// its own: its daemon's bridges, firewall rules, mounts and processes are
// nobody else's, and all of them end with it.

// ownDaemonDir is the variable that tells the second process who it is, and
// where its daemon has its files.
const ownDaemonDir = "GRAFT_TEST_OWN_DAEMON"

// withOwnDaemon runs the test that calls it once more where test may do to
// Docker what it likes, and calls test there.
func withOwnDaemon(t *testing.T, test func(*daemon)) {
	t.Helper()
	if dir := os.Getenv(ownDaemonDir); dir != "" {
		test(newDaemon(t, dir))
		return
	}
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Fatal("this test starts a Docker daemon of its own, and needs root for that")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v"}
	if deadline, ok := t.Deadline(); ok {
		args = append(args, "-test.timeout="+(time.Until(deadline)-5*time.Second).String())
	}
	command := exec.CommandContext(t.Context(), self, args...)
	dir := t.TempDir()
	command.Env = append(os.Environ(), ownDaemonDir+"="+dir, "DOCKER_HOST=unix://"+socketIn(dir))
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWPID, Unshareflags: unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
	}
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for lines := bufio.NewScanner(bytes.NewReader(output)); lines.Scan(); {
		if _, figure, ok := strings.Cut(lines.Text(), "FIGURE: "); ok {
			t.Log("FIGURE: " + figure)
		}
	}
}

func socketIn(dir string) string { return filepath.Join(dir, "docker.sock") }

// daemon is a Docker daemon that nobody else uses, with a containerd that stays
// when it ends, as on most machines.
type daemon struct {
	t       *testing.T
	dir     string
	command *exec.Cmd
	ended   <-chan struct{} // closed when the process is gone
}

// dataSize bounds the daemon's data, in bytes: enough for some small images.
const dataSize = 128 << 20

const containerdSocket = "/run/containerd/containerd.sock"

func newDaemon(t *testing.T, dir string) *daemon {
	t.Helper()
	d := &daemon{t: t, dir: dir}
	err := errors.Join(
		ownnet.LoopbackUp(),
		unix.Mount("proc", "/proc", "proc", 0, ""),
		unix.Mount("tmpfs", "/run", "tmpfs", 0, ""),
		os.Mkdir(d.data(), 0o700),
		unix.Mount("tmpfs", d.data(), "tmpfs", 0, fmt.Sprint("size=", dataSize)),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(d.logFile())
			t.Logf("the log of dockerd and containerd:\n%s", log)
		}
	})
	containerd, ended := d.run("containerd", "--root", filepath.Join(d.data(), "containerd"), "--state", "/run/containerd",
		"--address", containerdSocket, "--config", os.DevNull, "--log-level", "error")
	t.Cleanup(func() { end(containerd, ended, syscall.SIGKILL) })
	d.start()
	t.Cleanup(d.kill)
	return d
}

func (d *daemon) data() string    { return filepath.Join(d.dir, "data") }
func (d *daemon) logFile() string { return filepath.Join(d.dir, "log") }

// run starts a program; the channel is closed when it has ended.
func (d *daemon) run(name string, args ...string) (*exec.Cmd, <-chan struct{}) {
	d.t.Helper()
	log, err := os.OpenFile(d.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer log.Close()
	// Its end is told by signals, not by a context.
	command := exec.CommandContext(context.Background(), name, args...)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		d.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // the log tells
	}()
	return command, ended
}

func end(command *exec.Cmd, ended <-chan struct{}, signal syscall.Signal) {
	_ = command.Process.Signal(signal) // it may have ended by itself
	<-ended
}

// start starts the daemon and returns once it answers.
func (d *daemon) start() {
	d.t.Helper()
	const pid = "/run/docker.pid"
	if err := os.Remove(pid); err != nil && !errors.Is(err, os.ErrNotExist) { // of one that was killed
		d.t.Fatal(err)
	}
	d.command, d.ended = d.run("dockerd", "--data-root", d.data(), "--exec-root", "/run/docker", "--pidfile", pid,
		"--containerd", containerdSocket, "--log-level", "warn", "--host", "unix://"+socketIn(d.dir))
	api, err := docker.New(docker.FromEnv)
	if err != nil {
		d.t.Fatal(err)
	}
	defer api.Close()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for late := time.After(patience); ; {
		if _, err = api.Ping(d.t.Context(), docker.PingOptions{}); err == nil {
			return
		}
		select {
		case <-again.C:
		case <-d.ended:
			d.t.Fatalf("dockerd ended: %v", d.command.ProcessState)
		case <-late:
			d.t.Fatalf("dockerd does not answer: %v", err)
		}
	}
}

// stop ends the daemon as an operator does, and all containers with it.
func (d *daemon) stop() { end(d.command, d.ended, syscall.SIGTERM) }

// kill ends it without a chance to do anything. Containers run on until the next
// one ends them.
func (d *daemon) kill() { end(d.command, d.ended, syscall.SIGKILL) }

// fillDisk leaves no room in a directory's file system, and returns what gives it
// back.
func fillDisk(t *testing.T, dir string) (free func()) {
	t.Helper()
	file, err := os.CreateTemp(dir, "ballast")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	block := make([]byte, 1<<16)
	for size := len(block); size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = file.Write(block[:size])
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	return func() {
		t.Helper()
		if err := os.Remove(file.Name()); err != nil {
			t.Fatal(err)
		}
	}
}
