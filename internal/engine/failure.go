package engine

import (
	"context"
	"errors"

	"github.com/graftplatform/graft"
)

// operationError says which operation failed.
type operationError struct {
	operation *operation
	err       error
}

func (e *operationError) Error() string { return e.operation.text() + ": " + e.err.Error() }

func (e *operationError) Unwrap() error { return e.err }

// temporary is whether another attempt may succeed: something was away, or what
// the plan relied on changed meanwhile, and the next plan will see that.
func (e *operationError) temporary() bool {
	if e == nil {
		return false
	}
	kind := e.operation.kind
	switch graft.ErrorCode(e.err) {
	case graft.CodeUnavailable:
		return true
	case graft.CodeNotFound:
		return kind != opPull
	case graft.CodeConflict:
		return kind == opCreate || kind == opRecord || kind == opClaim || kind == opTakeVolume || kind == opKeepVolume
	}
	// A container that is just being restarted can't be moved.
	return kind == opRename || kind == opPolicy || kind == opDisconnect
}

// ours is whether it was our own store that failed: it is no reason to give
// anything up.
func (e *operationError) ours() bool {
	switch e.operation.kind {
	case opRecord, opClaim, opAdopt, opForget, opForgetComponent, opTakeVolume, opKeepVolume:
		return graft.ErrorCode(e.err) == graft.CodeUnavailable
	}
	return false
}

// causeMayGo is whether the failure may be over one day without anybody
// changing the spec: the image appears, the port is freed. It is so only while
// no component was touched: another attempt must not cost anybody anything.
func (e *operationError) causeMayGo() bool {
	if e == nil || e.operation.follows {
		return false
	}
	switch e.operation.kind {
	case opPull, opCreateNetwork, opCreateVolume, opCreate, opStart:
		return true
	}
	return false
}

// reason is the failure for people: what was done, and what was wrong.
func (e *operationError) reason() string {
	text := e.operation.text()
	if message := graft.ErrorMessage(e.err); message != "" {
		return text + ": " + message
	}
	if errors.Is(e.err, context.DeadlineExceeded) {
		return text + ": it took too long"
	}
	return text + ": an internal error; the log has it"
}
