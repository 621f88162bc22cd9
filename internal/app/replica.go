package app

import (
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"github.com/graftplatform/graft/internal/market"
)

// What a marketplace does when others may be at the same database.
const (
	// replicaPoll is how soon it notices what another one did.
	replicaPoll = 500 * time.Millisecond
	// replicaLease is how long what one is at is nobody else's after it was
	// killed. Clocks of replicas may differ by a part of that.
	replicaLease = 20 * time.Second
)

// asReplica makes a marketplace one of several, if its database is shared. Its
// name must be no other one's, now or ever: a name that comes back would take what
// it had then from a process that lives. So this one does not outlast the process;
// what a killed one was at goes to another one when the lease ends.
func asReplica(o *market.Options) {
	if !o.Store.Shared() {
		return
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	o.Owner = fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text())
	o.Poll, o.Lease = replicaPoll, replicaLease
}
