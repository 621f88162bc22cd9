package engine_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
	"github.com/graftplatform/graft/internal/engine"
)

// busyAddon has two services, of which one may have so much memory only.
const busyAddon = `{"name":"two","services":[{"service_name":"side","image":"s","mem_limit":"64m"},{"service_name":"web","image":"w"}]}`

// stats asks what there is to tell, and how long that took.
func (h *harness) stats() ([]graft.ServiceUsage, time.Duration) {
	h.t.Helper()
	begin := time.Now()
	found, err := h.engine.Stats(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	return found, time.Since(begin)
}

// reads returns how often containers have been asked what they use since.
func (h *harness) reads() *atomic.Int64 {
	n := new(atomic.Int64)
	h.driver.OnCall(func(op, _ string) error {
		if op == "usage" {
			n.Add(1)
		}
		return nil
	})
	return n
}

// busy installs an addon whose services use one core and a half, and a quarter.
func (h *harness) busy() *graft.Installation {
	h.t.Helper()
	h.driver.AddImage(imageOf("s"), fake.Behaviour{CPUs: 1.5, Memory: 32 << 20})
	h.driver.AddImage(imageOf("w"), fake.Behaviour{CPUs: 0.25, Memory: 1 << 20})
	return h.await(h.install(busyAddon).ID, graft.StatusActive)
}

func TestStats(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		if found, took := h.stats(); len(found) != 0 || took != 0 {
			t.Errorf("where nothing is installed: %+v after %s", found, took)
		}
		h.driver.AddContainer(schedulerComponent())
		id := h.busy().ID
		h.pass(time.Second)
		reads := h.reads()
		found, took := h.stats()
		want := []graft.ServiceUsage{
			{InstallationID: id, Service: "side", ContainerID: h.container("cluster_side").ID, CPUs: 1.5, Memory: 32 << 20, MemoryLimit: 64 << 20},
			{InstallationID: id, Service: "web", ContainerID: h.container("cluster_web").ID, CPUs: 0.25, Memory: 1 << 20},
		}
		if diff := cmp.Diff(want, found, cmpopts.IgnoreFields(graft.ServiceUsage{}, "Time")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if took != 500*time.Millisecond || reads.Load() != 4 || !found[0].Time.Equal(time.Now()) {
			t.Errorf("measured at %s, in %s with %d questions", found[0].Time, took, reads.Load())
		}
		for _, c := range []struct {
			what         string
			after, takes time.Duration
			reads        int64
		}{
			{"soon", 900 * time.Millisecond, 0, 0},
			{"later", 200 * time.Millisecond, 0, 2},
			{"a minute later", time.Minute, 0, 2},
			{"long after", time.Minute + time.Millisecond, 500 * time.Millisecond, 4},
		} {
			h.pass(c.after)
			before := reads.Load()
			if again, took := h.stats(); took != c.takes || reads.Load()-before != c.reads || again[0].CPUs != 1.5 {
				t.Errorf("%s: %+v after %s, with %d questions", c.what, again, took, reads.Load()-before)
			}
		}
	})
}

// What does not run, and what can't be asked, is left out; and what was started
// anew is measured anew.
func TestStatsOfThoseThatRun(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		id := h.busy().ID
		h.stats()
		h.pass(2 * time.Second)
		h.driver.FailNext("usage", graft.Errorf(graft.CodeUpstream, "something else"))
		if found, _ := h.stats(); len(found) != 1 {
			t.Errorf("although one could not be asked: %+v", found)
		}
		h.pass(2 * time.Second)
		h.driver.Exit(h.container("cluster_side").ID, 9)
		h.pass(2 * time.Second) // Docker starts it again
		found, took := h.stats()
		if len(found) != 2 || found[0].CPUs != 1.5 || took != 500*time.Millisecond {
			t.Errorf("of one that was started anew: %+v after %s", found, took)
		}
		if _, err := h.engine.SetDesired(context.Background(), id, graft.DesiredDisabled); err != nil {
			t.Fatal(err)
		}
		h.await(id, graft.StatusDisabled)
		h.pass(2 * time.Second)
		if found, _ := h.stats(); len(found) != 0 {
			t.Errorf("of what is disabled: %+v", found)
		}
	})
}

