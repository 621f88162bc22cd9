package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/store"
)

// kind is what an operation does. The executor has one case for each.
type kind string

const (
	opPull            kind = "pull"
	opCreateNetwork   kind = "create network"
	opCreateVolume    kind = "create volume"
	opTakeVolume      kind = "take over volume"
	opRecord          kind = "write down component"
	opClaim           kind = "claim component"
	opCreate          kind = "create container"
	opRename          kind = "rename container"
	opPolicy          kind = "set restart policy"
	opStop            kind = "stop container"
	opStart           kind = "start container"
	opWait            kind = "wait for"
	opRemove          kind = "remove container"
	opRecreate        kind = "make component again"
	opAdopt           kind = "write down again"
	opConnect         kind = "connect container"
	opReconnect       kind = "reconnect component"
	opDisconnect      kind = "disconnect container"
	opMove            kind = "move endpoint"
	opDrain           kind = "let requests end at"
	opForgetComponent kind = "forget component"
	opRemoveNetwork   kind = "remove network"
	opRemoveVolume    kind = "remove volume"
	opKeepVolume      kind = "keep volume"
	opForget          kind = "forget installation"
)

// What a wait operation waits for.
const (
	untilStable    = "stable" // healthy if it has a health check, else still running after a while
	untilHealthy   = graft.ServiceHealthy
	untilCompleted = graft.ServiceCompleted
)

// operation is one step of a plan. It carries everything that the executor
// needs, so that the executor decides nothing.
type operation struct {
	kind   kind
	target string // for people
	cause  string
	// after lists the operations, by index, that must have succeeded before.
	after []int
	// group is what the operation is for, usually a service.
	group string
	// follows is true for all but the first step of an exchange between two
	// containers: once it has begun, it is not interrupted, for between its
	// steps nobody answers to the component's name.
	follows bool
	// fallback is what is done when the operation fails; nil: nothing special.
	fallback *fallback
	// gap marks the first and the last step of the time without an answer.
	gap *gap

	id        string // the container's id, or its name if it is yet to be created
	name      string // the name to give it
	policy    string // the restart policy to give it
	until     string
	stableFor time.Duration // how long a container without a health check must run
	stays     bool          // so must one with a health check
	restarts  int           // how often it had been restarted before
	mayEnd    bool          // it may have come to a good end
	grace     time.Duration // how long the container may take to stop
	shared    bool          // of a network: one that others made will do
	restores  bool          // the component is back once this is done
	from      string        // who has it before: the installation of a component, the container of an endpoint; its name, of one to be written down
	runs      bool          // of a component to be written down: it is to run when it is back, even if it does not now
	record    json.RawMessage
	endpoint  driver.Endpoint // to disconnect: its network alone counts
	container *driver.ContainerSpec
	network   *driver.NetworkSpec
	volume    *driver.VolumeSpec
	kept      *store.KeptVolume
	swap      *store.Swap
}

// fallback is the way of a swap that is taken when a step of a better one
// fails. Nothing has been touched by then.
type fallback struct {
	component string
	back      bool
	way       graft.SwapWay
	reason    string // to which the failure is added
}

// gap tells the steps between which nobody answers.
type gap struct {
	begins, ends bool
	none         bool // somebody answers all the time; only the end is marked
	back         bool
	way          graft.SwapWay
	component    string
}

// plan is what to do for one installation.
type plan struct {
	installation *graft.Installation
	operations   []operation
	// apart is whether the services are looked after one by one: what fails for
	// one of them keeps nothing of the others from being done.
	apart bool
	// standIn is whether it only bridges the time until another attempt.
	standIn bool
	// soon is whether to look again soon.
	soon bool
	// pulls is whether the plan only brings images.
	pulls bool
	// refusal is why something must not be done; the operations, if there are
	// any, are what can be done all the same.
	refusal string
	code    graft.Code // what kind of refusal it is
	stuck   string     // why a component can't come back for which a plugin made room
	blocked []*want    // the services that it is about, of an installation that has been up
	// stepped are the containers of another version, by id, that make room before
	// anything starts.
	stepped map[string]bool
	// waiting is whom something waits for.
	waiting string
	// swaps are the components that step aside or come back.
	swaps []graft.PlannedSwap
	// components are all those that the installation has to do with: one
	// operation at a time may touch them.
	components []string
	// places are those components by what operations are for.
	places map[string]string
	// drift is what somebody did to what had been settled, and the plan puts
	// right: events with their type, component, service and message.
	drift []graft.Event
}

// interruptible is whether an operation that is under way is given up when the
// spec changes or the engine stops. A call to the runtime that changes something
// is not: it would go on there, unseen.
func (o *operation) interruptible() bool {
	return o.kind == opPull || o.kind == opWait || o.kind == opDrain
}

// add appends an operation and returns its index.
func (p *plan) add(o operation) int {
	p.operations = append(p.operations, o)
	return len(p.operations) - 1
}

// all returns the indices of all operations so far.
func (p *plan) all() []int {
	indices := make([]int, len(p.operations))
	for i := range indices {
		indices[i] = i
	}
	return indices
}

// refuse notes why something must not be done. The first reason counts.
func (p *plan) refuse(err error) {
	if p.refusal == "" {
		p.refusal, p.code = graft.ErrorMessage(err), graft.ErrorCode(err)
	}
}

// without returns the plan without the operations that are to wait, whatever
// comes after one of them, and the rest of what such an operation is for.
func (p *plan) without(waits func(o *operation) bool) *plan {
	dropped := make([]bool, len(p.operations))
	groups := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for i := range p.operations {
			o := &p.operations[i]
			drop := waits(o) || groups[o.group] || slices.ContainsFunc(o.after, func(before int) bool { return dropped[before] })
			if !drop || dropped[i] {
				continue
			}
			dropped[i], changed = true, true
			if o.group != "" {
				groups[o.group] = true
			}
		}
	}
	rest := *p
	rest.operations = nil
	at := make([]int, len(p.operations))
	for i, o := range p.operations {
		if dropped[i] {
			continue
		}
		o.after = slices.Clone(o.after)
		for j, before := range o.after {
			o.after[j] = at[before]
		}
		at[i] = rest.add(o)
	}
	return &rest
}

// String prints the plan, one operation a line with its cause.
func (p *plan) String() string {
	var b strings.Builder
	if p.refusal != "" {
		fmt.Fprintf(&b, "refused: %s\n", p.refusal)
	} else if len(p.operations) == 0 {
		return "nothing to do\n"
	}
	for _, o := range p.operations {
		fmt.Fprintf(&b, "%s %s (%s)\n", o.kind, o.target, o.cause)
	}
	return b.String()
}
