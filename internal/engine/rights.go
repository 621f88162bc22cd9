package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

// Policy returns what this engine lets addons do to its host.
func (e *Engine) Policy(ctx context.Context) (*graft.Policy, error) { return e.store.Policy(ctx) }

// SetPolicy replaces the policy and returns it as it is then; what it leaves out
// gets its default. It is about what is installed from now on. Errors:
// CodeInvalid.
func (e *Engine) SetPolicy(ctx context.Context, policy graft.Policy) (*graft.Policy, error) {
	if err := policy.Validate().Err(); err != nil {
		return nil, err
	}
	policy.SetDefaults()
	if err := e.store.SetPolicy(ctx, &policy); err != nil {
		return nil, err
	}
	e.log.Info("policy set", "rights", policy.Rights, "registries", policy.Registries, "host_paths", policy.HostPaths)
	return &policy, nil
}

// decide finds what an installation that is not stored yet may do to this host,
// writes that into it, and returns what the policy, the request's consent and that
// which the installation has from an older version make of it. What the marketplace says of rights is not asked for: it may be another
// one's. w is nil while the runtime is away; then only well-known components are
// known.
func (e *Engine) decide(ctx context.Context, w *world, inst *graft.Installation, request *graft.InstallRequest) (*graft.Decision, error) {
	grants, problems := graft.ParseGrants(request.Consent)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	policy, err := e.store.Policy(ctx)
	if err != nil {
		return nil, err
	}
	rights := slices.Concat(inst.Descriptor.Rights(), policy.ForeignRegistries(&inst.Descriptor))
	if w != nil {
		rights = w.withComponents(inst, rights)
	}
	if len(rights) > graft.MaxRights {
		return nil, graft.Errorf(graft.CodeForbidden, "Addon %q asks for more than %d rights on the host: nobody can agree to that, and nothing was installed.", inst.Name, graft.MaxRights)
	}
	graft.SortRights(rights)
	inst.Rights, inst.Risk = rights, graft.Risk(rights)
	decision := policy.Decide(rights, grants, inst.Consent)
	inst.Consent = carried(inst.Consent, &graft.Consent{
		Grants: request.Consent, Rights: decision.Agreed, Images: inst.Images,
		By: request.By, At: time.Now().UTC().Truncate(time.Microsecond),
	}, decision.Agreed)
	return &decision, nil
}

// withComponents puts the components that are really there in the place of the
// well-known ones, with what their place brings along.
func (w *world) withComponents(inst *graft.Installation, rights []graft.Right) []graft.Right {
	for i := range inst.Services {
		service := inst.Services[i].Name
		for _, name := range inst.Services[i].Networks {
			rights = append(rights, w.networkRights(inst, service, name)...)
		}
		component := w.component(service)
		if component == nil {
			component = w.aside(service)
		}
		if component == nil {
			continue
		}
		rights = slices.DeleteFunc(rights, func(r graft.Right) bool {
			return r.Kind == graft.RightReplacesComponent && r.Service == service
		})
		rights = append(rights, graft.ReplacesComponent(service, publicComponent(component).Name))
		if onHost(component) {
			rights = append(rights, graft.HostNetwork(service, "as the component is whose place it takes"))
		}
	}
	return rights
}

// networkRights are what a service gets with a network that it names, once it may
// join it.
func (w *world) networkRights(inst *graft.Installation, service, name string) []graft.Right {
	var rights []graft.Right
	n := w.foreignNetwork(inst, name)
	if n != nil {
		rights = append(rights, graft.JoinsNetwork(service, n.Name))
	} else {
		n = w.network(w.networkName(inst, name))
	}
	if n != nil && slices.Contains([]string{"host", "macvlan", "ipvlan"}, n.Driver) {
		rights = append(rights, graft.HostNetwork(service, "through the network "+n.Name))
	}
	return rights
}

// mayJoin is whether an addon may be on a network of somebody else: that was
// asked about when it was installed or, by an older Graft, done without a word.
func (w *world) mayJoin(inst *graft.Installation, network string) bool {
	return slices.ContainsFunc(inst.Rights, func(r graft.Right) bool {
		return r.Kind == graft.RightJoinsNetwork && r.Target == network
	}) || slices.ContainsFunc(w.containersOf(inst.ID), func(c *driver.Container) bool { return isOn(c, network) })
}

// onHost is whether a container is on the host's own network.
func onHost(c *driver.Container) bool {
	return c.NetworkMode == "host" || slices.ContainsFunc(c.Endpoints, func(e driver.Endpoint) bool { return e.Network == "host" })
}

// joinsHost is whether a service would come to the host's network with a
// component's place, and nobody was asked about that: the component came after the
// addon, or the runtime was away when that was installed.
func joinsHost(inst *graft.Installation, service string, component *driver.Container) bool {
	return onHost(component) && !slices.ContainsFunc(inst.Rights, func(r graft.Right) bool {
		return r.Kind == graft.RightHostNetwork && r.Service == service
	})
}

// permitted returns why an addon must not be installed, if so.
func permitted(inst *graft.Installation, d *graft.Decision) error {
	var e *graft.Error
	switch {
	case len(d.Denied) > 0:
		e = graft.Errorf(graft.CodeForbidden, "The policy of this engine denies what addon %q may do to the host, and nothing was installed. %s No consent helps; who may operate the engine can change its policy.",
			inst.Name, sentences(d.Denied))
		e.Rights = d.Denied
	case len(d.Missing) > 0:
		e = graft.Errorf(graft.CodeConsent, "Addon %q needs consent to what it may do to the host, and nothing was installed. %s Who agrees installs it with \"consent\": [%s].",
			inst.Name, sentences(d.Missing), quoted(graft.GrantsFor(d.Missing)))
		e.Rights = d.Missing
	default:
		return nil
	}
	return e
}

// mayStart returns why what another system installed may not be started: nobody
// was asked here. What this engine installed has digests, and was asked about.
func (e *Engine) mayStart(ctx context.Context, inst *graft.Installation) error {
	pinned := func(image string) bool { return strings.Contains(image, "@") }
	if inst.Consent != nil || !slices.ContainsFunc(slices.Collect(maps.Values(inst.Images)), func(image string) bool { return !pinned(image) }) {
		return nil
	}
	policy, err := e.store.Policy(ctx)
	if err != nil {
		return err
	}
	decision := policy.Decide(inst.Descriptor.Rights(), nil, nil) // it has none
	if err := permitted(inst, &decision); err != nil {
		return graft.WrapError(graft.ErrorCode(err), err, "%s Uninstall it and install it anew, which asks for consent.", graft.ErrorMessage(err))
	}
	return nil
}

func sentences(rights []graft.Right) string {
	texts := make([]string, len(rights))
	for i, right := range rights {
		texts[i] = right.Text
	}
	return strings.Join(texts, " ")
}

func quoted(words []string) string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = fmt.Sprintf("%q", word)
	}
	return strings.Join(list, ", ")
}

// tell puts a decision into the plan of an installation.
func tell(out *graft.Plan, inst *graft.Installation, d *graft.Decision) {
	out.Rights, out.Risk = inst.Rights, inst.Risk
	out.Missing, out.Denied = append([]graft.Right{}, d.Missing...), append([]graft.Right{}, d.Denied...)
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(out.Text, "\n"))
	for _, right := range d.Denied {
		fmt.Fprintf(&b, "\ndenied by the policy: %s", right.Text)
	}
	for _, right := range d.Missing {
		fmt.Fprintf(&b, "\nneeds consent to %s: %s", right.Grant(), right.Text)
	}
	out.Text = b.String()
}