// However many ask at once, containers are asked once; and who leaves does not take
// the answer from the others.
func TestStatsAreShared(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.busy()
		reads := h.reads()
		impatient, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := h.engine.Stats(impatient); graft.ErrorCode(err) != graft.CodeUnavailable {
				t.Errorf("who left was answered: %v", err)
			}
		})
		for n := range 100 {
			all.Go(func() {
				time.Sleep(time.Duration(n) * 10 * time.Millisecond) // of the bubble: 1 s in all
				if found, err := h.engine.Stats(context.Background()); err != nil || len(found) != 2 {
					t.Errorf("%+v, %v", found, err)
				}
			})
		}
		all.Wait()
		if reads.Load() != 4 {
			t.Errorf("%d questions", reads.Load())
		}
	})
}

// A runtime that does not say what containers use keeps nobody from installing.
func TestStatsDisturbNothing(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		first := h.busy()
		h.driver.OnCall(func(op, _ string) error {
			if op == "usage" {
				return fake.ErrHang
			}
			return nil
		})
		var all sync.WaitGroup
		all.Go(func() {
			begin := time.Now()
			_, err := h.engine.Stats(context.Background())
			if took := time.Since(begin); graft.ErrorCode(err) != graft.CodeUnavailable || took != 10*time.Second {
				t.Errorf("%v after %s", err, took)
			}
		})
		begin := time.Now()
		h.await(h.install(`{"name":"more","services":[{"service_name":"more","image":"m"}]}`).ID, graft.StatusActive)
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("an installation took %s", took)
		}
		all.Wait()
		h.driver.OnCall(nil)
		h.driver.SetAway(true)
		h.pass(time.Second)
		if _, err := h.engine.Stats(context.Background()); graft.ErrorCode(err) != graft.CodeUnavailable {
			t.Errorf("while the runtime is away: %v", err)
		}
		h.driver.SetAway(false)
		h.pass(time.Second)
		if found, _ := h.stats(); len(found) != 3 {
			t.Errorf("when it is back: %+v", found)
		}
		if now := h.await(first.ID, graft.StatusActive); now.Generation != first.Generation || now.Details.Outcome != graft.OutcomeDone {
			t.Errorf("the addon was touched: %+v", now.Details)
		}
	})
}

// plainDriver has no more than a driver must have.
type plainDriver struct{ driver.Driver }

func TestStatsOfAPlainDriver(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		e, err := engine.New(engine.Options{Store: h.store, Driver: plainDriver{h.driver}, Plane: graft.PlaneCluster})
		try(t, err)
		if _, err := e.Stats(context.Background()); graft.ErrorCode(err) != graft.CodeNotFound {
			t.Errorf("got %v", err)
		}
	})
}

// An installation changes with each start of its containers, and not while they
// run.
func TestStartsAreTold(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		id := h.install(helloAddon).ID
		was := h.await(id, graft.StatusActive)
		web := h.container("cluster_web")
		at := was.Details.Services[0].StartedAt
		if at == nil || !at.Equal(web.StartedAt.Truncate(time.Millisecond)) {
			t.Fatalf("started at %v, and told at %v", web.StartedAt, at)
		}
		h.pass(10 * time.Minute)
		if now := h.await(id, graft.StatusActive); now.Revision != was.Revision {
			t.Errorf("revision %d, then %d: %+v", was.Revision, now.Revision, now.Details)
		}
		h.driver.Exit(web.ID, 1)
		now := h.awaitThat(id, "up again", func(i *graft.Installation) bool {
			return i.Status == graft.StatusActive && i.Revision > was.Revision
		})
		if again := now.Details.Services[0].StartedAt; again == nil || !again.After(*at) {
			t.Errorf("started at %v, and again at %v", at, again)
		}
	})
}
