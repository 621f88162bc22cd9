package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/graftplatform/graft/client"
)

// server is a process of "graft up" with all roles and the built-in registry.
type server struct {
	binary      string
	args        []string
	command     *exec.Cmd
	marketplace string // URL
	engine      string // URL
	dashboard   string // URL
	registry    string // host:port
	dataDir     string
	begin       time.Time     // of the process
	serving     time.Duration // from then to the first good answer of both
	ended       chan struct{} // closed when it did; err says how
	err         error
}

// startServer starts a server on an empty data directory.
func startServer(ctx context.Context, binary, dir, name string) (*server, error) {
	ports, err := freePorts(4)
	if err != nil {
		return nil, err
	}
	s := &server{
		binary: binary,
		args: []string{
			"up", "--data-dir", dir, "--network", name, "--project", name, "--marketplace-listen", ports[0],
			"--engine-listen", ports[1], "--dashboard-listen", ports[2], "--registry-listen", ports[3],
		},
		marketplace: "http://" + ports[0],
		engine:      "http://" + ports[1],
		dashboard:   "http://" + ports[2],
		registry:    ports[3],
		dataDir:     dir,
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return s, s.run(ctx)
}

// startMarketplace starts a marketplace alone on a data directory, with these flags.
func startMarketplace(ctx context.Context, binary, dir string, flags ...string) (*server, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	s := &server{
		binary: binary, marketplace: "http://" + ports[0], dataDir: dir,
		args: append([]string{"up", "--roles", "marketplace", "--data-dir", dir, "--marketplace-listen", ports[0]}, flags...),
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return s, s.run(ctx)
}

// restart ends the process and starts it again on the same data and addresses,
// with these flags more than the first time.
func (s *server) restart(ctx context.Context, flags ...string) error {
	s.stop()
	return s.run(ctx, flags...)
}

func (s *server) run(ctx context.Context, flags ...string) error {
	log, err := os.Create(filepath.Join(s.dataDir, "bench.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.CommandContext(ctx, s.binary, slices.Concat(s.args, flags)...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.Stdout, command.Stderr = log, log
	s.begin = time.Now()
	if err := command.Start(); err != nil {
		return fmt.Errorf("%w; build it with \"make build\"", err)
	}
	s.command, s.ended = command, make(chan struct{})
	go func() {
		s.err = command.Wait()
		close(s.ended)
	}()
	for _, url := range []string{s.marketplace, s.engine} {
		if url == "" {
			continue // it has no such role
		}
		if err := s.ready(ctx, url+"/readyz"); err != nil {
			s.stop()
			return fmt.Errorf("%w\n%s", err, tail(log.Name()))
		}
	}
	s.serving = time.Since(s.begin)
	return nil
}

// ready waits until a URL answers 200.
func (s *server) ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if status, err := get(ctx, url); err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("graft up ended before it served: %w", s.err)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", url, ctx.Err())
		case <-tick.C:
		}
	}
}

func (s *server) stop() {
	if s.command == nil {
		return
	}
	_ = s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
		_ = s.command.Process.Kill()
		<-s.ended
	}
}

func (s *server) token() (string, error) {
	token, err := os.ReadFile(filepath.Join(s.dataDir, "token"))
	return strings.TrimSpace(string(token)), err
}

func (s *server) client() (*client.Client, error) {
	token, err := s.token()
	if err != nil {
		return nil, err
	}
	return client.New(client.Options{
		Marketplace: s.marketplace,
		Engine:      s.engine,
		Token:       token,
		HTTPClient:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: burst}},
	})
}

// cpu is the processor time that the process has used so far.
func (s *server) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name, in parentheses.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", s.command.Process.Pid, len(fields))
	}
	var ticks int64
	for _, field := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every platform that Go knows
	return time.Duration(ticks) * tick, nil
}

// resident is the process's resident memory in MB.
func (s *server) resident() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kB, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			return kB * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmRSS", s.command.Process.Pid)
}

// freePorts returns addresses of ports that nothing listens on. All are taken
// at once, so that no two are the same.
func freePorts(n int) ([]string, error) {
	var addresses []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses, nil
}

func get(ctx context.Context, url string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// tail returns the end of a log.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}
