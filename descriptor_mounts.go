package graft

import (
	"path"
	"slices"
	"strings"
)

// Mount is a volume or a host path in a container.
type Mount struct {
	Source string // name of a volume or, when Bind, absolute path on the host
	Target string // absolute path in the container, clean
	Bind   bool
	Mode   string // ro, rw, z, Z or several of them with commas; empty: rw
}

// ParseMount reads one of Service.Volumes, which is src:dst[:mode].
func ParseMount(text string) (Mount, error) {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return Mount{}, Errorf(CodeInvalid, "%s is not a mount: write it as source:/path or source:/path:ro", quote(text))
	}
	mount := Mount{Source: parts[0], Target: path.Clean(parts[1])}
	mount.Bind = strings.HasPrefix(mount.Source, "/")
	if len(parts) == 3 {
		mount.Mode = parts[2]
		if !isMountMode(mount.Mode) {
			return Mount{}, Errorf(CodeInvalid, "%s is not a mode of the mount %s: use ro or rw, z or Z, or both with a comma",
				quote(mount.Mode), quote(text))
		}
	}
	switch {
	case strings.ContainsRune(text, 0):
		return Mount{}, Errorf(CodeInvalid, "a mount must not contain a NUL character")
	case mount.Bind && !isHostPath(mount.Source):
		return Mount{}, Errorf(CodeInvalid, `the host path %s of the mount %s must not contain ".."`, quote(mount.Source), quote(text))
	case !mount.Bind && resourceName(mount.Source) != "":
		return Mount{}, Errorf(CodeInvalid,
			"the source %s of the mount %s is neither the name of a volume nor an absolute path on the host", quote(mount.Source), quote(text))
	case !isMountPoint(mount.Target):
		return Mount{}, Errorf(CodeInvalid, `the target of the mount %s is not an absolute path below "/"`, quote(text))
	}
	return mount, nil
}

// isHostPath is whether an absolute path stays where it seems to be.
func isHostPath(name string) bool {
	return path.IsAbs(name) && !slices.Contains(strings.Split(name, "/"), "..")
}

func isMountPoint(name string) bool { return path.IsAbs(name) && path.Clean(name) != "/" }

// isMountMode wants one of ro and rw at most, and one of z and Z at most.
func isMountMode(mode string) bool {
	seen := map[string]bool{}
	for option := range strings.SplitSeq(mode, ",") {
		switch option {
		case "ro", "rw":
			option = "access"
		case "z", "Z":
			option = "label"
		default:
			return false
		}
		if seen[option] {
			return false
		}
		seen[option] = true
	}
	return true
}

// parseTmpfs reads one of Service.Tmpfs, which is path[:options], and returns
// the path.
func parseTmpfs(text string) (string, error) {
	target, options, given := strings.Cut(text, ":")
	good := isMountPoint(target) && !strings.ContainsRune(text, 0)
	if given {
		for option := range strings.SplitSeq(options, ",") {
			good = good && isTmpfsOption(option)
		}
	}
	if !good {
		return "", Errorf(CodeInvalid, "%s is not a tmpfs: write it as /path or /path:size=64m,mode=1777", quote(text))
	}
	return path.Clean(target), nil
}

func isTmpfsOption(option string) bool {
	const (
		flags = "ro rw exec noexec suid nosuid dev nodev sync async atime noatime " +
			"diratime nodiratime relatime norelatime strictatime nostrictatime"
		settings = "size mode uid gid nr_inodes nr_blocks mpol"
	)
	name, value, set := strings.Cut(option, "=")
	if set {
		return slices.Contains(strings.Fields(settings), name) && value != "" && !strings.ContainsAny(value, ": \t\r\n")
	}
	return slices.Contains(strings.Fields(flags), name)
}
