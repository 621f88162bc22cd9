package dockertest

import (
	"math/rand/v2"
	"net"
	"strconv"
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
		free, err := net.Listen("tcp", ":"+port)
		if err != nil {
			_ = mine.Close()
			continue
		}
		_ = free.Close()
		t.Cleanup(func() { _ = mine.Close() })
		return port
	}
	t.Fatal("no port of this host is free")
	return ""
}
