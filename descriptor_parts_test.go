package graft_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
)

func TestParseMount(t *testing.T) {
	t.Parallel()
	tests := map[string]graft.Mount{
		"data:/var/lib/data":     {Source: "data", Target: "/var/lib/data"},
		"data:/a//b/../c/":       {Source: "data", Target: "/a/c"},
		"/etc:/host/etc:ro":      {Source: "/etc", Target: "/host/etc", Bind: true, Mode: "ro"},
		"/a..b/...:/x:rw,Z":      {Source: "/a..b/...", Target: "/x", Bind: true, Mode: "rw,Z"},
		"v:/x:z":                 {Source: "v", Target: "/x", Mode: "z"},
		"my.vol-1_2:/with space": {Source: "my.vol-1_2", Target: "/with space"},
	}
	for text, want := range tests {
		got, err := graft.ParseMount(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("ParseMount(%q): %v (-want +got)\n%s", text, err, diff)
		}
	}
	for _, text := range []string{"", ":", "v", "/data", "v:", ":/x", "v:x", "v:/", "v:/..", "v:/x:", "v:/x:ro,", "v:/x:ro,ro", "v:/x:z,Z", "a/b:/x", "../b:/x", "/a/..:/x", "v:/x\x00"} {
		if got, err := graft.ParseMount(text); graft.ErrorCode(err) != graft.CodeInvalid {
			t.Errorf("ParseMount(%q) = %v, %v; want CodeInvalid", text, got, err)
		}
	}
}

func TestParsePorts(t *testing.T) {
	t.Parallel()
	got, problems := graft.ParsePorts(map[string]string{
		"8000-8001": "9000-9001", "80/udp": "8080", "80": "8080", "80/tcp": "80", "65535/sctp": "1", "5-5": "6",
	})
	want := []graft.PortMapping{
		{ContainerPort: 5, HostPort: 6, Protocol: "tcp"},
		{ContainerPort: 80, HostPort: 80, Protocol: "tcp"},
		{ContainerPort: 80, HostPort: 8080, Protocol: "tcp"},
		{ContainerPort: 80, HostPort: 8080, Protocol: "udp"},
		{ContainerPort: 8000, HostPort: 9000, Protocol: "tcp"},
		{ContainerPort: 8001, HostPort: 9001, Protocol: "tcp"},
		{ContainerPort: 65535, HostPort: 1, Protocol: "sctp"},
	}
	if diff := cmp.Diff(want, got); len(problems) > 0 || diff != "" {
		t.Errorf("ParsePorts: %v (-want +got)\n%s", problems, diff)
	}
}

