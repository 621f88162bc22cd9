package dockertest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
	"testing"
)

// Ports that FreePort gives out. They are none of those that outgoing connections
// take by themselves: between the end of a container and the start of another one,
// nobody else may have its port.
const (
	firstPort = 10_000
	ports     = 20_000
)

// FreePort returns a port of this host that nobody listens on, and that no other
// test gets before this one has ended, in whichever process that is.
func FreePort(t testing.TB) string {
	t.Helper()
	for range ports {
		port := strconv.Itoa(firstPort + rand.IntN(ports))
		// A name that the system gives to one process, and takes back when that ends.
		mine, err := net.Listen("unix", "@graft-test-port-"+port)
		if err != nil {
			continue
		}
		if !free(port) {
			_ = mine.Close()
			continue
		}
		t.Cleanup(func() { _ = mine.Close() })
		return port
	}
	t.Fatal("no port of this host is free")
	return ""
}

// free says whether nobody listens on port. No process is forked while it tries: what
// is forked has a copy of the listener until it becomes another program, and would
// keep the port for that long.
func free(port string) bool {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
