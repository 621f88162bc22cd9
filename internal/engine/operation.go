package engine

import (
	"encoding/json"
	"fmt"
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
	opRecord          kind = "write down component"
	opCreate          kind = "create container"
	opStepAside       kind = "move component aside"
	opRename          kind = "rename container"
	opStop            kind = "stop container"
	opStart           kind = "start container"
	opWait            kind = "wait for"
	opRemove          kind = "remove container"
	opComeBack        kind = "put component back"
	opRecreate        kind = "make component again"
	opConnect         kind = "connect container"
	opForgetComponent kind = "forget component"
	opRemoveNetwork   kind = "remove network"
	opRemoveVolume    kind = "remove volume"
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
	// follows is true for all but the first step of an exchange between a
	// component and its plugin: once it has begun, it is not interrupted, for
	// between its steps nobody answers to the component's name.
	follows bool

	id        string // the container's id, or its name if it is yet to be created
	name      string // the name to give it
	policy    string // the restart policy to give it
	until     string
	grace     time.Duration // how long the container may take to stop
	shared    bool          // of a network: one that others made will do
	record    json.RawMessage
	endpoint  driver.Endpoint
	container *driver.ContainerSpec
	network   *driver.NetworkSpec
	volume    *driver.VolumeSpec
	swap      *store.Swap
}

// plan is what to do for one installation.
type plan struct {
	installation *graft.Installation
	operations   []operation
	// refusal is why nothing must be done; there are no operations then.
	refusal string
}

// interruptible is whether an operation that is under way is given up when the
// spec changes or the engine stops. A call to the runtime that changes something
// is not: it would go on there, unseen.
func (o *operation) interruptible() bool { return o.kind == opPull || o.kind == opWait }

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

// String prints the plan, one operation a line with its cause.
func (p *plan) String() string {
	if p.refusal != "" {
		return "refused: " + p.refusal + "\n"
	}
	if len(p.operations) == 0 {
		return "nothing to do\n"
	}
	var b strings.Builder
	for _, o := range p.operations {
		fmt.Fprintf(&b, "%s %s (%s)\n", o.kind, o.target, o.cause)
	}
	return b.String()
}

// public turns the plan into what the API answers.
func (p *plan) public() *graft.Plan {
	out := &graft.Plan{
		InstallationID: p.installation.ID,
		Addon:          p.installation.Name,
		Operations:     []graft.Operation{},
		Refusal:        p.refusal,
		Text:           p.String(),
	}
	for _, o := range p.operations {
		out.Operations = append(out.Operations, graft.Operation{Kind: string(o.kind), Target: o.target, Cause: o.cause})
	}
	return out
}
