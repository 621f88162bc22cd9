// Package version knows which version of Graft this is.
package version

import "runtime/debug"

// version is set by the linker for releases:
//
//	-ldflags "-X github.com/graftplatform/graft/internal/version.version=v1.2.3"
var version string

// String returns the version that the linker was given, else what the go
// command wrote into the binary: the module's version or the commit.
func String() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return fromBuildInfo(info)
}

func fromBuildInfo(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	var revision, modified string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = "-" + s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+dirty"
		}
	}
	return "devel" + revision + modified
}
