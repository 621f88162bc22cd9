package driver

import (
	"context"
	"time"
)

// UsageReader is a Driver that can tell what containers use. Users are shown it;
// nothing else depends on it.
type UsageReader interface {
	// Usage returns what a container has used until now, and takes no longer than
	// the runtime needs to look once. One that does not run: CodeConflict.
	Usage(ctx context.Context, id string) (Usage, error)
}

// Usage is what a container has used. How much of the processors it uses just now
// is the difference of two.
type Usage struct {
	// Time is when that was so, by the runtime's clock.
	Time time.Time
	// CPU is the time that it was given by all cores together since it was
	// started.
	CPU time.Duration
	// Memory is in bytes, without the files in memory that the kernel would give
	// up first.
	Memory int64
}
