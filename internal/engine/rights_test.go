package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
)

const socketAddon = `{"name":"suite","services":[{"service_name":"web","image":"h","ports":{"80":"8080"},
	"volumes":["/var/run/docker.sock:/s","/srv/data:/d:ro"]}]}`

// refusedFor returns the consent that an error says is missing, or what it says
// is denied.
func refusedFor(err error) []string {
	var e *graft.Error
	if !errors.As(err, &e) {
		return nil
	}
	return graft.GrantsFor(e.Rights)
}

// Without consent nothing is installed; with it, it is on record.
func TestConsent(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		ctx := context.Background()
		before := h.snapshot()
		request := graft.InstallRequest{MarketplaceID: h.publish(socketAddon), By: "otto"}
		wanted := []string{"docker_socket:/var/run/docker.sock", "host_path:/srv/data:ro"}
		for _, c := range []struct{ consent, missing []string }{
			{nil, wanted},
			{[]string{"host_path", "privileged"}, wanted[:1]},
			{[]string{"docker_socket", "host_path:/srv"}, wanted[1:]},
		} {
			request.Consent = c.consent
			_, err := h.engine.Install(ctx, request)
			if got := refusedFor(err); graft.ErrorCode(err) != graft.CodeConsent || !slices.Equal(got, c.missing) {
				t.Errorf("with %q: %v, missing %q, want %q", c.consent, err, got, c.missing)
			}
			if !strings.Contains(err.Error(), c.missing[0]) {
				t.Errorf("the message does not say how to agree: %v", err)
			}
		}
		request.Consent = []string{"everything"}
		if _, err := h.engine.Install(ctx, request); graft.ErrorCode(err) != graft.CodeInvalid {
			t.Errorf("with nonsense: %v", err)
		}
		if all, err := h.engine.Installations(ctx, ""); err != nil || len(all) > 0 {
			t.Errorf("installed: %v, %v", all, err)
		}
		h.nothingLeft(before)

		request.Consent = []string{"docker_socket:/run/docker.sock", "host_path"}
		inst, err := h.engine.Install(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		inst = h.await(inst.ID, graft.StatusActive)
		given := inst.Consent
		if given == nil || !slices.Equal(graft.GrantsFor(given.Rights), wanted) || !slices.Equal(given.Grants, request.Consent) ||
			given.By != "otto" || given.At.IsZero() || !strings.HasSuffix(given.Images["web"], digest) {
			t.Errorf("consent is %+v", given)
		}
		if inst.Risk != graft.RiskCritical || len(inst.Rights) != 3 {
			t.Errorf("risk %s, rights %+v", inst.Risk, inst.Rights)
		}
	})
}

// Consent is for one installation: another one of the same addon, or of another
// version that has room beside it, is asked for again.
func TestConsentIsPerInstallation(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		first := h.install(socketAddon)
		h.await(first.ID, graft.StatusActive)
		other := graft.InstallRequest{MarketplaceID: h.publish(strings.NewReplacer(`"web"`, `"other"`, `"8080"`, `"8081"`).Replace(socketAddon))}
		if _, err := h.engine.Install(context.Background(), other); graft.ErrorCode(err) != graft.CodeConsent {
			t.Errorf("another version: %v", err)
		}
		h.delete(first.ID)
		if _, err := h.engine.Install(context.Background(), graft.InstallRequest{MarketplaceID: first.MarketplaceID}); graft.ErrorCode(err) != graft.CodeConsent {
			t.Errorf("the same one after it was uninstalled: %v", err)
		}
	})
}

// Operators say what is allowed, what is asked for and what is denied.
func TestPolicy(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		ctx := context.Background()
		request := graft.InstallRequest{MarketplaceID: h.publish(socketAddon), Consent: []string{"docker_socket", "host_path"}}
		set := func(p graft.Policy) {
			t.Helper()
			if _, err := h.engine.SetPolicy(ctx, p); err != nil {
				t.Fatal(err)
			}
		}
		actions := func(kind graft.RightKind, action graft.PolicyAction) map[graft.RightKind]graft.PolicyAction {
			return map[graft.RightKind]graft.PolicyAction{kind: action}
		}
		set(graft.Policy{Rights: actions(graft.RightHostPath, graft.PolicyDeny)})
		_, err := h.engine.Install(ctx, request)
		if got := refusedFor(err); graft.ErrorCode(err) != graft.CodeForbidden || !slices.Equal(got, []string{"host_path:/srv/data:ro"}) {
			t.Errorf("denied: %v, %q", err, got)
		}
		set(graft.Policy{Registries: []string{"ghcr.io"}})
		_, err = h.engine.Install(ctx, request)
		if got := refusedFor(err); graft.ErrorCode(err) != graft.CodeConsent || !slices.Equal(got, []string{"foreign_registry:docker.io"}) {
			t.Errorf("of another registry: %v, %q", err, got)
		}
		if _, err := h.engine.SetPolicy(ctx, graft.Policy{Rights: actions("root", graft.PolicyDeny)}); graft.ErrorCode(err) != graft.CodeInvalid {
			t.Errorf("a policy about nothing: %v", err)
		}
		set(graft.Policy{Rights: actions(graft.RightDockerSocket, graft.PolicyAllow), HostPaths: []string{"/srv"}})
		request.Consent = nil
		inst, err := h.engine.Install(ctx, request)
		if err != nil || inst.Consent != nil {
			t.Fatalf("all of it is allowed: %v, %+v", err, inst)
		}
		h.await(inst.ID, graft.StatusActive)
		// What is installed stays.
		set(graft.Policy{Rights: actions(graft.RightDockerSocket, graft.PolicyDeny)})
		h.disable(inst.ID)
		h.await(inst.ID, graft.StatusDisabled)
		h.enable(inst.ID)
		h.await(inst.ID, graft.StatusActive)
		p, err := h.engine.Policy(ctx)
		if err != nil || p.Rights[graft.RightDockerSocket] != graft.PolicyDeny || p.Rights[graft.RightHostPath] != graft.PolicyAsk || len(p.HostPaths) != 0 {
			t.Errorf("policy is %+v, %v", p, err)
		}
	})
}

