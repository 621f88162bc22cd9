package engine

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"syscall"

	"github.com/graftplatform/graft/internal/driver"
)

// NewPortProbe returns a function that asks this host whether something has a
// port: it opens the port itself for an instant. It is of use only where the
// runtime publishes ports on this very host.
func NewPortProbe() func(driver.Port) bool {
	var mu sync.Mutex // two at a time would find each other
	return func(p driver.Port) bool {
		mu.Lock()
		defer mu.Unlock()
		host := p.HostIP
		if host == "" {
			host = "0.0.0.0"
		}
		// Any other failure, such as not being allowed to, tells nothing.
		return errors.Is(occupy(p.Protocol, net.JoinHostPort(host, strconv.Itoa(int(p.HostPort)))), syscall.EADDRINUSE)
	}
}

// occupy opens a port and gives it up again.
func occupy(protocol, address string) error {
	var config net.ListenConfig
	switch protocol {
	case "tcp":
		l, err := config.Listen(context.Background(), "tcp", address)
		if err != nil {
			return err
		}
		return l.Close()
	case "udp":
		c, err := config.ListenPacket(context.Background(), "udp", address)
		if err != nil {
			return err
		}
		return c.Close()
	}
	return nil
}
