package graft_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
)

func TestParseGrant(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ // empty: it is none
		"docker_socket":                       "docker_socket",
		"docker_socket:/var/run//docker.sock": "docker_socket:/var/run/docker.sock",
		"host_path:/srv/data/":                "host_path:/srv/data",
		"host_path:/srv/data:ro":              "host_path:/srv/data:ro",
		"capability:cap_net_admin":            "capability:NET_ADMIN",
		"host_port:80":                        "host_port:80/tcp",
		"host_port:53/udp":                    "host_port:53/udp",
		"privileged":                          "privileged",
		"":                                    "",
		"all":                                 "",
		"Docker_Socket":                       "",
		"host_path:":                          "",
		"host_path::ro":                       "",
		"host_path:srv":                       "",
		"privileged:a":                        "",
		"capability:EVERYTHING":               "",
	} {
		grant, err := graft.ParseGrant(text)
		got := grant.String()
		if err != nil {
			got = ""
		}
		if got != want || err != nil && graft.ErrorCode(err) != graft.CodeInvalid {
			t.Errorf("%q is %q, %v, want %q", text, got, err, want)
		}
	}
	if _, problems := graft.ParseGrants([]string{"privileged", "x", "host_path:y"}); len(problems) != 2 || problems[1].Field() != "2" {
		t.Errorf("problems are %v", problems)
	}
}

// parts are rights in short, by what a policy makes of them.
type parts struct{ Denied, Missing, Agreed []string }

