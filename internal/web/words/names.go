package words

import "github.com/graftplatform/graft"

// CheckName is a check of the marketplace, for people.
func CheckName(name string) string {
	switch name {
	case graft.CheckDescriptor:
		return "The descriptor is valid"
	case graft.CheckImages:
		return "Every image is in its registry"
	case graft.CheckPlatforms:
		return "Every image is made for the platforms"
	case graft.CheckDigests:
		return "What was verified is what gets installed"
	case graft.CheckRights:
		return "What it may do to a host"
	case graft.CheckName:
		return "Its name can't be taken for another's"
	}
	return name
}

// Kind says what an addon does to an orchestrator.
func Kind(k graft.Kind) string {
	if k == graft.KindPlugin {
		return "Plugin"
	}
	return "Extension"
}

// Right says what addons can do with a kind of right.
func Right(k graft.RightKind) string {
	switch k {
	case graft.RightDockerSocket:
		return "Use the Docker socket: the same as being root on this host"
	case graft.RightPrivileged:
		return "Run privileged: without the walls between container and host"
	case graft.RightHostNetwork:
		return "Be on this host's own network"
	case graft.RightHostPath:
		return "Read or change files of this host"
	case graft.RightDevice:
		return "Use devices of this host"
	case graft.RightCapability:
		return "Have capabilities that containers usually lack"
	case graft.RightJoinsNetwork:
		return "Join networks that others made"
	case graft.RightReplacesComponent:
		return "Take the place of a component"
	case graft.RightForeignRegistry:
		return "Run images of registries that are not listed below"
	case graft.RightHostPort:
		return "Answer on ports of this host"
	}
	return string(k)
}
