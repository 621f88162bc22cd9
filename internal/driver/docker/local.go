package docker

import (
	"net"
	"strings"
)

// PublishesHere is whether the ports that the Docker Engine publishes are, as
// far as can be told, ports of the host that this process sees. The Engine is
// reached by a local socket then, and its bridge is among this process's network
// interfaces, which it is not in a container that has the socket mounted.
func (d *Driver) PublishesHere() bool {
	if !strings.HasPrefix(d.host, "unix://") {
		return false
	}
	_, err := net.InterfaceByName("docker0")
	return err == nil
}
