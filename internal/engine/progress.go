package engine

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/graftplatform/graft"
)

// progressEvery bounds how often the progress of one step is written down.
const progressEvery = 500 * time.Millisecond

// stepper returns a function that writes down what is being done for an
// installation. Repairs of an active one go unmentioned: its users see its
// status.
func (e *Engine) stepper(ctx context.Context, inst *graft.Installation) func(text string) {
	if wantsUp(inst) && settled(inst) {
		return func(string) {}
	}
	var mu sync.Mutex
	var last string
	var at time.Time
	return func(text string) {
		mu.Lock()
		defer mu.Unlock()
		kind, _, _ := strings.Cut(text, ":")
		if kind == last && time.Since(at) < progressEvery {
			return
		}
		last, at = kind, time.Now()
		details := e.detailsOf(inst)
		details.Step, details.Reason = text, keptReason(inst)
		e.write(ctx, inst, inst.Status, details, inst.Logs)
	}
}

// keptReason is why an installation is being taken back, while it is.
func keptReason(inst *graft.Installation) string {
	if gaveUp(inst) {
		return inst.Details.Reason
	}
	return ""
}
