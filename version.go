package graft

import (
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Latest is the version range of whoever wants the newest.
const Latest = "latest"

// VersionRange says which versions of an addon somebody wants: "latest", one
// version, or a range such as ^1.2, ~1.2.3 or ">=1.2 <2".
type VersionRange struct {
	text       string
	exact      *semver.Version
	constraint *semver.Constraints
}

// ParseVersionRange reads a range in the notation of
// github.com/Masterminds/semver; an empty one means latest. CodeInvalid.
func ParseVersionRange(text string) (VersionRange, error) {
	text = strings.TrimSpace(text)
	if text == "" || text == Latest {
		return VersionRange{}, nil
	}
	if v, err := semver.StrictNewVersion(text); err == nil {
		return VersionRange{text: text, exact: v}, nil
	}
	constraint, err := semver.NewConstraint(text)
	if err != nil || len(text) > maxName {
		return VersionRange{}, Errorf(CodeInvalid,
			"%s is neither a version nor a range of versions: write it like 1.2.3, ^1.2, ~1.2.3, \">=1.2 <2\" or latest", quote(text))
	}
	return VersionRange{text: text, constraint: constraint}, nil
}

// String returns the range as it was written.
func (r VersionRange) String() string {
	if r.latest() {
		return Latest
	}
	return r.text
}

func (r VersionRange) latest() bool { return r.exact == nil && r.constraint == nil }

// Exact is whether the range is one version. That one can be had even if it was
// yanked.
func (r VersionRange) Exact() bool { return r.exact != nil }

// Best returns the index of the version that the range chooses, -1 if none is
// in it: the newest. What comes before a release, such as 2.0.0-beta.1, is
// chosen only where the range names such a one, or by latest where there is no
// release.
func (r VersionRange) Best(versions []string) int {
	best, newest := -1, (*semver.Version)(nil)
	for i, text := range versions {
		v, err := semver.StrictNewVersion(text)
		if err != nil || !r.has(v) {
			continue
		}
		if newest == nil || r.prefers(v, newest) {
			best, newest = i, v
		}
	}
	return best
}

func (r VersionRange) has(v *semver.Version) bool {
	switch {
	case r.exact != nil:
		return v.Equal(r.exact)
	case r.constraint != nil:
		return r.constraint.Check(v)
	}
	return true
}

// prefers is whether the range chooses v rather than w, both of which are in it.
func (r VersionRange) prefers(v, w *semver.Version) bool {
	if early := v.Prerelease() != ""; r.latest() && early != (w.Prerelease() != "") {
		return !early
	}
	return v.GreaterThan(w)
}

// CompareVersions orders semantic versions by their precedence: negative if a
// comes before b. What is none comes before all.
func CompareVersions(a, b string) int {
	v, errA := semver.StrictNewVersion(a)
	w, errB := semver.StrictNewVersion(b)
	switch {
	case errA != nil && errB != nil:
		return strings.Compare(a, b)
	case errA != nil:
		return -1
	case errB != nil:
		return 1
	}
	return v.Compare(w)
}

// VersionKey returns what makes a version unique: build metadata does not.
func VersionKey(version string) string {
	key, _, _ := strings.Cut(version, "+")
	return key
}
