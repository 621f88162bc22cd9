package graft

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// PolicyAction is what an engine does about a right.
type PolicyAction string

const (
	PolicyAllow PolicyAction = "allow"
	PolicyAsk   PolicyAction = "ask"  // it needs consent
	PolicyDeny  PolicyAction = "deny" // no consent helps
)

// Policy is what an engine's operators let addons do to its host. It is about
// what is installed from now on.
type Policy struct {
	// Rights has an action for each kind; for one that it lacks the default
	// holds.
	Rights map[RightKind]PolicyAction `json:"rights"`
	// Registries are the hosts whose images are allowed; empty: all. Images of
	// others are the right foreign_registry.
	Registries []string `json:"registries"`
	// HostPaths are folders of the host: for them and what is below them no
	// consent is needed, whatever Rights says about host_path.
	HostPaths []string `json:"host_paths"`
}

// DefaultPolicy asks for what is dangerous, and for images of registries that
// are not allowed once any is named; it allows the rest.
func DefaultPolicy() *Policy {
	p := &Policy{}
	p.SetDefaults()
	return p
}

// SetDefaults fills in what a policy leaves out.
func (p *Policy) SetDefaults() {
	if p.Rights == nil {
		p.Rights = map[RightKind]PolicyAction{}
	}
	setDefaultList(&p.Registries)
	setDefaultList(&p.HostPaths)
	for _, kind := range RightKinds() {
		if p.Rights[kind] == "" {
			p.Rights[kind] = defaultAction(kind)
		}
	}
}

func defaultAction(kind RightKind) PolicyAction {
	if kind == RightHostPort || kind == RightReplacesComponent {
		return PolicyAllow
	}
	return PolicyAsk
}

// Validate returns what is wrong with a policy, and gives its paths and
// registries their one spelling.
func (p *Policy) Validate() Problems {
	var problems complaints
	for _, kind := range slices.Sorted(maps.Keys(p.Rights)) {
		at := location{"rights"}.at(string(kind))
		if !slices.Contains(RightKinds(), kind) {
			problems.add(at, "There is no such right: use %s.", kindList())
		} else if action := p.Rights[kind]; !slices.Contains([]PolicyAction{PolicyAllow, PolicyAsk, PolicyDeny}, action) {
			problems.add(at, "Must be one of: allow, ask, deny.")
		}
	}
	for name, list := range map[string][]string{"registries": p.Registries, "host_paths": p.HostPaths} {
		if len(list) > MaxRights {
			problems.add(location{name, wholeField}, "At most %d are allowed.", MaxRights)
			return problems.problems()
		}
	}
	for i, registry := range p.Registries {
		named, err := reference.ParseNormalizedNamed(registry + "/image")
		if err != nil || reference.Domain(named) != registry {
			problems.add(location{"registries"}.index(i), "%s is not the host of a registry: write it like ghcr.io, docker.io or registry.example:5000.", quote(registry))
		}
	}
	for i, folder := range p.HostPaths {
		if !isHostPath(folder) || strings.ContainsRune(folder, 0) {
			problems.add(location{"host_paths"}.index(i), `%s is not an absolute path without "..".`, quote(folder))
			continue
		}
		p.HostPaths[i] = path.Clean(folder)
	}
	return problems.problems()
}

// ForeignRegistries returns the rights of services whose images come from a
// registry that is not allowed.
func (p *Policy) ForeignRegistries(d *Descriptor) []Right {
	var rights []Right
	for i := range d.Services {
		s := &d.Services[i]
		if registry := registryOf(s.Image); len(p.Registries) > 0 && !slices.Contains(p.Registries, registry) {
			rights = append(rights, foreignRegistry(s.Name, s.Image, registry))
		}
	}
	return rights
}

// Decision is what a policy and a consent make of rights. Those that are in none
// of the lists are allowed.
type Decision struct {
	Denied  []Right // by the policy
	Missing []Right // consent is needed and was not given
	Agreed  []Right // consent is needed and was given
}

// Decide holds rights against the policy and what was agreed to: now, and before
// for an older version of the same installation (nil: none). It is pure.
func (p *Policy) Decide(rights []Right, grants []Grant, before *Consent) Decision {
	var d Decision
	for _, right := range rights {
		switch agreed := slices.ContainsFunc(grants, func(g Grant) bool { return g.Covers(right) }); {
		case p.action(right) == PolicyAllow:
		case p.action(right) == PolicyDeny:
			d.Denied = append(d.Denied, right)
		case agreed || before.Covers(right):
			d.Agreed = append(d.Agreed, right)
		default:
			d.Missing = append(d.Missing, right)
		}
	}
	return d
}

// action is what happens about one right. Capabilities that are not dangerous
// every container may as well have: actions are not about them.
func (p *Policy) action(right Right) PolicyAction {
	allowed := func(folder string) bool { return within(hostPath(right.Target), hostPath(folder)) }
	switch {
	case right.Kind == RightCapability && !right.Dangerous:
		return PolicyAllow
	case right.Kind == RightHostPath && slices.ContainsFunc(p.HostPaths, allowed):
		return PolicyAllow
	case p.Rights[right.Kind] == "":
		return defaultAction(right.Kind)
	}
	return p.Rights[right.Kind]
}
