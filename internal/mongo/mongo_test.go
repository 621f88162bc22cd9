package mongo_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/mongo"
)

func read(t *testing.T, old *mongo.Old, name string) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := old.Read(name, file); err != nil {
		t.Fatal(err)
	}
}

func TestReadsBothCollections(t *testing.T) {
	t.Parallel()
	var old mongo.Old
	read(t, &old, "marketplace.json")
	read(t, &old, "addons.json")
	var got []string
	for _, a := range old.Addons {
		got = append(got, fmt.Sprint(a.ID, " ", a.Name, " ", a.Status, " ", a.Kind, " ", a.Replaces))
	}
	for _, i := range old.Installations {
		got = append(got, fmt.Sprint(i.ID, " ", i.MarketplaceID, " ", i.Name, " ", i.Was, " ", i.Status, " ", i.Desired, " ", i.Activated, " ", i.Images, " ", i.Logs))
	}
	want := []string{
		"6b0342fd771242bc7f1c506c addon-name approved extension []",
		"6b0342fd771242bc7f1c506d min approved extension []",
		"6b0342fd771242bc7f1c5070 min approved extension []",
		"6b0342fd771242bc7f1c5079 scheduler under_review plugin [root_scheduler]",
		"6b0342fe771242bc7f1c507a noimg verification_failed extension []",
		"6b0343026fb885735d3b6b04 6b0342fd771242bc7f1c506d min active disabled disabled true map[s:registry.example/base-bb:1] ",
		"6b0343026fb885735d3b6b05 6b0342fe771242bc7f1c507a noimg failed disabled disabled false map[s:registry.example/base-none:1] s | no such image",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	moon := old.Addons[3]
	if moon.Services[0].Command != "moon --phase 'full moon'" || moon.Services[0].Environment["MONGO_URL"] != "mongo" ||
		moon.Networks[0].Name != "side" || moon.Description == "" {
		t.Errorf("it is %+v", moon)
	}
	if at := time.Date(2026, 11, 22, 12, 19, 57, 0, time.UTC); moon.CreatedAt.Sub(at).Abs() > 7*24*time.Hour {
		t.Errorf("it was made at %s", moon.CreatedAt)
	}
	if len(old.Addons[0].Warnings) == 0 {
		t.Error("the driver of its volume is not warned of")
	}
}

// However mongoexport was told to write.
func TestForms(t *testing.T) {
	t.Parallel()
	const document = `{"_id": {"$oid": "6B0342FD771242BC7F1C506D"}, "name": "a", "status": "approved",
		"services": [{"service_name": "s", "image": "x", "cpus": {"$numberDouble": "0.5"}, "mem_limit": {"$numberLong": "6291456"}, "command": null}]}`
	for name, data := range map[string]string{
		"pretty": document, "one line": strings.ReplaceAll(document, "\n", " "), "array": "[" + document + "]",
		"pretty array": "[\n  " + document + "\n]\n", "byte order mark": "\xef\xbb\xbf" + document, "CRLF": strings.ReplaceAll(document, "\n", "\r\n"),
	} {
		var old mongo.Old
		if err := old.Read(name, strings.NewReader(data)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a := old.Addons[0]; len(old.Addons) != 1 || a.ID != "6b0342fd771242bc7f1c506d" || a.Services[0].CPUs != 0.5 || a.Services[0].MemLimit != 6<<20 {
			t.Errorf("%s: %+v", name, old.Addons)
		}
	}
	for _, empty := range []string{"", "\n", "[]", "[\n]\n"} {
		var old mongo.Old
		if err := old.Read("empty", strings.NewReader(empty)); err != nil || len(old.Addons) != 0 {
			t.Errorf("%q: %+v, %v", empty, old, err)
		}
	}
}

func TestBrokenDocumentsAreToldWithTheirLines(t *testing.T) {
	t.Parallel()
	const good = `{"_id":{"$oid":"6b0342fd771242bc7f1c506d"},"name":"a","status":"approved","services":[{"service_name":"s","image":"x"}]}`
	other := func(from, to string) string {
		return strings.Replace(strings.Replace(good, "506d", "506e", 1), from, to, 1)
	}
	for name, c := range map[string]struct {
		lines []string
		want  []string
	}{
		"no JSON":        {[]string{good, `{"_id": }`}, []string{"f.json, line 2", "mongoexport", "invalid character"}},
		"cut off":        {[]string{good, `{"_id":{"$oid":"6b0342fd`}, []string{"f.json, line 2", "ends in the middle"}},
		"array cut off":  {[]string{"[" + good + ","}, []string{"ends in the middle"}},
		"no document":    {[]string{good, `7`}, []string{"line 2", "no document"}},
		"bad id":         {[]string{good, other("6b0342", "x")}, []string{"line 2", "_id"}},
		"no id":          {[]string{good, `{"name":"b"}`}, []string{"line 2", "_id"}},
		"other status":   {[]string{good, other("approved", "installing")}, []string{"line 2", `status is "installing"`}},
		"no services":    {[]string{good, other(`[{"service_name":"s","image":"x"}]`, "[]")}, []string{"line 2", "at least one service"}},
		"bad name":       {[]string{good, other(`"name":"a"`, `"name":""`)}, []string{"line 2", "name"}},
		"bad image":      {[]string{good, other(`"image":"x"`, `"image":"X Y"`)}, []string{"line 2", "services.0.image"}},
		"unknown field":  {[]string{good, other(`"name"`, `"wheels":4,"name"`)}, []string{"line 2", "wheels"}},
		"binary":         {[]string{good, other(`"name":"a"`, `"name":{"$binary":"AA=="}`)}, []string{"line 2", "$binary"}},
		"same id twice":  {[]string{good, good}, []string{"line 2", "is in f.json, line 1, too"}},
		"two are broken": {[]string{other("approved", "x"), good, strings.Replace(other("approved", "y"), "506e", "506f", 1)}, []string{"line 1", "line 3"}},
		"UTF-16":         {[]string{"\xff\xfe{\x00"}, []string{"f.json: ", "UTF-16"}},
		"all are broken": {[]string{
			other(`"name":"a"`, `"name":{"$binary":"AA=="}`), `7`, other("approved", "x"), "{",
		}, []string{"line 1: it is not what mongoexport writes", "line 2: it is not", "line 3: status", "line 4: it is not what mongoexport writes: it ends"}},
		"installed twice": {[]string{
			strings.Replace(other("approved", "active"), `"name"`, `"marketplace_id":"6b0342fd771242bc7f1c5070","name"`, 1),
			strings.Replace(strings.Replace(good, "approved", "active", 1), `"name"`, `"marketplace_id":"6b0342fd771242bc7f1c5070","name"`, 1),
		}, []string{"line 2", "is installed in f.json, line 1, too"}},
	} {
		var old mongo.Old
		err := old.Read("f.json", strings.NewReader(strings.Join(c.lines, "\n")))
		if graft.ErrorCode(err) != graft.CodeInvalid {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(graft.ErrorMessage(err), want) {
				t.Errorf("%s: %q does not mention %q", name, graft.ErrorMessage(err), want)
			}
		}
		if strings.Count(err.Error(), "invalid character") > 1 {
			t.Errorf("%s: it is told twice: %v", name, err)
		}
	}
}
