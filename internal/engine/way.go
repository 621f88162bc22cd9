package engine

import (
	"fmt"
	"path"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// The best way to let one container take another's place is a warm one: both
// run, the newcomer on an internal network of its own where its ports are not
// published, and then only the endpoint moves. These are the reasons why that
// can't be.

// chooseWay says how a container is to take another's place as a component, and
// why not in a warm way. tried, if not empty, is the way that is left after a
// better one has failed, and reason is why it has. It is pure.
func chooseWay(component, leaving, coming *driver.Container, tried graft.SwapWay, reason string) (graft.SwapWay, string) {
	switch {
	case leaving == nil || !leaving.Running():
		return graft.SwapCold, "nothing runs in its place"
	case !hasOwnNetwork(leaving), !hasOwnNetwork(coming):
		return graft.SwapCold, "it is on the host's network"
	case holdsDocker(component):
		return graft.SwapCold, "the component uses the Docker socket, and two must not at the same time"
	}
	if shared := sharedMount(leaving, coming); shared != "" {
		return graft.SwapCold, fmt.Sprintf("both write to %s", shared)
	}
	if tried != "" {
		return tried, reason
	}
	return graft.SwapWarm, ""
}

// hasOwnNetwork is whether a container has a network stack of its own, so that
// it can be moved from network to network.
func hasOwnNetwork(c *driver.Container) bool {
	mode := c.NetworkMode
	return mode != "host" && mode != "none" && !strings.HasPrefix(mode, "container:")
}

func holdsDocker(c *driver.Container) bool {
	for _, m := range c.Mounts {
		if m.Bind && path.Base(m.Source) == "docker.sock" {
			return true
		}
	}
	return false
}

// sharedMount returns a place that both containers can write to, "" if there is
// none.
func sharedMount(a, b *driver.Container) string {
	for _, m := range a.Mounts {
		for _, n := range b.Mounts {
			if writable(m) && writable(n) && m.Bind == n.Bind && overlap(m, n) && !isSocket(m.Source) {
				return n.Source
			}
		}
	}
	return ""
}

// isSocket is whether a path is one that several may hold open.
func isSocket(source string) bool { return strings.HasSuffix(source, ".sock") }

func writable(m driver.Mount) bool {
	for option := range strings.SplitSeq(m.Mode, ",") {
		if option == "ro" {
			return false
		}
	}
	return true
}

// overlap is whether two mounts of one kind have a file in common.
func overlap(m, n driver.Mount) bool {
	if !m.Bind {
		return m.Source == n.Source
	}
	whole := func(source string) string { return strings.TrimSuffix(path.Clean(source), "/") + "/" }
	a, b := whole(m.Source), whole(n.Source)
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}
