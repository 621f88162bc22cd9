package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// Settings are what makes one engine differ from another on the same host.
type Settings struct {
	EngineID     string
	Plane        graft.Plane
	Project      string // compose project of this plane's components
	Network      string // the orchestrator's network
	IDLabel      string // label key for the installation id
	ServiceLabel string // label key for the service name
}

// planePrefix is what names of a plane's containers start with.
func (s Settings) planePrefix() string { return string(s.Plane) + "_" }

// prefixed returns name with the plane's prefix, once.
func (s Settings) prefixed(name string) string {
	if strings.HasPrefix(name, s.planePrefix()) {
		return name
	}
	return s.planePrefix() + name
}

// scoped names a network or a volume of an addon. Like a Compose project, an
// addon has its own: two addons with a volume "data" do not share it unnoticed.
func (s Settings) scoped(addon, name string) string {
	var b strings.Builder
	b.WriteString(s.planePrefix())
	for _, r := range addon {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			b.WriteRune(r)
		default:
			b.WriteByte('-')
		}
	}
	full := b.String() + "_" + name
	if len(full) <= maxResourceName {
		return full
	}
	sum := sha256.Sum256([]byte(full))
	digest := hex.EncodeToString(sum[:16])
	return full[:maxResourceName-len(digest)-1] + "-" + digest
}

// maxResourceName is how long a volume's name may be for Docker: it becomes a
// directory.
const maxResourceName = 255

// Names of containers on their way in or out of a component's place, and of the
// network where they run meanwhile. They carry a dot so that no service can be
// called that.
const (
	incomingInfix = ".graft-new-"
	asideInfix    = ".graft-aside-"
	standbyInfix  = ".graft-standby-"
	warmSuffix    = ".graft-warm"
)

// incomingName is what a plugin is called while it does not have the
// component's name.
func incomingName(name, installationID string) string {
	return name + incomingInfix + installationID[max(0, len(installationID)-8):]
}

// isIncoming is whether a container is that of a plugin that does not have the
// component's name. It says so by itself: its swap may have been written down after
// the swaps were read.
func isIncoming(c *driver.Container) bool {
	return c.Labels[driver.ComponentLabel] != "" && strings.Contains(c.Name, incomingInfix)
}

// asideName is what a component is called once it was told to stop, standbyName
// while it runs on without a name on its networks.
func asideName(name, id string) string   { return name + asideInfix + short(id) }
func standbyName(name, id string) string { return name + standbyInfix + short(id) }

func short(id string) string { return id[:min(len(id), 12)] }

// warmNetwork is the internal network on which whoever comes runs while whoever
// leaves is still in place.
func warmNetwork(component string) string { return component + warmSuffix }

// ownerLabels mark what belongs to an installation.
func (s Settings) ownerLabels(installationID string) map[string]string {
	return map[string]string{
		driver.EngineLabel:         s.EngineID,
		driver.InstallationLabel:   installationID,
		driver.ComposeProjectLabel: s.Project,
	}
}

// otherPlane is the one that an engine leaves alone.
func otherPlane(plane graft.Plane) graft.Plane {
	if plane == graft.PlaneCluster {
		return graft.PlaneRoot
	}
	return graft.PlaneCluster
}
