package engine_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// lines is what a reader of logs got so far.
type lines struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, errors.New("an empty write begins the answer, and then nothing that fails can be told")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

// take returns the lines since the last time, once everything has settled.
func (l *lines) take() string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.out.Reset()
	return l.out.String()
}

// followLogs follows an installation's logs until the context ends or by itself.
func (h *harness) followLogs(ctx context.Context, id string, options driver.LogOptions) (*lines, <-chan error) {
	options.Follow = true
	got, ended := &lines{}, make(chan error, 1)
	go func() { ended <- h.engine.Logs(ctx, id, "", options, got) }()
	return got, ended
}

// Who follows logs sees what comes, whatever becomes of the containers: every
// line, and none twice.
func TestLogsFollowContainers(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		inst := h.install(`{"name":"two","services":[{"service_name":"web","image":"w"},{"service_name":"db","image":"d"}]}`)
		h.await(inst.ID, graft.StatusActive)
		h.driver.Print("cluster_web", "old\n")
		got, ended := h.followLogs(context.Background(), inst.ID, driver.LogOptions{Tail: 1})
		expect := func(what, want string) {
			h.t.Helper()
			if text := got.take(); text != want {
				h.t.Errorf("%s: %q, want %q", what, text, want)
			}
		}
		if text := got.take(); text != "db | started\nweb | old\n" && text != "web | old\ndb | started\n" {
			t.Errorf("at first: %q", text)
		}
		h.driver.Print("cluster_web", "one\n")
		expect("a line", "web | one\n")
		for range 3 {
			h.driver.Print("cluster_web", "last words\n")
			h.driver.Exit("cluster_web", 1)
			expect("an end", "web | last words\n")
			time.Sleep(time.Second) // the runtime starts it again
			expect("a restart", "web | started\n")
		}
		if err := h.driver.Remove(context.Background(), "cluster_db"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second) // the engine makes it anew
		expect("a new container", "db | started\n")
		if _, err := h.engine.SetDesired(context.Background(), inst.ID, graft.DesiredDisabled); err != nil {
			t.Fatal(err)
		}
		h.await(inst.ID, graft.StatusDisabled)
		if _, err := h.engine.SetDesired(context.Background(), inst.ID, graft.DesiredEnabled); err != nil {
			t.Fatal(err)
		}
		h.await(inst.ID, graft.StatusActive)
		time.Sleep(time.Second) // of the bubble: it looks from time to time
		if text := got.take(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "web | started\n") || !strings.Contains(text, "db | started\n") {
			t.Errorf("disabled and enabled: %q", text)
		}
		if len(ended) > 0 {
			t.Fatal("it ended")
		}
		h.delete(inst.ID)
		synctest.Wait()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		expect("uninstalled", "")
	})
}

// A runtime that goes away ends nothing: what was written meanwhile comes later.
func TestLogsFollowThroughAnOutage(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		inst := h.install(helloAddon)
		h.await(inst.ID, graft.StatusActive)
		ctx, cancel := context.WithCancel(context.Background())
		got, ended := h.followLogs(ctx, inst.ID, driver.LogOptions{})
		got.take()
		const away = "graft | the fake runtime is away; waiting for it\n"
		for _, line := range []string{"first\n", "second\n"} {
			h.driver.SetAway(true)
			time.Sleep(time.Second)
			h.driver.Print("cluster_web", line)
			time.Sleep(time.Minute)
			if text := got.take(); text != away {
				t.Errorf("while it is away: %q", text)
			}
			h.driver.SetAway(false)
			time.Sleep(10 * time.Second)
			if text := got.take(); text != "web | "+line {
				t.Errorf("when it is back: %q", text)
			}
		}
		h.driver.SetAway(true)
		late, lateEnded := h.followLogs(ctx, inst.ID, driver.LogOptions{Tail: 2})
		if text := late.take(); text != away {
			t.Errorf("begun while it is away: %q", text)
		}
		h.driver.SetAway(false)
		time.Sleep(10 * time.Second)
		if text := late.take(); text != "web | first\nweb | second\n" {
			t.Errorf("begun while it was away: %q", text)
		}
		cancel()
		for _, ended := range []<-chan error{ended, lateEnded} {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		got.take() // what it said of the last outage
	})
}

// A runtime that hangs holds up nobody.
func TestLogsOfAHungRuntime(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		inst := h.install(helloAddon)
		h.await(inst.ID, graft.StatusActive)
		h.driver.OnCall(func(op, _ string) error {
			if op == "observe" {
				return fake.ErrHang
			}
			return nil
		})
		begin := time.Now()
		err := h.engine.Logs(context.Background(), inst.ID, "", driver.LogOptions{}, &lines{})
		if took := time.Since(begin); graft.ErrorCode(err) != graft.CodeUnavailable || took > 20*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
		h.driver.OnCall(nil)
	})
}
