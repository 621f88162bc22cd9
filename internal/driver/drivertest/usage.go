package drivertest

import (
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// When a container was started last is told by the runtime, and changes only with
// the next start, on purpose or not.
func testStartedAt(s *suite) {
	spec := s.spec("web")
	other := s.network("other")
	id := s.create(spec)
	before := time.Now().Add(-time.Minute) // clocks may differ a little
	s.must(s.Driver.Start(s.ctx, id))
	first := s.wantState(id, driver.StateRunning).StartedAt
	if first.Before(before) || first.After(time.Now().Add(time.Minute)) {
		s.Errorf("just started, and started at %v", first)
	}
	s.must(s.Driver.Start(s.ctx, id))
	s.must(s.Driver.Rename(s.ctx, id, s.name("renamed")))
	s.must(s.Driver.SetRestartPolicy(s.ctx, id, "always"))
	s.must(s.Driver.Connect(s.ctx, id, driver.Endpoint{Network: other}))
	if c := s.wantState(id, driver.StateRunning); !c.StartedAt.Equal(first) {
		s.Errorf("started at %v, and without another start at %v", first, c.StartedAt)
	}
	s.must(s.Driver.Stop(s.ctx, id))
	s.must(s.Driver.Start(s.ctx, id))
	if c := s.wantState(id, driver.StateRunning); !c.StartedAt.After(first) {
		s.Errorf("started at %v, and again at %v", first, c.StartedAt)
	}

	s.must(s.Driver.Pull(s.ctx, s.Exiting, nil))
	spec.Name, spec.Image, spec.Restart = s.name("ends"), s.Exiting, "on-failure:1"
	w := s.watch(time.Time{})
	id = s.create(spec)
	s.must(s.Driver.Start(s.ctx, id))
	ended := w.await("container", "die", spec.Name)
	w.until(id, "started again", func(c driver.Container) bool { return c.Restarts == 1 && c.StartedAt.After(ended.Time) })
}

func testUsage(s *suite) {
	reader, ok := s.Driver.(driver.UsageReader)
	if !ok {
		return // nobody depends on it
	}
	spec := s.spec("web")
	spec.MemLimit = 64 << 20
	id := s.create(spec)
	if got := s.mustHave(id).MemLimit; got != spec.MemLimit {
		s.Errorf("the container may have %d bytes of memory, want %d", got, spec.MemLimit)
	}
	_, err := reader.Usage(s.ctx, id)
	s.want(err, graft.CodeConflict, id)

	s.must(s.Driver.Start(s.ctx, id))
	first, err := reader.Usage(s.ctx, id)
	s.must(err)
	second, err := reader.Usage(s.ctx, spec.Name) // by name as well
	s.must(err)
	if first.Time.IsZero() || second.Time.Before(first.Time) || first.CPU < 0 || second.CPU < first.CPU ||
		first.Memory < 0 || first.Memory > spec.MemLimit {
		s.Errorf("used %+v, then %+v", first, second)
	}

	s.must(s.Driver.Stop(s.ctx, id))
	_, err = reader.Usage(s.ctx, id)
	s.want(err, graft.CodeConflict, id)
	s.must(s.Driver.Remove(s.ctx, id))
	_, err = reader.Usage(s.ctx, id)
	s.want(err, graft.CodeNotFound, id)
}
