package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/graftplatform/graft"
)

const (
	// reconnectFor is how long a server may be away in the middle of a wait:
	// restarting it is no reason to give up.
	reconnectFor   = 30 * time.Second
	reconnectPause = 500 * time.Millisecond
)

// waiting is whether and how long a command waits for the outcome.
type waiting struct {
	wait    bool
	timeout time.Duration
}

func (w *waiting) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&w.wait, "wait", true, "return when the outcome is known")
	flags.DurationVar(&w.timeout, "timeout", 10*time.Minute, "the longest to wait")
	setting(flags, "wait", "timeout")
}

// errWaited is why a context ended whose waiting is over.
var errWaited = errors.New("the time to wait is over")

func (w *waiting) context(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, w.timeout, errWaited)
}

// unfinished is err, unless that says that the waiting ended before the outcome was
// known: then how it stands, and the command that tells how it goes on without us.
func (w *waiting) unfinished(err error, name, status, because, command string) error {
	switch {
	case errors.Is(err, errWaited):
		status += fmt.Sprintf(" after %v", w.timeout)
	case errors.Is(err, context.Canceled):
		name = "interrupted; " + name
	default:
		return err
	}
	return graft.Errorf(graft.CodeUnavailable, "%s is still %s%s\n%q tells how it goes on", name, status, because, command)
}

// follower follows one document until it has settled.
type follower[T any] struct {
	next     func(ctx context.Context, since int64) (*T, error)
	revision func(*T) int64
	settled  func(*T) bool
	say      func(*T) string
	pulls    func(*T) []graft.PullStatus // may be nil
}

func (f follower[T]) tell(g *progress, doc *T) {
	if f.pulls == nil {
		g.say(f.say(doc))
		return
	}
	g.pulling(f.say(doc), f.pulls(doc))
}

// follow returns the settled document, or the last one seen and an error.
func (f follower[T]) follow(ctx context.Context, g *progress, doc *T) (*T, error) {
	defer g.end()
	var lostSince time.Time
	f.tell(g, doc)
	for !f.settled(doc) {
		next, err := f.next(ctx, f.revision(doc))
		switch {
		case err == nil:
			doc, lostSince = next, time.Time{}
			f.tell(g, doc)
			continue
		case context.Cause(ctx) != nil:
			return doc, context.Cause(ctx)
		case graft.ErrorCode(err) != graft.CodeUnavailable:
			return doc, err
		case lostSince.IsZero():
			lostSince = time.Now()
		case time.Since(lostSince) > reconnectFor:
			return doc, err
		}
		g.say(graft.ErrorMessage(err) + "; trying again")
		if err := pause(ctx, reconnectPause); err != nil {
			return doc, err
		}
	}
	return doc, nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
