package docker

import (
	"os"
	"strings"
)

// PublishesHere is whether the ports that the Docker Engine publishes are, as
// far as can be told, ports of the host that this process sees: the Engine is
// reached by a local socket, and this process is in no container of its own.
func (d *Driver) PublishesHere() bool {
	if !strings.HasPrefix(d.host, "unix://") {
		return false
	}
	_, err := os.Stat("/.dockerenv")
	return os.IsNotExist(err)
}
