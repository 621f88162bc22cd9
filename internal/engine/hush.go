package engine

import (
	"context"
	"sync"
	"time"
)

// hush keeps the loop from looking while an endpoint moves: looking asks the
// runtime about the very containers that it is moving, and whoever waits for
// an answer waits for that too.
type hush struct {
	mu    sync.Mutex
	moves int
	over  *pulse
}

// hushAtMost bounds how long the loop is kept, should a move hang.
const hushAtMost = time.Second

func newHush() *hush { return &hush{over: newPulse()} }

func (h *hush) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.moves++
}

func (h *hush) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.moves--; h.moves == 0 {
		h.over.beat()
	}
}

// wait returns when no endpoint moves, or after a while.
func (h *hush) wait(ctx context.Context) {
	timer := time.NewTimer(hushAtMost)
	defer timer.Stop()
	for {
		over := h.over.C()
		h.mu.Lock()
		quiet := h.moves == 0
		h.mu.Unlock()
		if quiet {
			return
		}
		select {
		case <-over:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
