package draft

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
)

func TestNewIsABlankForm(t *testing.T) {
	t.Parallel()
	form := New().Form(nil, nil)
	if len(form.Sections) != 3 || len(form.Sections[0].Items) != 1 || form.Sections[0].Items[0].Open || len(form.Top) > 0 {
		t.Errorf("%+v", form.Sections[0])
	}
	if in := inputs(form)["services.0.image"]; in == nil || !in.Required || in.Value != "" {
		t.Errorf("%+v", in)
	}
}

// What a descriptor can have, the form has a field for, and each has its place in
// the document.
func TestFormCoversTheDescriptor(t *testing.T) {
	t.Parallel()
	usual, more := serviceSpecs()
	for _, c := range []struct {
		of    reflect.Type
		specs []spec
	}{
		{reflect.TypeFor[graft.Descriptor](), addonSpecs()},
		{reflect.TypeFor[graft.Service](), slices.Concat(usual, more)},
		{reflect.TypeFor[graft.Volume](), volumeSpecs()},
		{reflect.TypeFor[graft.Network](), networkSpecs()},
	} {
		shown := map[string]bool{"services": true, "volumes": c.of == reflect.TypeFor[graft.Descriptor](), "networks": true}
		for _, s := range c.specs {
			for name := range strings.SplitSeq(s.name, ".") {
				if rank(name) < 0 {
					t.Errorf("%s of a %s has no place", s.name, c.of)
				}
			}
			first, _, _ := strings.Cut(s.name, ".")
			shown[first] = true
		}
		for i := range c.of.NumField() {
			if name, _, _ := strings.Cut(c.of.Field(i).Tag.Get("json"), ","); !shown[name] {
				t.Errorf("%s of a %s has no field", name, c.of)
			}
		}
	}
}

