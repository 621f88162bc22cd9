package graft_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
)

var update = flag.Bool("update", false, "write the golden files of descriptors anew")

const descriptors = "testdata/descriptors"

// descriptorFiles calls fn in a subtest for each descriptor in a directory of
// testdata/descriptors, IMAGE replaced by the name of an image.
func descriptorFiles(t *testing.T, dir string, fn func(t *testing.T, golden string, data []byte)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(descriptors, dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no descriptors in %s: %v", dir, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			data = bytes.ReplaceAll(data, []byte(`"IMAGE"`), []byte(`"registry.example.org/image:1"`))
			fn(t, filepath.Join(descriptors, dir, "golden", name), data)
		})
	}
}

// compareGolden holds got to a golden file.
func compareGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestGoodDescriptors(t *testing.T) {
	t.Parallel()
	descriptorFiles(t, "good", func(t *testing.T, golden string, data []byte) {
		d, warnings, err := graft.ParseDescriptor(data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.MarshalIndent(map[string]any{"descriptor": d, "warnings": warnings}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		compareGolden(t, golden+".json", append(got, '\n'))
		checkRoundTrip(t, d)
	})
}

func TestBadDescriptors(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"bad/structure", "bad/meaning"} {
		descriptorFiles(t, dir, func(t *testing.T, golden string, data []byte) {
			d, _, err := graft.ParseDescriptor(data)
			if d != nil || graft.ErrorCode(err) != graft.CodeInvalid {
				t.Fatalf("ParseDescriptor = %v, %v; want CodeInvalid", d, err)
			}
			checkNesting(t, problemsOf(t, err))
			compareGolden(t, golden+".txt", []byte(err.Error()+"\n"))
		})
	}
}

func TestPlaceholderImageIsInvalid(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(descriptors, "good", "cluster-scheduler-plugin.json"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = graft.ParseDescriptor(data)
	problems := problemsOf(t, err)
	if len(problems) != 1 || problems[0].Field() != "services.0.image" {
		t.Errorf("problems = %v; want one of services.0.image", problems)
	}
}

func TestMalformedDescriptors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ data, want string }{
		"no JSON":         {"name=x&services=y", "line 1, column 2"},
		"cut off":         {"{\"name\": \"x\",\n", "line 1, column 14"},
		"trailing data":   {"{}\n  {}", "line 2, column 3"},
		"not UTF-8":       {"{\"name\": \"\xff\"}", "not UTF-8"},
		"high surrogate":  {`{"name": "\\\ud800", "services": []}`, `\ud800 is half of a surrogate pair (line 1, column 13)`},
		"low surrogate":   {`{"name": "\udc00"}`, `\udc00 is half`},
		"reversed pair":   {`{"name": "\udc00\ud800"}`, `\udc00 is half`},
		"high, then none": {`{"name": "\ud83d\u0041"}`, `\ud83d is half`},
		"only spaces":     {" ", "unexpected end"},
		"too deep":        {strings.Repeat("[", 1<<20), "exceeded max depth"},
		"NaN":             {`{"cpus": NaN}`, "invalid character"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := graft.ParseDescriptor([]byte(test.data))
			if graft.ErrorCode(err) != graft.CodeMalformed || !strings.Contains(err.Error(), test.want) {
				t.Errorf("ParseDescriptor: %v; want CodeMalformed with %q", err, test.want)
			}
		})
	}
}

func TestSurrogatePairsAreText(t *testing.T) {
	t.Parallel()
	d, _, err := graft.ParseDescriptor([]byte(
		`{"name": "x", "description": "\\ud800 \ud83d\ude00", "services": [{"service_name": "s", "image": "i"}]}`))
	if err != nil || d.Description != `\ud800 😀` {
		t.Errorf("ParseDescriptor = %+v, %v", d, err)
	}
}

func TestNoDocumentIsAnEmptyObject(t *testing.T) {
	t.Parallel()
	_, _, err := graft.ParseDescriptor(nil)
	if got := problemsOf(t, err); len(got) != 2 {
		t.Errorf("problems = %v; want those of {}", got)
	}
}

func TestOldWordsForBooleans(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]bool{`true`: true, `1`: true, `"yes"`: true, `"On"`: true, `false`: false, `0`: false, `"n"`: false} {
		d, _, err := graft.ParseDescriptor(fmt.Appendf(nil,
			`{"name": "x", "services": [{"service_name": "s", "image": "i"}], "networks": [{"name": "n", "enable_ipv6": %s}]}`, word))
		if err != nil || d.Networks[0].EnableIPv6 != want {
			t.Errorf("enable_ipv6: %s gives %v, %v", word, d, err)
		}
	}
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	members := make([]string, 50_000)
	for i := range members {
		members[i] = fmt.Sprintf(`"field%d": 1`, i)
	}
	_, _, err := graft.ParseDescriptor([]byte("{" + strings.Join(members, ",") + "}"))
	problems := problemsOf(t, err)
	last := problems[len(problems)-1]
	if len(problems) != 201 || last.Field() != "_schema" || !strings.Contains(last.Message, "more than these 200") {
		t.Errorf("%d problems, the last one %v", len(problems), last)
	}
}