// A dry run refuses nothing: it says what is missing. What the marketplace says
// of rights does not matter.
func TestPlanTellsRights(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		ctx := context.Background()
		request := graft.InstallRequest{MarketplaceID: h.publish(socketAddon), Consent: []string{"docker_socket"}}
		h.catalog[request.MarketplaceID].Rights = []graft.Right{}
		plan, err := h.engine.PlanInstall(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Rights) != 3 || plan.Risk != graft.RiskCritical || plan.Refusal != "" || len(plan.Denied) != 0 ||
			!slices.Equal(graft.GrantsFor(plan.Missing), []string{"host_path:/srv/data:ro"}) {
			t.Errorf("plan is %+v", plan)
		}
		if !strings.Contains(plan.Text, "\nneeds consent to host_path:/srv/data:ro: Service web reads /srv/data on the host.") {
			t.Errorf("text is\n%s", plan.Text)
		}
		request.Consent = append(request.Consent, plan.Missing[0].Grant().String())
		request.Plan = plan.Hash // consent does not change what is done
		inst, err := h.engine.Install(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		installed, err := h.engine.Plan(ctx, inst.ID)
		if err != nil || len(installed.Rights) != 3 || len(installed.Missing) != 0 {
			t.Errorf("the plan of what is installed: %+v, %v", installed, err)
		}
	})
}

// The components that are there count, not only those that are well known, and so
// does the host's network when a component is on it.
func TestRightsOfPlugins(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.AddContainer(driver.Container{
			Name: "odd_one", Image: "core", Labels: map[string]string{driver.ComposeProjectLabel: "cluster_orchestrator"},
			Endpoints: []driver.Endpoint{{Network: "host"}},
		})
		h.driver.AddContainer(schedulerComponent())
		id := h.publish(`{"name":"two","services":[{"service_name":"odd_one","image":"p"},{"service_name":"cluster_scheduler","image":"p"},{"service_name":"mqtt","image":"p"}]}`)
		plan, err := h.engine.PlanInstall(context.Background(), graft.InstallRequest{MarketplaceID: id})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"host_network", "replaces_component:mqtt", "replaces_component:odd_one", "replaces_component:cluster_scheduler"}
		if diff := cmp.Diff(want, graft.GrantsFor(plan.Rights)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := graft.GrantsFor(plan.Missing); !slices.Equal(got, []string{"host_network"}) {
			t.Errorf("missing: %q", got)
		}
	})
}

// While the runtime is away, what the descriptor tells is asked for all the same.
func TestConsentWhileTheRuntimeIsAway(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		h.driver.SetAway(true)
		request := graft.InstallRequest{MarketplaceID: h.publish(socketAddon)}
		if _, err := h.engine.Install(context.Background(), request); graft.ErrorCode(err) != graft.CodeConsent {
			t.Errorf("error is %v", err)
		}
		request.Consent = []string{"docker_socket", "host_path"}
		inst, err := h.engine.Install(context.Background(), request)
		if err != nil {
			t.Fatal(err)
		}
		h.driver.SetAway(false)
		h.await(inst.ID, graft.StatusActive)
	})
}

// A component on the host's network that nobody could be asked about: its place is
// not taken, and it is told how to.
func TestHostNetworkNobodyAgreedTo(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		component := schedulerComponent()
		component.Endpoints, component.Ports = []driver.Endpoint{{Network: "host"}}, nil
		h.driver.AddContainer(component)
		h.driver.SetAway(true)
		request := graft.InstallRequest{MarketplaceID: h.publish(`{"name":"p","services":[{"service_name":"cluster_scheduler","image":"p"}]}`)}
		inst, err := h.engine.Install(context.Background(), request)
		if err != nil {
			t.Fatal(err)
		}
		h.driver.SetAway(false)
		failed := h.await(inst.ID, graft.StatusFailed)
		if failed.Details.Outcome != graft.OutcomeRefused || !strings.Contains(failed.Details.Reason, "nobody agreed") {
			t.Errorf("details are %+v", failed.Details)
		}
		if c := h.container("cluster_scheduler"); c == nil || !c.Running() || c.Image != "core" {
			t.Errorf("the component is not as it was: %+v", c)
		}
		h.delete(inst.ID)
		if _, err := h.engine.Install(context.Background(), request); !slices.Equal(refusedFor(err), []string{"host_network"}) {
			t.Errorf("with the runtime there: %v", err)
		}
		request.Consent = []string{"host_network"}
		if inst, err = h.engine.Install(context.Background(), request); err != nil {
			t.Fatal(err)
		}
		h.await(inst.ID, graft.StatusActive)
		if c := h.container("cluster_scheduler"); c == nil || c.Image == "core" {
			t.Errorf("the plugin is not in its place: %+v", c)
		}
	})
}
