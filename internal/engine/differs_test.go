package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
)

// What a version asks for and can't have, as it is there otherwise, is told before
// and after.
func TestWhatIsOtherwiseIsTold(t *testing.T) {
	t.Parallel()
	const plain = `{"name":"suite","version":"1.0.0","services":[{"service_name":"web","image":"w1","networks":["back"],"volumes":["data:/d","more:/m"]}],
		"volumes":[{"name":"data","driver_opts":{"type":"tmpfs","o":"size=1m,password=secret"}}]}`
	for name, x := range map[string]struct {
		declared string
		want     []string
	}{
		"the same": {`"volumes":[{"name":"data","driver_opts":{"type":"tmpfs","o":"size=1m,password=secret"}}]`, nil},
		"options": {`"volumes":[{"name":"data","driver_opts":{"type":"nfs","device":":/d","o":"size=1m,password=secret"}}]`, []string{
			`volume "cluster_suite_data" has other driver_opts than the addon says (device, type), and stays so with what is in it. To have it made anew, save what is in it, uninstall the addon and install it again.`,
		}},
		"none": {`"volumes":[]`, []string{`driver_opts than the addon says (o, type)`}},
		"drivers": {`"volumes":[{"name":"data","driver":"nfs","driver_opts":{"type":"tmpfs"}},{"name":"more","driver":"ceph:latest"}],"networks":[{"name":"back","driver":"macvlan","enable_ipv6":true}]`, []string{
			`network "cluster_suite_back" has driver bridge instead of macvlan and enable_ipv6 false instead of true, and stays so. To have it made anew, disable the addon and enable it again.`,
			`volume "cluster_suite_data" has driver local instead of nfs and other driver_opts than the addon says (o), and`,
			`volume "cluster_suite_more" has driver local instead of ceph:latest, and`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *harness) {
				inst := h.install(plain)
				if got := h.await(inst.ID, graft.StatusActive).Details.Warnings; len(got) > 0 {
					t.Errorf("of what is as it was to be: %q", got)
				}
				request := h.request(`{"name":"suite","version":"2.0.0","services":[{"service_name":"web","image":"w2","networks":["back"],"volumes":["data:/d","more:/m"]}],` + x.declared + `}`)
				plan, err := h.engine.PlanUpgrade(context.Background(), inst.ID, request)
				try(t, err)
				_, err = h.engine.Upgrade(context.Background(), inst.ID, request)
				try(t, err)
				got := h.upgraded(inst.ID).Details.Warnings
				if !slices.Equal(got, plan.Warnings) || !slices.EqualFunc(got, x.want, strings.Contains) {
					t.Errorf("the plan warns of\n%q, the installation of\n%q, want\n%q", plan.Warnings, got, x.want)
				}
				for _, warning := range got {
					if !strings.Contains(plan.Text, "\nwarning: "+warning+"\n") || strings.Contains(warning, "secret") {
						t.Errorf("warning %q, text:\n%s", warning, plan.Text)
					}
				}
			})
		})
	}
}

// What the warning says to do helps.
func TestWhatIsOtherwiseIsMadeAnew(t *testing.T) {
	t.Parallel()
	run(t, func(h *harness) {
		back := func(version, declared string) string {
			return `{"name":"suite","version":"` + version + `","services":[{"service_name":"web","image":"w","networks":["back"]}]` + declared + `}`
		}
		inst := h.install(back("1.0.0", ""))
		h.await(inst.ID, graft.StatusActive)
		h.upgrade(inst.ID, back("2.0.0", `,"networks":[{"name":"back","enable_ipv6":true}]`))
		if got := h.upgraded(inst.ID).Details.Warnings; len(got) != 1 {
			t.Errorf("warnings: %q", got)
		}
		h.disable(inst.ID)
		if got := h.await(inst.ID, graft.StatusDisabled).Details.Warnings; len(got) > 0 {
			t.Errorf("while it is disabled: %q", got)
		}
		h.enable(inst.ID)
		if got := h.await(inst.ID, graft.StatusActive).Details.Warnings; len(got) > 0 {
			t.Errorf("afterwards: %q", got)
		}
		for _, n := range h.snapshot().Networks {
			if n.Name == "cluster_suite_back" && !n.EnableIPv6 {
				t.Error("it has no IPv6")
			}
		}
	})
}
