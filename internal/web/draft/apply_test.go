package draft

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// compact is a draft without spaces.
func compact(d *Draft) string { return d.root.compact(1 << 20) }

func TestApply(t *testing.T) {
	t.Parallel()
	const service = `{"services":[{"service_name":"s","image":"i"}]}`
	for name, c := range map[string]struct {
		draft string
		form  url.Values
		want  string
	}{
		"nothing":            {service, nil, service},
		"a required field":   {`{"name":"a"}`, url.Values{"name": {""}}, `{"name":""}`},
		"an optional one":    {`{"name":"a","version":"1.0.0"}`, url.Values{"version": {""}}, `{"name":"a"}`},
		"a new one's place":  {`{"name":"a","x":1,"services":[]}`, url.Values{"version": {"1.0.0"}, "readme": {"r"}}, `{"name":"a","version":"1.0.0","readme":"r","x":1,"services":[]}`},
		"before all others":  {`{"services":[]}`, url.Values{"name": {"a"}}, `{"name":"a","services":[]}`},
		"line breaks":        {`{"readme":"a\nb"}`, url.Values{"readme": {"a\r\nb\r\nc"}}, `{"readme":"a\nb\nc"}`},
		"unchanged CRLF":     {`{"readme":"a\r\nb"}`, url.Values{"readme": {"a\r\nb"}}, `{"readme":"a\r\nb"}`},
		"no HTML escapes":    {`{}`, url.Values{"readme": {"<b> & ä"}}, `{"readme":"<b> & ä"}`},
		"an unknown field":   {service, url.Values{"nonsense": {"1"}, "services.7.image": {"x"}, "services.x.image": {"x"}}, service},
		"planes":             {`{"planes":["cluster"]}`, url.Values{"planes": {"", "root", "cluster"}}, `{"planes":["cluster","root"]}`},
		"planes unchecked":   {`{"planes":["cluster","root"]}`, url.Values{"planes": {"", "root"}}, `{"planes":["root"]}`},
		"no planes":          {`{"name":"a","planes":["root"]}`, url.Values{"planes": {""}}, `{"name":"a"}`},
		"odd planes":         {`{"planes":["moon"]}`, url.Values{"planes": {"", "root"}}, `{"planes":["moon"]}`},
		"a repeated member":  {`{"name":"a","name":"b"}`, url.Values{"name": {"c"}}, `{"name":"a","name":"b"}`},
		"text of other kind": {`{"name":["a"]}`, url.Values{"name": {"c"}}, `{"name":["a"]}`},
		"a check":            {service, url.Values{"services.0.read_only": {"", "true"}}, `{"services":[{"service_name":"s","image":"i","read_only":true}]}`},
		"a check not shown":  {`{"services":[{"privileged":true}]}`, url.Values{}, `{"services":[{"privileged":true}]}`},
		"unchecked":          {`{"services":[{"privileged":true}]}`, url.Values{"services.0.privileged": {""}}, `{"services":[{}]}`},
		"loosely checked":    {`{"networks":[{"name":"n","enable_ipv6":"yes"}]}`, url.Values{"networks.0.enable_ipv6": {"", "true"}}, `{"networks":[{"name":"n","enable_ipv6":"yes"}]}`},
		"false stays":        {`{"networks":[{"enable_ipv6":false}]}`, url.Values{"networks.0.enable_ipv6": {""}}, `{"networks":[{"enable_ipv6":false}]}`},
		"numbers": {
			`{"services":[{"cpus":0.50,"mem_limit":"64m"}]}`,
			url.Values{"services.0.cpus": {"0.50"}, "services.0.mem_limit": {"67108864"}, "services.0.probe.http.port": {"80"}, "services.0.healthcheck.retries": {"many"}},
			`{"services":[{"cpus":0.50,"mem_limit":67108864,"probe":{"http":{"port":80}},"healthcheck":{"retries":"many"}}]}`,
		},
		"objects that empty": {`{"services":[{"probe":{"http":{"port":80}},"image":"i"}]}`, url.Values{"services.0.probe.http.port": {""}}, `{"services":[{"image":"i"}]}`},
		"another probe": {
			`{"services":[{"probe":{"http":{"port":80}}}]}`, url.Values{"services.0.probe.http.port": {""}, "services.0.probe.tcp.port": {"81"}},
			`{"services":[{"probe":{"tcp":{"port":81}}}]}`,
		},
		"objects with more": {`{"services":[{"probe":{"http":{"port":80,"status":204}}}]}`, url.Values{"services.0.probe.http.port": {""}}, `{"services":[{"probe":{"http":{"status":204}}}]}`},
		"port maps": {
			`{"services":[{"ports":{"80":"8080","81":"8081","82":"8082"}}]}`,
			url.Values{
				"services.0.ports.0.key": {"90"}, "services.0.ports.0.value": {"8080"}, "services.0.ports.1.key": {""}, "services.0.ports.1.value": {""},
				"services.0.ports.2.value": {"9"}, "services.0.ports.3.key": {"83"}, "services.0.ports.4.key": {""}, "services.0.ports.4.value": {""},
			},
			`{"services":[{"ports":{"90":"8080","82":"9","83":""}}]}`,
		},
		"the last of a map":  {`{"services":[{"labels":{"a":"b"},"image":"i"}]}`, url.Values{"services.0.labels.0.key": {""}, "services.0.labels.0.value": {""}}, `{"services":[{"image":"i"}]}`},
		"an empty map stays": {`{"services":[{"labels":{}}]}`, url.Values{"services.0.labels.0.key": {""}}, `{"services":[{"labels":{}}]}`},
		"a value of other kind": {
			`{"services":[{"ports":{"80":8080,"81":"1"}}]}`, url.Values{"services.0.ports.0.key": {"7"}, "services.0.ports.0.value": {"7"}, "services.0.ports.1.value": {"2"}},
			`{"services":[{"ports":{"80":8080,"81":"2"}}]}`,
		},
		"mounts": {
			`{"services":[{"volumes":["a:/a:ro","b:/b",7]}]}`,
			url.Values{
				"services.0.volumes.0.source": {"a"}, "services.0.volumes.0.path": {"/c"}, "services.0.volumes.0.mode": {""},
				"services.0.volumes.1.source": {""}, "services.0.volumes.1.path": {""}, "services.0.volumes.3.source": {"d"}, "services.0.volumes.3.path": {"/d"}, "services.0.volumes.3.mode": {"rw"},
			},
			`{"services":[{"volumes":["a:/c",7,"d:/d:rw"]}]}`,
		},
		"a list": {
			`{"services":[{"cap_add":["A","B"]}]}`, url.Values{"services.0.cap_add.0": {""}, "services.0.cap_add.2": {"C"}, "services.0.cap_drop.0": {"ALL"}},
			`{"services":[{"cap_add":["B","C"],"cap_drop":["ALL"]}]}`,
		},
		"conditions": {
			`{"services":[{"depends_on":{"a":{"condition":"service_started"},"b":{"condition":"service_started","x":1}}}]}`,
			url.Values{"services.0.depends_on.0.key": {"c"}, "services.0.depends_on.0.condition": {"service_healthy"}, "services.0.depends_on.2.key": {"d"}, "services.0.depends_on.2.condition": {"service_started"}},
			`{"services":[{"depends_on":{"c":{"condition":"service_healthy"},"b":{"condition":"service_started","x":1},"d":{"condition":"service_started"}}}]}`,
		},
		"a condition without a service": {service, url.Values{"services.0.depends_on.0.key": {""}, "services.0.depends_on.0.condition": {"service_started"}}, service},
		"a dependency less":             {`{"services":[{"depends_on":{"a":{"condition":"service_started"}}}]}`, url.Values{"services.0.depends_on.0.key": {""}}, `{"services":[{}]}`},
		"short dependencies":            {`{"services":[{"depends_on":["a"]}]}`, url.Values{"services.0.depends_on.0": {"b"}, "services.0.depends_on.1": {"c"}}, `{"services":[{"depends_on":["b","c"]}]}`},
		"a test in words":               {`{"services":[{"healthcheck":{"test":["CMD","a"]}}]}`, url.Values{"services.0.healthcheck.test.1": {"b"}, "services.0.healthcheck.test": {"x"}}, `{"services":[{"healthcheck":{"test":["CMD","b"]}}]}`},
		"a test in a line":              {service, url.Values{"services.0.healthcheck.test": {"true"}}, `{"services":[{"service_name":"s","image":"i","healthcheck":{"test":"true"}}]}`},
		"no object on the way":          {`{"services":[{"probe":"x"},7]}`, url.Values{"services.0.probe.http.port": {"80"}, "services.1.image": {"i"}}, `{"services":[{"probe":"x"},7]}`},
	} {
		d := parse(t, c.draft)
		d.Apply(c.form)
		if diff := cmp.Diff(c.want, compact(d)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// inputs are the controls of a form that text can be filled in, by their names.
func inputs(form *Form) map[string]*Input {
	all := map[string]*Input{}
	add := func(fields []*Field) {
		for _, f := range fields {
			switch {
			case f.Locked != "", f.Control == ControlCheck, f.Control == ControlChecks:
			case f.Rows == nil && f.Columns == nil:
				all[f.Name] = &f.Input
			}
			for _, row := range f.Rows {
				for _, in := range row.Inputs {
					all[in.Name] = in
				}
			}
		}
	}
	add(form.Addon)
	for _, section := range form.Sections {
		for _, item := range section.Items {
			add(item.Usual)
			add(item.More)
		}
	}
	return all
}

// values are what the controls show.
func values(form *Form) map[string]string {
	shown := map[string]string{}
	for name, in := range inputs(form) {
		shown[name] = in.Value
		for _, option := range in.Options {
			if option.Chosen {
				shown[name] = option.Value
			}
		}
	}
	return shown
}

// TestOneChange: a control that is filled in shows that from then on, and no
// other one shows anything else than before.
func TestOneChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		service := `{"service_name":"s",` + drawObject(t, 3)[1:]
		service = strings.Replace(service, ",}", "}", 1)
		d, err := Parse(`{"name":"a","services":[{"image":"i"},` + service + `],"volumes":[` + drawObject(t, 2) + `]}`)
		if err != nil {
			t.Fatal(err)
		}
		form := d.Form(nil, nil)
		want := values(form)
		changed := rapid.SampledFrom(slices.Sorted(maps.Keys(want))).Draw(t, "control")
		filled := post(form)
		filled.Set(changed, "x1")
		want[changed] = "x1"
		d.Apply(filled)
		d.Settle()
		if diff := cmp.Diff(want, values(d.Form(nil, nil))); diff != "" {
			t.Fatalf("%s: %s", changed, diff)
		}
	})
}