func TestParsePortsKeepsTheGoodOnes(t *testing.T) {
	t.Parallel()
	got, problems := graft.ParsePorts(map[string]string{"1": "80", "2": "80", "http": "3", "4": "4"})
	want := []graft.PortMapping{{ContainerPort: 1, HostPort: 80, Protocol: "tcp"}, {ContainerPort: 4, HostPort: 4, Protocol: "tcp"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ParsePorts (-want +got)\n%s", diff)
	}
	fields := make([]string, len(problems))
	for i, p := range problems {
		fields[i] = p.Field()
	}
	if !slices.Equal(fields, []string{"2.value", "http.key"}) {
		t.Errorf("problems: %v", problems)
	}
}

func TestAllVolumesAndNetworks(t *testing.T) {
	t.Parallel()
	d := &graft.Descriptor{
		Services: []graft.Service{
			{Networks: []string{"n2", "oakestra", "n1"}, Volumes: []string{"v2:/b", "/host:/c", "broken", "v1:/a"}},
			{Networks: []string{"n3", "n2"}, Volumes: []string{"v3:/x:ro", "v2:/b"}},
		},
		Volumes:  []graft.Volume{{Name: "v1", Driver: "bridge"}},
		Networks: []graft.Network{{Name: "n1", Driver: "overlay", EnableIPv6: true}, {Name: "oakestra", Driver: "bridge"}},
	}
	d.SetDefaults()
	none := map[string]string{}
	volumes := []graft.Volume{
		{Name: "v1", Driver: "local", DriverOpts: none, Labels: none},
		{Name: "v2", Driver: "local", DriverOpts: none, Labels: none},
		{Name: "v3", Driver: "local", DriverOpts: none, Labels: none},
	}
	if diff := cmp.Diff(volumes, d.AllVolumes()); diff != "" {
		t.Errorf("AllVolumes (-want +got)\n%s", diff)
	}
	networks := []graft.Network{
		{Name: "n1", Driver: "overlay", EnableIPv6: true}, {Name: "n2", Driver: "bridge"}, {Name: "n3", Driver: "bridge"},
	}
	if diff := cmp.Diff(networks, d.AllNetworks()); diff != "" {
		t.Errorf("AllNetworks (-want +got)\n%s", diff)
	}
	if d.Volumes[0].Driver != "bridge" || len(d.Volumes) != 1 || len(d.Networks) != 2 {
		t.Errorf("the descriptor was changed: %+v", d)
	}
}

func TestSplitCommand(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"":                              nil,
		" \t\n":                         nil,
		"echo hello":                    {"echo", "hello"},
		"  a  b\tc\nd ":                 {"a", "b", "c", "d"},
		`sh -c 'echo "a b"; exec x'`:    {"sh", "-c", `echo "a b"; exec x`},
		`a'b'"c"d\e`:                    {"abcde"},
		`'' ""`:                         {"", ""},
		`"\$ \" \\ \a \` + "`" + `"`:    {`$ " \ \a ` + "`"},
		`'\'`:                           {`\`},
		`a\ b \'`:                       {"a b", "'"},
		"a\\\nb \"c\\\nd\" \\\n":        {"ab", "cd"},
		"echo $HOME | cat; ls * & # no": {"echo", "$HOME", "|", "cat;", "ls", "*", "&", "#", "no"},
		"ä 'ö ü'":                       {"ä", "ö ü"},
	}
	for line, want := range tests {
		got, err := graft.SplitCommand(line)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("SplitCommand(%q): %v (-want +got)\n%s", line, err, diff)
		}
	}
}

func TestSplitCommandErrors(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"é 'a":    "the quote ' at character 3 ",
		`a "b\"`:  `the quote " at character 3 `,
		`a "b 'c`: `the quote " at character 3 `,
		`a \`:     "backslash at the end",
	} {
		got, err := graft.SplitCommand(line)
		if graft.ErrorCode(err) != graft.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("SplitCommand(%q) = %q, %v; want %q", line, got, err, want)
		}
	}
}

func FuzzSplitCommand(f *testing.F) {
	for _, line := range []string{"", "a b", `sh -c 'x "y"'`, `"\$"`, `a\`, "'", "a\\\n"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := graft.SplitCommand(line)
		if err != nil {
			return
		}
		quoted := make([]string, len(words))
		for i, word := range words {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		again, err := graft.SplitCommand(strings.Join(quoted, " "))
		if err != nil || !slices.Equal(words, again) {
			t.Errorf("%q gives %q, quoted %q, %v", line, words, again, err)
		}
	})
}

func TestProbeSchedule(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		probe   string
		want    graft.Schedule
		verdict time.Duration
	}{
		{`{}`, graft.Schedule{Interval: time.Second, Timeout: time.Second, Retries: 3, Steady: 10 * time.Second}, 6 * time.Second},
		{
			`{"start_period": "1m", "interval": "2s", "timeout": "500ms", "retries": 4}`,
			graft.Schedule{StartPeriod: time.Minute, Interval: 2 * time.Second, Timeout: time.Second / 2, Retries: 4, Steady: 2 * time.Second},
			70 * time.Second,
		},
	} {
		var p graft.Probe
		if err := json.Unmarshal([]byte(test.probe), &p); err != nil {
			t.Fatal(err)
		}
		if got := p.Schedule(); got != test.want || got.Verdict() != test.verdict {
			t.Errorf("Schedule of %s = %+v, verdict after %s", test.probe, got, got.Verdict())
		}
	}
}