func TestTooManyServices(t *testing.T) {
	t.Parallel()
	d := &graft.Descriptor{Name: "x", Services: make([]graft.Service, 101)}
	for i := range d.Services {
		d.Services[i] = graft.Service{Name: fmt.Sprintf("s%d", i), Image: "i"}
	}
	for _, check := range []func() graft.Problems{
		func() graft.Problems { problems, _ := d.Validate(); return problems },
		func() graft.Problems {
			data, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = graft.ParseDescriptor(bytes.ReplaceAll(data, []byte("null"), []byte("[]")))
			return problemsOf(t, err)
		},
	} {
		if got := check().String(); !strings.Contains(got, "At most 100") {
			t.Errorf("problems = %s", got)
		}
	}
}

func TestPlanePrefixes(t *testing.T) {
	t.Parallel()
	d := &graft.Descriptor{Name: "x", Services: []graft.Service{{Name: "s", Image: "i"}, {Name: "root_s", Image: "i"}}}
	d.SetDefaults()
	if problems, _ := d.Validate(); len(problems) != 1 || problems[0].Field() != "services.1.service_name" {
		t.Errorf("on all planes: %v", problems)
	}
	d.Planes = []graft.Plane{graft.PlaneCluster}
	if problems, _ := d.Validate(); len(problems) != 0 {
		t.Errorf("on the cluster plane: %v", problems)
	}
}

func TestDurationText(t *testing.T) {
	t.Parallel()
	var s graft.Service
	if err := json.Unmarshal([]byte(`{"stop_grace_period": "1m30s"}`), &s); err != nil || *s.StopGracePeriod != graft.Duration(90e9) {
		t.Errorf("Unmarshal: %v, %v", s.StopGracePeriod, err)
	}
	if err := json.Unmarshal([]byte(`{"stop_grace_period": "soon"}`), &s); graft.ErrorCode(err) != graft.CodeInvalid {
		t.Errorf("Unmarshal of no duration: %v; want CodeInvalid", err)
	}
}

func FuzzParseDescriptor(f *testing.F) {
	for _, dir := range []string{"good", "bad/structure", "bad/meaning"} {
		files, err := filepath.Glob(filepath.Join(descriptors, dir, "*.json"))
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds in %s: %v", dir, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(bytes.ReplaceAll(data, []byte(`"IMAGE"`), []byte(`"image"`)))
		}
	}
	f.Add([]byte(`{"name": "\ud800"}`))
	f.Add([]byte(""))
	schema := compileSchema(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, warnings, err := graft.ParseDescriptor(data)
		checkNesting(t, warnings)
		if err != nil {
			if graft.ErrorCode(err) == graft.CodeInvalid {
				checkNesting(t, problemsOf(t, err))
			} else if graft.ErrorCode(err) != graft.CodeMalformed {
				t.Fatalf("code %s: %v", graft.ErrorCode(err), err)
			}
			return
		}
		checkRoundTrip(t, d)
		if err := validateSchema(schema, data); err != nil {
			t.Fatalf("the parser takes what the schema doesn't: %v", err)
		}
	})
}

// checkRoundTrip wants a descriptor's JSON to be the same descriptor, for the
// parser and for encoding/json.
func checkRoundTrip(t *testing.T, d *graft.Descriptor) {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := graft.ParseDescriptor(data)
	if err != nil {
		t.Fatalf("parsing %s again: %v", data, err)
	}
	if diff := cmp.Diff(d, again); diff != "" {
		t.Errorf("parsed again (-first +second):\n%s", diff)
	}
	plain := new(graft.Descriptor)
	if err := json.Unmarshal(data, plain); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, plain); diff != "" {
		t.Errorf("unmarshalled (-first +second):\n%s", diff)
	}
}

// checkNesting wants paths that can be nested: none is the beginning of
// another.
func checkNesting(t *testing.T, problems graft.Problems) {
	t.Helper()
	paths := make([][]string, len(problems))
	for i, p := range problems {
		paths[i] = p.Path
		if p.Message == "" || len(p.Path) == 0 {
			t.Errorf("problem %q has no message or no path", p)
		}
	}
	slices.SortFunc(paths, slices.Compare)
	for i := 1; i < len(paths); i++ {
		a, b := paths[i-1], paths[i]
		if len(a) < len(b) && slices.Equal(a, b[:len(a)]) {
			t.Errorf("both %q and %q have problems", a, b)
		}
	}
}

func problemsOf(t *testing.T, err error) graft.Problems {
	t.Helper()
	e, ok := err.(*graft.Error) //nolint:errorlint // exactly this type is promised
	if !ok || len(e.Problems) == 0 {
		t.Fatalf("error %v has no problems", err)
	}
	return e.Problems
}
