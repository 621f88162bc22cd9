package web

import (
	"context"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// statsTime is how long a page waits for what containers use, which takes half a
// second to be measured when nobody has asked for a while: it is shown without, if
// need be. Its live part, which follows at once, gets it as soon as it is there.
const statsTime = 100 * time.Millisecond

// usage is what containers use, by their ids, as far as that is known.
type usage struct {
	of map[string]*graft.ServiceUsage
	// problem is why containers can't be looked at, be it for this or for how they
	// are; empty: they can, or it took too long for this page.
	problem string
}

// usageNow returns what containers use now.
type usageNow func() usage

// stats asks for what containers use, for a while.
func stats(ctx context.Context, engine *client.Client, wait time.Duration) usage {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	used, err := engine.Stats(ctx)
	if graft.ErrorCode(err) == graft.CodeUnavailable && ctx.Err() == nil {
		return usage{problem: reason(err)}
	}
	if err != nil {
		return usage{}
	}
	byID := make(map[string]*graft.ServiceUsage, len(used))
	for i := range used {
		byID[used[i].ContainerID] = &used[i]
	}
	return usage{of: byID}
}