func TestDecide(t *testing.T) {
	t.Parallel()
	rights := with(func(_ *graft.Descriptor, s *graft.Service) {
		s.Volumes = []string{"/run/docker.sock:/s", "/srv/data/x:/d", "/srv/other:/o:ro"}
		s.CapAdd = []string{"CHOWN", "NET_ADMIN"}
		s.Ports = map[string]string{"80": "80"}
	}).Rights()
	const (
		socket, data, other, admin = "docker_socket:/run/docker.sock", "host_path:/srv/data/x", "host_path:/srv/other:ro", "capability:NET_ADMIN"
		port                       = "host_port:80/tcp"
	)
	actions := func(kind graft.RightKind, action graft.PolicyAction) graft.Policy {
		return graft.Policy{Rights: map[graft.RightKind]graft.PolicyAction{kind: action}}
	}
	for name, c := range map[string]struct {
		policy  graft.Policy
		consent []string
		before  []graft.Right
		want    parts
	}{
		"defaults": {want: parts{Missing: []string{socket, data, admin, other}}},
		"consent by kind": {consent: []string{"docker_socket", "host_path", "capability"},
			want: parts{Agreed: []string{socket, data, admin, other}}},
		"consent by target": {consent: []string{"docker_socket:/var/run/docker.sock", "host_path:/srv/data/x", "host_path:/srv", "host_path:/srv/data/x/y"},
			want: parts{Missing: []string{admin, other}, Agreed: []string{socket, data}}},
		"to change is to read":     {consent: []string{"host_path:/srv/other"}, want: parts{Missing: []string{socket, data, admin}, Agreed: []string{other}}},
		"to read is not to change": {consent: []string{"host_path:/srv/data/x:ro"}, want: parts{Missing: []string{socket, data, admin, other}}},
		"denied whatever is agreed": {policy: actions(graft.RightDockerSocket, graft.PolicyDeny), consent: []string{"docker_socket"},
			want: parts{Denied: []string{socket}, Missing: []string{data, admin, other}}},
		"denied paths": {policy: actions(graft.RightHostPath, graft.PolicyDeny), consent: []string{"capability", "docker_socket"},
			want: parts{Denied: []string{data, other}, Agreed: []string{socket, admin}}},
		"allowed folder": {policy: graft.Policy{HostPaths: []string{"/srv/data"}}, want: parts{Missing: []string{socket, admin, other}}},
		"a folder is no prefix of names": {policy: graft.Policy{HostPaths: []string{"/srv/dat", "/srv/oth"}},
			want: parts{Missing: []string{socket, data, admin, other}}},
		"an allowed folder allows no socket": {policy: graft.Policy{HostPaths: []string{"/"}}, want: parts{Missing: []string{socket, admin}}},
		"ports are asked for, too": {policy: actions(graft.RightHostPort, graft.PolicyAsk), consent: []string{"host_port:80"},
			want: parts{Missing: []string{socket, data, admin, other}, Agreed: []string{port}}},
		"capabilities that are harmless are not denied": {policy: actions(graft.RightCapability, graft.PolicyDeny),
			want: parts{Denied: []string{admin}, Missing: []string{socket, data, other}}},
		"what was agreed to before": {before: rights[:2], consent: []string{"capability"},
			want: parts{Missing: []string{other}, Agreed: []string{socket, data, admin}}},
		"what was agreed to before is denied by now": {before: rights, policy: actions(graft.RightDockerSocket, graft.PolicyDeny),
			want: parts{Denied: []string{socket}, Agreed: []string{data, admin, other}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			grants, problems := graft.ParseGrants(c.consent)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			var before *graft.Consent
			if c.before != nil {
				before = &graft.Consent{Rights: c.before}
			}
			d := c.policy.Decide(rights, grants, before)
			names := func(rights []graft.Right) []string {
				if len(rights) == 0 {
					return nil
				}
				return graft.GrantsFor(rights)
			}
			got := parts{names(d.Denied), names(d.Missing), names(d.Agreed)}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Consent that was given for a path that is only read is none to change it.
func TestConsentCarriesOver(t *testing.T) {
	t.Parallel()
	rights := func(mode string) []graft.Right {
		return with(func(_ *graft.Descriptor, s *graft.Service) { s.Volumes = []string{"/srv:/d" + mode} }).Rights()
	}
	given := &graft.Consent{Rights: rights(":ro")}
	if d := graft.DefaultPolicy().Decide(rights(":ro"), nil, given); len(d.Missing) > 0 {
		t.Errorf("the same right is asked for again: %v", d.Missing)
	}
	if d := graft.DefaultPolicy().Decide(rights(""), nil, given); len(d.Missing) != 1 {
		t.Errorf("to change what was only read takes no consent")
	}
}

func TestForeignRegistries(t *testing.T) {
	t.Parallel()
	d := &graft.Descriptor{Services: []graft.Service{
		{Name: "a", Image: "alpine"}, {Name: "b", Image: "ghcr.io/x/y:1"}, {Name: "c", Image: "localhost:5000/z"},
	}}
	p := graft.DefaultPolicy()
	if got := p.ForeignRegistries(d); len(got) > 0 {
		t.Errorf("without a list all registries are allowed, not %q", shorts(got))
	}
	p.Registries = []string{"ghcr.io"}
	want := []string{"medium foreign_registry:docker.io by a, harmless", "medium foreign_registry:localhost:5000 by c, harmless"}
	if diff := cmp.Diff(want, shorts(p.ForeignRegistries(d))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d := p.Decide(p.ForeignRegistries(d), nil, nil); len(d.Missing) != 2 {
		t.Errorf("who names registries is asked about others: %+v", d)
	}
}

func TestPolicyProblems(t *testing.T) {
	t.Parallel()
	long := make([]string, graft.MaxRights+1)
	for _, p := range []graft.Policy{{Registries: long}, {HostPaths: long}} {
		if problems := p.Validate(); len(problems) != 1 || !strings.Contains(problems.String(), "At most") {
			t.Errorf("a list that is too long: %v", problems)
		}
	}
	if _, problems := graft.ParseGrants(long); len(problems) != 1 {
		t.Errorf("consent that is too long: %v", problems)
	}
	p := &graft.Policy{
		Rights:     map[graft.RightKind]graft.PolicyAction{"docker_socket": "allow", "docker": "ask", "device": "perhaps"},
		Registries: []string{"ghcr.io", "ghcr.io/org", "docker.io", "localhost:5000", "https://ghcr.io", "name", ""},
		HostPaths:  []string{"/srv/", "srv", "/a/../b"},
	}
	var fields []string
	for _, problem := range p.Validate() {
		fields = append(fields, problem.Field())
	}
	want := []string{"rights.device", "rights.docker", "registries.1", "registries.4", "registries.5", "registries.6", "host_paths.1", "host_paths.2"}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p.HostPaths[0] != "/srv" {
		t.Errorf("the path is %q", p.HostPaths[0])
	}
	if problems := graft.DefaultPolicy().Validate(); len(problems) > 0 {
		t.Errorf("the default is wrong: %v", problems)
	}
}
