package app

import (
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/graftplatform/graft"
)

// How long the end of a process may take: that of its servers, and that of work
// which must not be cut in two.
const (
	stopTime = 5 * time.Second
	workTime = 30 * time.Second
)

// Run serves until ctx ends, which is no error, or something fails for good.
// Then it ends long polls and log streams, lets other requests finish, and after
// them the work, for what they did is to be written down. Then it closes
// everything. An App runs once.
func (a *App) Run(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	working, endWork := context.WithCancel(context.WithoutCancel(ctx))
	defer endWork()
	for _, s := range a.servers {
		group.Go(func() error {
			if err := s.serve(); !errors.Is(err, http.ErrServerClosed) {
				return graft.WrapError(graft.CodeInternal, err, "the %s stopped serving", s.role)
			}
			return nil
		})
	}
	for _, work := range a.work {
		group.Go(func() error { return work(working) })
	}
	group.Go(func() error {
		<-running.Done()
		a.shutdown()
		endWork()
		return nil
	})

	ended := make(chan error, 1)
	go func() { ended <- group.Wait() }()
	<-running.Done()
	// A swap that has begun is finished, which may take as long as a component
	// takes to stop. What is cut off here goes on at the next start.
	timeout := time.NewTimer(workTime)
	defer timeout.Stop()
	select {
	case err := <-ended:
		return errors.Join(ignoreEnd(err), a.Close())
	case <-timeout.C:
		return errors.Join(graft.Errorf(graft.CodeInternal, "work did not end within %s and was cut off", workTime), a.Close())
	}
}

// ignoreEnd drops the error of work that only says that it was told to end.
func ignoreEnd(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// shutdown ends all servers, with a little less time than the process has.
func (a *App) shutdown() {
	close(a.stopping)
	ctx, cancel := context.WithTimeout(context.Background(), stopTime-time.Second)
	defer cancel()
	var group errgroup.Group
	for _, s := range a.servers {
		group.Go(func() error {
			if err := s.http.Shutdown(ctx); err != nil {
				a.options.Log.Warn("requests were cut off", "role", s.role, "error", err)
				return s.http.Close()
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		a.options.Log.Warn("a server did not close", "error", err)
	}
}

// Close gives back what New opened; Run does so by itself.
func (a *App) Close() error {
	var err error
	a.closeOnce.Do(func() {
		for i := len(a.closers) - 1; i >= 0; i-- {
			err = errors.Join(err, a.closers[i]())
		}
	})
	return err
}
