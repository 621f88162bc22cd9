package engine_test

import (
"context"
	"testing"
	"time"
	"sync/atomic"
	"github.com/graftplatform/graft"
)

func BenchmarkZZ(b *testing.B) {
	for range b.N {
		var n atomic.Int64
		t0 := time.Now()
		b.Run("x", func(b *testing.B){})
		_ = t0
		_ = n.Load()
	}
}
func TestZZ(t *testing.T) {
	for range 30 {
		var n, ch atomic.Int64
		t0 := time.Now()
		run(t, func(h *harness) {
			h.driver.AddContainer(schedulerComponent())
			h.driver.OnCall(func(op, target string) error { n.Add(1);  return nil })
			id := h.install(pluginAddon).ID
			h.await(id, graft.StatusActive)
			h.engine.SetDesired(context.Background(), id, graft.DesiredDisabled)
			h.await(id, graft.StatusDisabled)
			h.engine.SetDesired(context.Background(), id, graft.DesiredEnabled)
			h.await(id, graft.StatusActive)
			h.delete(id)
			ch.Store(int64(len(h.driver.Calls())))
		})
		t.Log(n.Load(), ch.Load(), time.Since(t0))
	}
}