func TestDo(t *testing.T) {
	t.Parallel()
	const two = `{"services":[{"service_name":"a","ports":{"1":"1","2":"2"}},{"service_name":"b"}]}`
	for _, c := range []struct{ draft, do, want, focus string }{
		{`{}`, "add:services", `{"services":[{"service_name":"","image":""}]}`, "services.0.service_name"},
		{`{"name":"a","volumes":[]}`, "add:volumes", `{"name":"a","volumes":[{"name":""}]}`, "volumes.0.name"},
		{two, "add:services.1.ports", two, "services.1.ports.0.key"},
		{two, "add:services.0.ports", two, "services.0.ports.2.key"},
		{two, "add:services.0.volumes", two, "services.0.volumes.0.source"},
		{two, "add:platforms", two, "platforms.0"},
		{two, "remove:services.0", `{"services":[{"service_name":"b"}]}`, "add:services"},
		{two, "remove:services.0.ports.0", `{"services":[{"service_name":"a","ports":{"2":"2"}},{"service_name":"b"}]}`, "add:services.0.ports"},
		{two, "remove:services.0.ports.2", two, "add:services.0.ports"},
		{`{"services":[{"cap_add":["A"]}]}`, "remove:services.0.cap_add.0", `{"services":[{}]}`, "add:services.0.cap_add"},
		{`{"services":[{"healthcheck":{"test":["A"]}}]}`, "remove:services.0.healthcheck.test.0", `{"services":[{}]}`, "add:services.0.healthcheck.test"},
		{`{"services":[1,2,3]}`, "up:services.2", `{"services":[1,3,2]}`, "up:services.1"},
		{`{"services":[1,2,3]}`, "up:services.1", `{"services":[2,1,3]}`, "down:services.0"},
		{`{"services":[1,2,3]}`, "down:services.1", `{"services":[1,3,2]}`, "up:services.2"},
		{`{"services":[1,2,3]}`, "up:services.0", `{"services":[1,2,3]}`, "up:services.0"},
	} {
		d := parse(t, c.draft)
		focus, err := d.Do(c.do)
		if err != nil || focus != c.focus || compact(d) != c.want {
			t.Errorf("%s: %s, %q, %v", c.do, compact(d), focus, err)
		}
		if strings.HasPrefix(c.do, "add:") && inputs(d.Form(nil, nil))[focus] == nil {
			t.Errorf("%s: %s is not in the form", c.do, focus)
		}
	}
	for _, do := range []string{
		"", "add", "add:", "add:name", "add:services.0", "add:services.2.ports", "add:services.x.ports", "add:services.0.nonsense", "remove:services.2",
		"remove:services", "remove:services.0.ports.x", "remove:services.0.ports.-1", "up:services", "up:services.0.ports.1", "fly:services.0", "add:services.0.image",
	} {
		if d := parse(t, two); true {
			if _, err := d.Do(do); err == nil || compact(d) != two {
				t.Errorf("%q: %v, %s", do, err, compact(d))
			}
		}
	}
	for _, c := range [][2]string{{`{"services":{}}`, "add:services"}, {`{"services":[],"services":[]}`, "add:services"}, {`{"services":[{"ports":[]}]}`, "add:services.0.ports"}} {
		if _, err := parse(t, c[0]).Do(c[1]); err == nil {
			t.Errorf("%s in %s", c[1], c[0])
		}
	}
}

// Rows that were emptied are counted by what is done in the same moment.
func TestDoAfterApply(t *testing.T) {
	t.Parallel()
	d := parse(t, `{"services":[{"networks":["a","b","c"]}]}`)
	d.Apply(url.Values{"services.0.networks.0": {""}, "services.0.networks.1": {"b"}, "services.0.networks.2": {"c"}, "services.0.networks.3": {"d"}})
	if got := len(d.Form(nil, nil).Sections[0].Items[0].Usual[6].Rows); got != 4 {
		t.Errorf("%d rows", got)
	}
	focus, err := d.Do("remove:services.0.networks.2")
	if want := `{"services":[{"networks":["b","d"]}]}`; err != nil || focus != "add:services.0.networks" || compact(d) != want {
		t.Errorf("%s, %s, %v", compact(d), focus, err)
	}
}
