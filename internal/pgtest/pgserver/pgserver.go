// Package pgserver starts a real PostgreSQL: Debian's, in a temporary directory,
// on a unix socket that nobody else knows of.
package pgserver

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
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// patience is how long a server may take to start, and how long to end.
const patience = 3 * time.Minute

// Server is a running PostgreSQL.
type Server struct {
	dir      string // of the socket, the data and the log
	bin      string
	account  *syscall.Credential // nil: this process's
	settings []string
	admin    *sql.DB

	process *exec.Cmd
	ended   chan struct{} // closed when the process is gone
}

// Start starts a server, with settings such as "fsync=off" of which PostgreSQL has
// others. It ends with this process, yet only Close removes it.
func Start(ctx context.Context, settings ...string) (*Server, error) {
	s := &Server{settings: settings}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) (err error) {
	if s.bin, err = binaries(); err != nil {
		return err
	}
	// The path of a socket has at most 107 bytes: not where others keep their files.
	if s.dir, err = os.MkdirTemp("", "graft-pg-"); err != nil {
		return err
	}
	if s.account, err = account(s.dir); err != nil {
		return err
	}
	// What initdb writes need not be durable: with the machine the server is gone, too.
	initdb := s.command(ctx, "initdb", "--pgdata", s.data(), "--username", "graft", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
	if output, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, output)
	}
	if s.admin, err = sql.Open("pgx", s.url("postgres")); err != nil {
		return err
	}
	return s.Restart(ctx)
}

// Database makes an empty database and returns its URL.
func (s *Server) Database(ctx context.Context, name string) (url string, err error) {
	_, err = s.admin.ExecContext(ctx, `create database `+name)
	return s.url(name), err
}

func (s *Server) url(database string) string {
	return "postgres://graft@/" + database + "?host=" + s.dir
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Restart starts the server again after Stop, and returns when it answers.
func (s *Server) Restart(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"-D", s.data(), "-k", s.dir, "-c", "listen_addresses="}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	process, ended := s.command(context.WithoutCancel(ctx), "postgres", args...), make(chan struct{})
	process.Stdout, process.Stderr = log, log
	process.SysProcAttr.Pdeathsig = syscall.SIGQUIT // from a thread that lasts: see below
	started := make(chan error)
	go func() {
		// It is to end with this process, however that ends; the system means the
		// thread by that, so this one must last.
		runtime.LockOSThread()
		defer close(ended)
		err := process.Start()
		started <- err
		if err == nil {
			_ = process.Wait() // the log tells
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process, s.ended = process, ended
	return s.await(ctx)
}

// Stop ends the server as an operator in a hurry would: whoever is connected is
// cut off.
func (s *Server) Stop() error {
	if s.process == nil {
		return nil
	}
	_ = s.process.Process.Signal(syscall.SIGINT) // "fast shutdown"; it may have ended
	select {
	case <-s.ended:
		return nil
	case <-time.After(patience):
		_ = s.process.Process.Kill()
		return fmt.Errorf("PostgreSQL did not end within %s; its log:\n%s", patience, s.log())
	}
}

// Close ends the server and removes what it had.
func (s *Server) Close() error {
	err := s.Stop()
	if s.admin != nil {
		err = errors.Join(err, s.admin.Close())
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// await returns when the server answers.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := s.admin.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("PostgreSQL ended by itself; its log:\n%s", s.log())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w; its log:\n%s", err, s.log())
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
	command.Dir, command.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: s.account}
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	return command
}

// binaries is where the newest PostgreSQL of this machine is.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("this needs PostgreSQL, which is not installed: run scripts/setup.sh, or \"sudo apt-get install postgresql\"")
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // 0 comes first
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// account is whom the server runs as, to whom dir is given: PostgreSQL does not
// run as root, for whom it is the user that Debian made for it.
func account(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL can't run as root, and there is no user for it: install Debian's package postgresql (%w)", err)
	}
	uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(errUID, errGID, os.Chown(dir, int(uid), int(gid))); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
