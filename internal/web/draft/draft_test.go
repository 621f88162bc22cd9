package draft

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/graftplatform/graft"
)

func parse(t testing.TB, source string) *Draft {
	t.Helper()
	d, err := Parse(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return d
}

func TestTextKeepsWhatWasWritten(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"":         "{}",
		" \n ":     "{}",
		"\ufeff{}": "{}",
		`{"b":1.50e3,"a":[],"b":{},"":"\u00e4\/<","c":[null,true,{"x":-0}]}`: `{
  "b": 1.50e3,
  "a": [],
  "b": {},
  "": "\u00e4\/<",
  "c": [
    null,
    true,
    {
      "x": -0
    }
  ]
}`,
		`{"half":"\ud800"}`: "{\n  \"half\": \"\\ud800\"\n}",
	} {
		got := parse(t, source).Text()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", source, diff)
		}
		if again := parse(t, got).Text(); again != got {
			t.Errorf("%s is %s at first, then %s", source, got, again)
		}
	}
}

func TestParseSaysWhere(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"{\n  \"a\": 1,\n  \"ä\": x\n}": "(line 3, column 8)",
		"{\n \"a\": [1,\n":              "it ends too early (line 2, column 10)",
		"[1]":                           `it begins with "{" (line 1, column 1)`,
		"\n 7":                          `it begins with "{" (line 2, column 2)`,
		"{} {}":                         "(line 1, column 4)",
		"{\"a\": \"\xff\"}":             "not UTF-8 (line 1, column 8)",
		`{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}": "too deep (line 1, column 21)",
	} {
		_, err := Parse(source)
		if graft.ErrorCode(err) != graft.CodeMalformed || !strings.Contains(graft.ErrorMessage(err), want) {
			t.Errorf("%q: %v", source, err)
		}
		if d, problems, _ := Check(source); d != nil || len(problems) != 1 || len(problems[0].Path) != 0 {
			t.Errorf("%q: %v", source, problems)
		}
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	d := parse(t, `{"name":"","networks":[],"services":[{"ports":{},"cap_add":[],"labels":{"a":""},"probe":{"tcp":{}},"x":null}],"volumes":[{"labels":{}}]}`)
	d.Prune()
	if want := `{"name":"","services":[{"labels":{"a":""},"probe":{"tcp":{}},"x":null}],"volumes":[{}]}`; compact(d) != want {
		t.Error(compact(d))
	}
	d = parse(t, `{"services":[]}`)
	if d.Prune(); compact(d) != `{"services":[]}` {
		t.Error(compact(d))
	}
}

// files are the descriptors that there are in the repository, by their names.
func files(t testing.TB) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"../../../examples/*/*.json", "../../../examples/*/*/*.json", "../../../testdata/descriptors/*/*.json"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if json.Valid(data) && bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
				found[name] = string(data)
			}
		}
	}
	if len(found) < 4 {
		t.Fatalf("only %d descriptors were found", len(found))
	}
	return found
}

func TestRealDescriptors(t *testing.T) {
	t.Parallel()
	for name, source := range files(t) {
		survives(t, source)
		if _, before, _ := Check(source); len(before) == 0 {
			if _, after, _ := parse(t, source).Check(); len(after) > 0 {
				t.Errorf("%s is valid, and then not: %v", name, after)
			}
		}
	}
}

// survives checks that neither the text nor the form loses anything.
func survives(t interface {
	Helper()
	Fatalf(string, ...any)
}, source string) {
	t.Helper()
	d, err := Parse(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	written := d.Text()
	var want, got bytes.Buffer
	if source = strings.TrimPrefix(source, "\ufeff"); strings.TrimSpace(source) == "" {
		source = "{}"
	}
	if json.Compact(&want, []byte(source)) != nil || json.Compact(&got, []byte(written)) != nil || want.String() != got.String() {
		t.Fatalf("of %s the text is %s", &want, &got)
	}
	_, problems, warnings := d.Check()
	form := d.Form(problems, warnings)
	if want := len(problems) + len(warnings); len(form.Messages) < want {
		t.Fatalf("the form shows %d of %d problems", len(form.Messages), want)
	}
	d.Apply(post(form))
	if d.Settle(); d.Text() != written {
		t.Fatalf("a form that nobody touched makes\n%s\nof\n%s", d.Text(), written)
	}
	for _, mark := range Marks(written, problems, warnings) {
		if mark.Line < 1 || mark.Column < 1 || mark.Line > strings.Count(written, "\n")+1 {
			t.Fatalf("mark %+v is not in %s", mark, written)
		}
	}
}

// TestAnyObject: what somebody's tool writes survives, descriptor or not.
func TestAnyObject(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { survives(t, drawObject(t, 4)) })
}

// drawObject draws an object that has a descriptor's members, with values that
// they have, or not.
func drawObject(t *rapid.T, depth int) string {
	names := append([]string{"_", "", "0", "key", "value", "condition"}, "name", "version", "readme", "planes", "platforms", "services",
		"service_name", "image", "command", "ports", "environment", "volumes", "networks", "labels", "depends_on", "restart", "probe",
		"http", "port", "path", "healthcheck", "test", "retries", "mem_limit", "cpus", "read_only", "enable_ipv6", "driver_opts", "cap_add")
	parts := make([]string, rapid.IntRange(0, 6).Draw(t, "members"))
	for i := range parts {
		parts[i] = quote(rapid.SampledFrom(names).Draw(t, "name")) + " :\n" + drawValue(t, depth-1)
	}
	return "{" + strings.Join(parts, "\t,") + "}"
}

func drawValue(t *rapid.T, depth int) string {
	most := 5
	if depth <= 0 {
		most = 3
	}
	switch rapid.IntRange(0, most).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"null", "true", "false", "0", "-0", "80", "1e400", "0.50"}).Draw(t, "literal")
	case 1:
		return quote(rapid.String().Draw(t, "text"))
	case 2, 3:
		return rapid.SampledFrom([]string{
			`""`, `"a:/b"`, `"a:b:"`, `"::"`, `"/x:/y:ro"`, `"root"`, `"yes"`, `"80"`, `"\ud800"`, `"a\u0000b"`, `"one\r\ntwo"`, `"one\rtwo"`, `"\n"`, `"service_started"`,
		}).Draw(t, "text")
	case 4:
		items := make([]string, rapid.IntRange(0, 4).Draw(t, "items"))
		for i := range items {
			items[i] = drawValue(t, depth-1)
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	return drawObject(t, depth-1)
}

// FuzzDraft: no text makes it fall over, and what it takes survives.
func FuzzDraft(f *testing.F) {
	for _, source := range files(f) {
		f.Add(source, "services.0.image", "x", "add:services.0.ports")
	}
	f.Add(`{"services":[{"volumes":["a:/b"],"depends_on":["x"]}]}`, "services.0.volumes.0.path", "", "remove:services.0.volumes.0")
	f.Add(`{"planes":["root"]}`, "planes", "cluster", "up:services.0")
	f.Fuzz(func(t *testing.T, source, name, value, action string) {
		d, err := Parse(source)
		if err != nil {
			if graft.ErrorCode(err) != graft.CodeMalformed {
				t.Errorf("%q: %v", source, err)
			}
			Marks(source, nil, nil)
			return
		}
		survives(t, source)
		form := post(d.Form(nil, nil))
		form.Set(name, value)
		d.Apply(form)
		d.Form(d.problems())
		if _, err := d.Do(action); err != nil && graft.ErrorCode(err) != graft.CodeInvalid {
			t.Errorf("%q: %v", action, err)
		}
		d.Form(d.problems())
		survives(t, d.Text())
	})
}

func (d *Draft) problems() (problems, warnings graft.Problems) {
	_, problems, warnings = d.Check()
	return problems, warnings
}
