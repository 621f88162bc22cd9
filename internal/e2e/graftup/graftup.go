// Package graftup builds the program that users run, for tests, and starts
// "graft up" as they do.
package graftup

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
	"syscall"
	"time"
)

const (
	module = "github.com/graftplatform/graft"

	// patience bounds how long a start may take.
	patience = 2 * time.Minute
)

// Build builds graft, without C as its releases are, and writes it to path.
func Build(ctx context.Context, path string) error {
	// A module that replaces this one has not what the program needs in its go.sum.
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return fmt.Errorf("where %s is can't be told: %w", module, err)
	}
	command := exec.CommandContext(ctx, "go", "build", "-o", path, module+"/cmd/graft")
	command.Dir = strings.TrimSpace(string(root))
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("graft does not build: %w\n%s", err, output)
	}
	return nil
}

// Options say how a process is started.
type Options struct {
	Binary string
	Dir    string   // where it runs, and its home; its log is there
	Args   []string // after "up"
	Env    []string // as NAME=value, beside HOME
}

// Process is one "graft up".
type Process struct {
	URLs map[string]string // where it serves, by role

	command *exec.Cmd
	ended   chan struct{} // closed when it is gone
}

// Log is the file that processes which run in dir log to, one after the other.
func Log(dir string) string { return filepath.Join(dir, "log") }

// Start starts a process and returns once it serves.
func Start(o Options) (*Process, error) {
	log, err := os.OpenFile(Log(o.Dir), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	// Its end is told by signals, not by a context.
	command := exec.CommandContext(context.Background(), o.Binary, append([]string{"up"}, o.Args...)...)
	command.Dir, command.Stderr = o.Dir, log
	command.Env = append([]string{"HOME=" + o.Dir}, o.Env...)
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &Process{command: command, ended: make(chan struct{})}
	said := make(chan map[string]string, 1)
	go p.read(output, said)
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case p.URLs = <-said:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("graft ended: %v; its log is %s", command.ProcessState, Log(o.Dir))
	case <-late.C:
		p.End(syscall.SIGKILL)
		return nil, errors.New("graft does not say where it serves")
	}
}

// read reads what the process prints, and notes its end.
func (p *Process) read(output io.Reader, said chan<- map[string]string) {
	defer close(p.ended)
	urls := map[string]string{}
	for lines := bufio.NewScanner(output); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name == "data" { // the roles are told before
			said <- urls
			break
		}
		urls[name] = strings.TrimSpace(value)
	}
	_, _ = io.Copy(io.Discard, output)
	_ = p.command.Wait() // the state tells
}

// End sends the process a signal that ends it, if it has not ended by itself, and
// returns how it ended.
func (p *Process) End(signal syscall.Signal) *os.ProcessState {
	_ = p.command.Process.Signal(signal) // it may be gone
	<-p.ended
	return p.command.ProcessState
}
