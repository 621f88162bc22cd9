package graft

import (
	"path"
	"slices"
	"strings"
	"time"
)

// Grant is one item of a consent: to every right of a kind or, with a target, to
// that one. In text it is the kind, or kind:target; a path that is only to be
// read ends in ":ro".
type Grant struct {
	Kind     RightKind
	Target   string // empty: whatever it is
	ReadOnly bool   // of a host_path: not to change it
}

// ParseGrant reads a Grant as people write it. Paths are taken in any spelling, a
// port without a protocol is TCP, a capability may begin with CAP_. CodeInvalid
// when it is none.
func ParseGrant(text string) (Grant, error) {
	kind, target, given := strings.Cut(text, ":")
	g := Grant{Kind: RightKind(kind), Target: target}
	if !slices.Contains(RightKinds(), g.Kind) {
		return Grant{}, Errorf(CodeInvalid, "%s is not a right: write one of %s, and its target after a colon", quote(text), kindList())
	}
	if !given {
		return g, nil
	}
	switch g.Kind {
	case RightPrivileged, RightHostNetwork:
		return Grant{}, Errorf(CodeInvalid, "%s has no target: write %s alone", kind, kind)
	case RightHostPath:
		g.Target, g.ReadOnly = strings.CutSuffix(target, ":ro")
	case RightCapability:
		g.Target = capabilityName(target)
		if capability(g.Target) != "" {
			return Grant{}, Errorf(CodeInvalid, "%s is not a capability of Linux: write it like capability:NET_ADMIN", quote(target))
		}
	case RightHostPort:
		if !strings.Contains(target, "/") {
			g.Target += "/tcp"
		}
	}
	if g.Target == "" {
		return Grant{}, Errorf(CodeInvalid, "%s has nothing after the colon: write %s alone for all of them", quote(text), kind)
	}
	if g.Kind.isPath() {
		if !path.IsAbs(g.Target) {
			return Grant{}, Errorf(CodeInvalid, "%s is not an absolute path on the host", quote(g.Target))
		}
		g.Target = path.Clean(g.Target)
	}
	return g, nil
}

// ParseGrants reads a list; the paths of the problems are its indices. Nobody
// needs more than MaxRights of them.
func ParseGrants(texts []string) ([]Grant, Problems) {
	var grants []Grant
	var problems complaints
	if len(texts) > MaxRights {
		problems.add(location{wholeField}, "At most %d are allowed.", MaxRights)
		return nil, problems.problems()
	}
	for i, text := range texts {
		grant, err := ParseGrant(text)
		if err != nil {
			problems.add(location{}.index(i), "%s", complaint(err))
			continue
		}
		grants = append(grants, grant)
	}
	return grants, problems.problems()
}

func kindList() string {
	names := make([]string, 0, len(RightKinds()))
	for _, kind := range RightKinds() {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

// isPath is whether targets of the kind are paths on the host.
func (k RightKind) isPath() bool {
	return k == RightHostPath || k == RightDockerSocket || k == RightDevice
}

// String is what ParseGrant reads.
func (g Grant) String() string {
	text := string(g.Kind)
	if g.Target != "" {
		text += ":" + g.Target
	}
	if g.ReadOnly {
		text += ":ro"
	}
	return text
}

// Covers is whether consent to g is consent to a right. Nothing but the same
// target counts: consent to a folder is none to what is below it.
func (g Grant) Covers(right Right) bool {
	switch {
	case g.Kind != right.Kind:
		return false
	case g.Target == "":
		return true
	case g.ReadOnly && !right.ReadOnly:
		return false
	case g.Kind.isPath():
		return hostPath(g.Target) == hostPath(right.Target)
	}
	return g.Target == right.Target
}

// Grant is the consent that covers the right and no other.
func (r Right) Grant() Grant {
	return Grant{Kind: r.Kind, Target: r.Target, ReadOnly: r.ReadOnly && r.Kind == RightHostPath}
}

// GrantsFor returns what covers the rights and no others, each once.
func GrantsFor(rights []Right) []string {
	texts := []string{}
	for _, right := range rights {
		if text := right.Grant().String(); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts
}

// Consent is what an operator agreed to for one installation. Another
// installation, also of the same addon, needs one of its own.
type Consent struct {
	Grants []string `json:"grants"` // as they were given
	Rights []Right  `json:"rights"` // those that needed it
	// Images are what it was given for: service name → repository@digest.
	Images map[string]string `json:"images"`
	By     string            `json:"by"` // name of the principal
	At     time.Time         `json:"at"`
}

// Covers is whether consent that was given before holds for a right of a newer
// version: it was given to the same one then. A nil Consent covers nothing.
func (c *Consent) Covers(right Right) bool {
	return c != nil && len(NewRights(c.Rights, []Right{right})) == 0
}
