// Package pgtest gives tests a real PostgreSQL: Debian's, started for one test
// and its subtests in a temporary directory, on a unix socket that nobody else
// knows of. Tests that use it fail where PostgreSQL is not installed.
package pgtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// patience is how long a server may take to start, and how long to end.
const patience = time.Minute

// Server is a running PostgreSQL.
type Server struct {
	dir       string // of the socket, the data and the log
	bin       string
	account   *syscall.SysProcAttr
	admin     *sql.DB
	databases atomic.Int32

	process *exec.Cmd
	ended   chan struct{} // closed when the process is gone
}

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	// Not t.TempDir: the path of a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "graft-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s := &Server{dir: dir, bin: binaries(t), account: account(t, dir)}
	if output, err := s.command(t.Context(), "initdb", "--pgdata", s.data(), "--username", "graft", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, output)
	}
	t.Cleanup(func() { s.Stop(t) })
	s.Restart(t)
	if s.admin, err = sql.Open("pgx", s.url("postgres")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.admin.Close() })
	s.await(t)
	return s
}

// Database makes an empty database and returns its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	if _, err := s.admin.ExecContext(t.Context(), `create database `+name); err != nil {
		t.Fatal(err)
	}
	return s.url(name)
}

func (s *Server) url(database string) string {
	return "postgres://graft@/" + database + "?host=" + s.dir
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Restart starts the server again after Stop.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	// What is lost when the machine loses power is lost to no test.
	s.process = s.command(context.Background(), "postgres", "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "max_connections=400", "-c", "shared_buffers=64MB")
	s.process.Stdout, s.process.Stderr = log, log
	s.ended = make(chan struct{})
	started := make(chan error)
	go func(process *exec.Cmd, ended chan struct{}) {
		// It is to end with this process, however that ends; the system means the
		// thread by that, so this one must last.
		runtime.LockOSThread()
		defer close(ended)
		err := process.Start()
		started <- err
		if err == nil {
			_ = process.Wait() // the log tells
		}
	}(s.process, s.ended)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	if s.admin != nil {
		s.await(t)
	}
}

// Stop ends the server as an operator in a hurry would: whoever is connected is
// cut off.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.process == nil || s.process.Process == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGINT) // "fast shutdown"; it may have ended
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.process.Process.Kill()
		t.Errorf("PostgreSQL did not end within %s; its log:\n%s", patience, s.log())
	}
}

// await returns when the server answers.
func (s *Server) await(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := s.admin.PingContext(ctx)
		if err == nil {
			return
		}
		select {
		case <-s.ended:
			t.Fatalf("PostgreSQL ended by itself; its log:\n%s", s.log())
		case <-ctx.Done():
			t.Fatalf("PostgreSQL does not answer: %v; its log:\n%s", err, s.log())
		case <-time.After(20 * time.Millisecond): // it tells nobody that it is ready
		}
	}
}

func (s *Server) log() []byte {
	log, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(log)
}

func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	command.Dir, command.SysProcAttr = s.dir, s.account
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	return command
}

// binaries is where the newest PostgreSQL of this machine is.
func binaries(t testing.TB) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		t.Fatal("this test needs PostgreSQL, which is not installed: run scripts/setup.sh, or \"sudo apt-get install postgresql\"")
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // 0 comes first
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }))
}

// account is whom the server runs as, to whom dir is given: PostgreSQL does not
// run as root, for whom it is the user that Debian made for it.
func account(t testing.TB, dir string) *syscall.SysProcAttr {
	t.Helper()
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() != 0 {
		return attributes
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("PostgreSQL can't run as root, and there is no user for it: install Debian's package postgresql (%v)", err)
	}
	uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(errUID, errGID, os.Chown(dir, int(uid), int(gid))); err != nil {
		t.Fatal(err)
	}
	attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attributes
}
