package browser_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
)

// The bytes of SOCKS 5 (RFC 1928) that a browser and the relay exchange.
const (
	socksVersion     = 5
	socksNoPassword  = 0
	socksConnect     = 1 // the only command
	socksNamed       = 3 // how Chromium sends all addresses, those in digits too
	socksDone        = 0
	socksForbidden   = 2
	socksRefused     = 5
	socksNoCommand   = 7
	socksNoAddresses = 8 // of that kind
)

// reachable is the only host that the relay leads to.
const reachable = "127.0.0.1"

// relay serves the connections of a listener until it is closed. It is the way out
// for a browser that has a network of its own: a SOCKS proxy, which leads to this
// machine and to nobody else, and leaves every byte as it is.
func relay(listener net.Listener) {
	for {
		inside, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer inside.Close()
			outside, err := connect(inside)
			if err != nil {
				return // whoever asked has been told
			}
			defer outside.Close()
			join(inside, outside)
		}()
	}
}

// connect lets a client say where it wants to, and tells it whether it is there.
func connect(client net.Conn) (net.Conn, error) {
	address, code, err := readRequest(client)
	if err != nil {
		return nil, err
	}
	var server net.Conn
	if code == socksDone {
		if server, err = net.Dial("tcp", address); err != nil {
			code = socksRefused
		}
	}
	// Nobody wants to know the address at this end: it is left at zero.
	if _, err := client.Write([]byte{socksVersion, code, 0, 1, 0, 0, 0, 0, 0, 0}); err != nil && server != nil {
		return nil, errors.Join(err, server.Close())
	}
	if server == nil {
		return nil, fmt.Errorf("the way to %q is refused: %d", address, code)
	}
	return server, nil
}

// readRequest returns the address that a client wants to be connected with, and
// what it is to be answered if that can't be.
func readRequest(client io.ReadWriter) (address string, code byte, err error) {
	head := make([]byte, 2) // version, number of ways to sign in
	if _, err := io.ReadFull(client, head); err != nil {
		return "", 0, err
	}
	if head[0] != socksVersion {
		return "", 0, fmt.Errorf("version %d of SOCKS", head[0])
	}
	if _, err := io.CopyN(io.Discard, client, int64(head[1])); err != nil {
		return "", 0, err
	}
	if _, err := client.Write([]byte{socksVersion, socksNoPassword}); err != nil {
		return "", 0, err
	}
	request := make([]byte, 5) // version, command, nothing, kind of address, its length
	if _, err := io.ReadFull(client, request); err != nil {
		return "", 0, err
	}
	switch {
	case request[1] != socksConnect:
		return "", socksNoCommand, nil
	case request[3] != socksNamed:
		return "", socksNoAddresses, nil
	}
	name := make([]byte, int(request[4])+2) // and the port
	if _, err := io.ReadFull(client, name); err != nil {
		return "", 0, err
	}
	host, port := string(name[:request[4]]), binary.BigEndian.Uint16(name[request[4]:])
	address = net.JoinHostPort(host, strconv.Itoa(int(port)))
	if host != reachable {
		return address, socksForbidden, nil
	}
	return address, socksDone, nil
}

// join carries what either side sends to the other one, until both have ended.
func join(a, b net.Conn) {
	there := make(chan struct{})
	go func() {
		defer close(there)
		carry(b, a)
	}()
	carry(a, b)
	<-there
}

// carry ends like the side that it reads from: in order, or by tearing both
// connections down.
func carry(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // the other side may have gone first
	}
}