// Each problem is beside what it is about.
func TestProblemsAreBesideTheirFields(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ draft, want string }{
		{`{"services":[{"service_name":"s","image":"i"}]}`, "name < name|Name: Missing data for required field."},
		{`{"name":"a"}`, "services < add:services|Services: Missing data for required field."},
		{`{"name":"a","services":{}}`, "services < add:services|Services: Invalid type."},
		{`{"name":"a","x":1,"services":[{"service_name":"s","image":"i"}]}`, " < |x: Unknown field."},
		{`{"name":"a","name":"b","services":[{"service_name":"s","image":"i"}]}`, "name < name|Name: Duplicate field."},
		{`{"name":"a","planes":["moon"],"services":[{"service_name":"s","image":"i"}]}`, `planes < planes|Planes: 0: "moon" is not a plane: use root or cluster.`},
		{`{"name":"a","services":["s"]}`, "services.0 < services.0|Service 1: Invalid input type."},
		{`{"name":"a","services":[{"service_name":"s"}]}`, "services.0.image < services.0.image|s: Image: Missing data for required field."},
		{`{"name":"a","services":[{"service_name":"s","image":"i","x":{"y":1}}]}`, "services.0 < services.0|s: x: Unknown field."},
		{`{"name":"a","services":[{"service_name":"s","image":"i","command":["a"]}]}`, "services.0.command < services.0.command|s: Command: Not a valid string."},
		{`{"name":"a","services":[{"service_name":"s","image":"i","ports":{"1":"1","80":"x"}}]}`, `services.0.ports.1 < services.0.ports.1.value|s: Ports: Host port 2: "x" is not a host port: write a number from 1 to 65535 or a range such as 9000-9010.`},
		{`{"name":"a","services":[{"service_name":"s","image":"i","ports":{"x":"1"}}]}`, `services.0.ports.0 < services.0.ports.0.key|s: Ports: Container port 1: "x" is not a container port: write a number from 1 to 65535 or a range such as 8000-8010, then /tcp, /udp or /sctp if need be.`},
		{`{"name":"a","services":[{"service_name":"s","image":"i","ports":{"1":1}}]}`, "services.0.ports.0 < services.0.ports|s: Ports: value: Not a valid string."},
		{`{"name":"a","services":[{"service_name":"s","image":"i","ports":{"1":"1","1":"2"}}]}`, "services.0.ports.0 < services.0.ports.0.key|s: Ports: Container port 1: Duplicate field."},
		{`{"name":"a","services":[{"service_name":"s","image":"i","networks":["n","host"]}]}`, `services.0.networks.1 < services.0.networks.1|s: Networks: Network 2: "host" is a network of the Docker Engine itself, which services can't share: use another name.`},
		{`{"name":"a","services":[{"service_name":"s","image":"i","volumes":["x"]}]}`, `services.0.volumes.0 < services.0.volumes.0.source|s: Mounts: Source 1: "x" is not a mount: write it as source:/path or source:/path:ro.`},
		{`{"name":"a","services":[{"service_name":"s","image":"i","depends_on":{"x":{"condition":"service_started"}}}]}`, `services.0.depends_on.0 < services.0.depends_on.0.key|s: Depends on: Service 1: There is no service "x" in this addon.`},
		{`{"name":"a","services":[{"service_name":"s","image":"i"},{"service_name":"t","image":"i","depends_on":{"s":{"condition":"x"}}}]}`, `services.1.depends_on.0 < services.1.depends_on.0.condition|t: Depends on: Condition 1: "x" is not a condition: use service_started, service_healthy or service_completed_successfully.`},
		{`{"name":"a","services":[{"service_name":"s","image":"i","probe":{}}]}`, "services.0.probe.http.port < services.0.probe.http.port|s: Probe over HTTP: port: A probe has exactly one of http and tcp."},
		{`{"name":"a","services":[{"service_name":"s","image":"i","probe":{"tcp":{"port":"80"}}}]}`, "services.0.probe.tcp.port < services.0.probe.tcp.port|s: Probe over TCP: port: Not a valid integer."},
		{`{"name":"a","services":[{"service_name":"s","image":"i"}],"volumes":[{"name":"v"}]}`, `volumes.0.name < volumes.0.name|v: Name: No service mounts the volume "v".`},
	} {
		form := parse(t, c.draft).form()
		var got []string
		for _, m := range form.Messages {
			got = append(got, fmt.Sprintf("%s < %s|%s: %s", m.Beside, m.Input, m.Label, m.Text))
		}
		if diff := cmp.Diff([]string{c.want}, got); diff != "" {
			t.Errorf("%s: %s", c.draft, diff)
		}
		beside := 0
		for _, f := range form.Addon {
			beside += len(f.Messages)
		}
		for _, section := range form.Sections {
			beside += len(section.Messages)
			for _, item := range section.Items {
				beside += len(item.Messages)
				for _, f := range slices.Concat(item.Usual, item.More) {
					beside += len(f.Messages)
					for _, row := range f.Rows {
						beside += len(row.Messages)
					}
				}
			}
		}
		if beside+len(form.Top) != 1 {
			t.Errorf("%s: %d messages are shown", c.draft, beside+len(form.Top))
		}
	}
}

func (d *Draft) form() *Form { return d.Form(d.problems()) }

// While a row is empty that was filled in, those after it are counted without it
// in the document, and with it in the form.
func TestProblemsAfterAnEmptiedRow(t *testing.T) {
	t.Parallel()
	d := parse(t, `{"name":"a","services":[{"service_name":"s","image":"i","networks":["n","host"]}]}`)
	form := post(d.form())
	form.Set("services.0.networks.0", "")
	d.Apply(form)
	if got := d.form().Messages; len(got) != 1 || got[0].Input != "services.0.networks.1" {
		t.Errorf("%+v", got)
	}
}

func TestForm(t *testing.T) {
	t.Parallel()
	form := parse(t, `{"planes":["cluster"],"services":[
		{"service_name":"cluster_scheduler","environment":{"A":"x\ny"},"command":["a"],"ports":{"80":8080},"restart":"on-failure:3"},
		{"user":"me"}],"networks":"none"}`).Form(nil, nil)
	first, second := form.Sections[0].Items[0], form.Sections[0].Items[1]
	want := []*Message{{"It takes the place of cluster_scheduler: this makes the addon a plugin.", ToneGood, "cluster_scheduler: Service name", "services.0.service_name", "services.0.service_name"}}
	if diff := cmp.Diff(want, form.Messages); diff != "" || first.Title != "cluster_scheduler" || second.Title != "Service 2" {
		t.Errorf("%s %q %q", diff, first.Title, second.Title)
	}
	if !first.First || first.Last || !second.Last || !first.Open || !second.Open {
		t.Errorf("%+v %+v", first, second)
	}
	if command, ports := first.Usual[2], first.Usual[3]; command.Locked != `["a"]` || ports.Locked != "" || ports.Rows[0].Locked != `"80":8080` {
		t.Errorf("%+v %+v", command, ports)
	}
	if value := first.Usual[4].Rows[0].Inputs[1]; !value.Lines || value.Value != "x\ny" {
		t.Errorf("%+v", value)
	}
	if got := values(form)["services.0.restart"]; got != "on-failure:3" {
		t.Errorf("restart is %q", got)
	}
	if form.Sections[2].Locked != `"none"` {
		t.Errorf("%+v", form.Sections[2])
	}
	for _, s := range form.Suggestions {
		if s.ID == "component-names" && (!slices.Contains(s.Words, "cluster_scheduler") || slices.Contains(s.Words, "grafana")) {
			t.Errorf("suggested: %q", s.Words)
		}
	}
}

// A form is no larger than a page can be.
func TestFormOfManyRows(t *testing.T) {
	t.Parallel()
	var services []string
	for range 90 {
		services = append(services, `{"networks":[`+strings.Repeat(`"n",`, 99)+`"n"]}`)
	}
	d := parse(t, `{"services":[`+strings.Join(services, ",")+`]}`)
	rows, locked := 0, 0
	for _, item := range d.form().Sections[0].Items {
		networks := item.Usual[6]
		if rows += len(networks.Rows); networks.Locked != "" {
			locked++
		}
	}
	if rows != maxAllRows || locked != 80 {
		t.Errorf("%d rows, and %d services without", rows, locked)
	}
	before, form := d.Text(), post(d.form())
	if len(form) > 9000 {
		t.Errorf("%d values", len(form))
	}
	if d.Apply(form); d.Text() != before {
		t.Error("what is not shown does not stay")
	}
	d = parse(t, `{"services":[`+strings.Repeat("{},", maxItems)+`{}]}`)
	if section := d.form().Sections[0]; section.Locked == "" || len(section.Items) > 0 {
		t.Errorf("%d services are shown", len(section.Items))
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	problems := graft.Problems{{Path: []string{"services", "0", "image"}, Message: "m"}}
	for _, c := range []struct {
		err  error
		want graft.Problems
	}{
		{nil, nil},
		{problems.Err(), problems},
		{graft.Errorf(graft.CodeExists, "it is there"), graft.Problems{{Message: "it is there"}}},
		{errors.New("inner"), graft.Problems{{Message: "It was not taken, and the answer says no reason."}}},
	} {
		if diff := cmp.Diff(c.want, Refusal(c.err)); diff != "" {
			t.Errorf("%v: %s", c.err, diff)
		}
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source string
		want   []Mark
	}{
		{"{\n \"name\": x}", []Mark{{2, 10, "Invalid character 'x' looking for beginning of value.", SeverityError}}},
		{
			"{\"name\": \"a\",\n\"services\": [\n {\"service_name\": \"ä\", \"image\": \"i\", \"ports\": {\"80\": \"x\", \"y\": \"1\"}},\n {\"service_name\": \"t\", \"privileged\": true}]}",
			[]Mark{
				{3, 19, `"ä" is not a name`, SeverityError}, {3, 54, `"x" is not a host port`, SeverityError}, {3, 59, `"y" is not a container port`, SeverityError},
				{4, 2, "Missing data for required field.", SeverityError}, {4, 38, "A privileged service has all rights on the host.", SeverityWarning},
			},
		},
	} {
		_, problems, warnings := Check(c.source)
		got := Marks(c.source, problems, warnings)
		for i := range got {
			if i < len(c.want) {
				got[i].Message = got[i].Message[:min(len(got[i].Message), len(c.want[i].Message))]
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.source, diff)
		}
	}
}
