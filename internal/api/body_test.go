package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
)

func TestBodies(t *testing.T) {
	t.Parallel()
	const addons = "/api/v1/addons"
	const addon = addons + "/" + someID
	const missing = `{"marketplace_id":["Missing data for required field."]}`
	for _, c := range []struct {
		name, method, path, kind, body string
		status                         int
		errors                         string // those of the body, as JSON
	}{
		{"install", "POST", addons, "application/json", `{"marketplace_id":"` + someID + `"}`, 201, ""},
		{"charset", "POST", addons, "application/json; charset=utf-8", `{"marketplace_id":"` + someID + `"}`, 201, ""},
		{"vendor", "POST", addons, "application/vnd.api+json", `{"marketplace_id":"` + someID + `"}`, 201, ""},
		{"bad parameter", "POST", addons, "application/json; charset", `{"marketplace_id":"` + someID + `"}`, 201, ""},
		{"empty", "POST", addons, "", "", 422, missing},
		{"empty json", "POST", addons, "application/json", "", 422, missing},
		{"form", "POST", addons, "application/x-www-form-urlencoded", "a=b", 422, missing},
		{"text", "POST", addons, "text/plain", `{"marketplace_id":"` + someID + `"}`, 422, missing},
		{"no type", "POST", addons, "", `{"marketplace_id":"` + someID + `"}`, 422, missing},
		{"object", "POST", addons, "application/json", "{}", 422, missing},
		{"null", "POST", addons, "application/json", `{"marketplace_id":null}`, 422, `{"marketplace_id":["Field may not be null."]}`},
		{"number", "POST", addons, "application/json", `{"marketplace_id":7}`, 422, `{"marketplace_id":["Not a valid string."]}`},
		{"unknown", "POST", addons, "application/json", `{"marketplace_id":"x","foo":1,"_id":2}`, 422, `{"foo":["Unknown field."],"_id":["Unknown field."]}`},
		{"twice", "POST", addons, "application/json", `{"marketplace_id":"x","marketplace_id":"y"}`, 422, `{"marketplace_id":["Duplicate field."]}`},
		{"list", "POST", addons, "application/json", `[]`, 422, `{"_schema":["Invalid input type."]}`},
		{"null body", "POST", addons, "application/json", `null`, 422, `{"_schema":["Invalid input type."]}`},
		{"malformed", "POST", addons, "application/json", `{`, 400, `["Invalid JSON body."]`},
		{"trailing", "POST", addons, "application/json", `{} {}`, 400, `["Invalid JSON body."]`},
		{"no id", "POST", addons, "application/json", `{"marketplace_id":"abc"}`, 404, ""},
		{"dry run", "POST", addons + "?dry_run=true", "application/json", `{"marketplace_id":"` + someID + `"}`, 200, ""},
		{"plan", "POST", addons, "application/json", `{"marketplace_id":"` + someID + `","supersede":true,"plan":"` + somePlan + `"}`, 201, ""},
		{"plan alone", "POST", addons, "application/json", `{"plan":"` + somePlan + `"}`, 422, missing},
		{"no hash", "POST", addons, "application/json", `{"marketplace_id":"x","plan":"sha256:77"}`, 422, `{"plan":["Not the hash of a plan: sha256: and 64 hex digits."]}`},
		{"null plan", "POST", addons, "application/json", `{"marketplace_id":"x","plan":null}`, 422, `{"plan":["Field may not be null."]}`},
		{"supersede", "POST", addons, "application/json", `{"marketplace_id":"x","supersede":"yes"}`, 422, `{"supersede":["Not a valid boolean."]}`},
		{"null supersede", "POST", addons, "application/json", `{"marketplace_id":"x","supersede":null}`, 422, `{"supersede":["Field may not be null."]}`},
		{"disable", "PATCH", addon, "application/json", `{"status":"disabling"}`, 200, ""},
		{"enable", "PATCH", addon, "application/json", `{"status":"installing"}`, 200, ""},
		{"other status", "PATCH", addon, "application/json", `{"status":"disabled"}`, 422, `{"status":["Must be one of: installing, disabling."]}`},
		{"upgrade", "PATCH", addon, "application/json", `{"marketplace_id":"` + someID + `","consent":["docker_socket"]}`, 200, ""},
		{"upgrade plan", "PATCH", addon + "?dry_run=true", "application/json", `{"marketplace_id":"` + someID + `"}`, 200, ""},
		{"plan of a status", "PATCH", addon + "?dry_run=true", "application/json", `{"status":"disabling"}`, 422, `{"marketplace_id":["Missing data for required field."],"status":["Unknown field."]}`},
		{"both", "PATCH", addon, "application/json", `{"marketplace_id":"` + someID + `","status":"disabling"}`, 422, `{"status":["Unknown field."]}`},
		{"overwrite", "PATCH", addon, "application/json", `{"status":"disabling","name":"x"}`, 422, `{"name":["Unknown field."]}`},
		{"no status", "PATCH", addon, "", "", 422, `{"status":["Missing data for required field."]}`},
		{"bad id", "PATCH", addons + "/abc", "application/json", `{"status":"active"}`, 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, engine := newFakes()
			w := ask(t, NewEngine(engine, Options{}), c.method, c.path, c.body, "Content-Type", c.kind)
			if w.Code != c.status {
				t.Fatalf("%d %s, want %d", w.Code, w.Body, c.status)
			}
			if c.status < 300 {
				return
			}
			body := errorOf(t, w)
			if c.errors == "" {
				return
			}
			var want any
			if err := json.Unmarshal([]byte(c.errors), &want); err != nil {
				t.Fatal(err)
			}
			if got := body["errors"].(map[string]any)["json"]; !reflect.DeepEqual(got, want) {
				t.Errorf("errors.json is %v, want %v", got, want)
			}
			if _, told := body["message"]; told != (c.status == 400 || c.body != "" && !isJSON(c.kind)) {
				t.Errorf("message is %v", body["message"])
			}
		})
	}
}

// somePlan is what the hash of a plan looks like.
var somePlan = "sha256:" + strings.Repeat("7a", 32)

// What somebody wants installed, or upgraded, reaches the engine, dry run or not.
func TestInstallRequest(t *testing.T) {
	t.Parallel()
	want := graft.InstallRequest{
		MarketplaceID: someID, Supersede: true, Plan: somePlan, Consent: []string{"docker_socket", "host_path:/srv"}, By: "anonymous",
	}
	for _, where := range []string{
		"POST /api/v1/addons", "POST /api/v1/addons?dry_run=true",
		"PATCH /api/v1/addons/" + someID, "PATCH /api/v1/addons/" + someID + "?dry_run=true",
	} {
		_, engine := newFakes()
		method, path, _ := strings.Cut(where, " ")
		body := `{"marketplace_id":"` + strings.ToUpper(someID) + `","supersede":true,"plan":"` + somePlan + `",
			"consent":["docker_socket","host_path:/srv"]}`
		ask(t, NewEngine(engine, Options{}), method, path, body)
		if diff := cmp.Diff(want, engine.asked); diff != "" {
			t.Errorf("%s: the engine was asked for something else (-want +got):\n%s", where, diff)
		}
	}
}

func TestStalePlanIsAConflict(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	engine.err = graft.Errorf(graft.CodeConflict, "The plan is another one.")
	w := ask(t, NewEngine(engine, Options{}), "POST", "/api/v1/addons", `{"marketplace_id":"`+someID+`","plan":"`+somePlan+`"}`)
	body := errorOf(t, w)
	if w.Code != 409 || body["error_code"] != "conflict" || body["message"] != "The plan is another one." {
		t.Errorf("%d %v", w.Code, body)
	}
}

func TestChangeSetsDesired(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]graft.DesiredState{"disabling": graft.DesiredDisabled, "installing": graft.DesiredEnabled} {
		_, engine := newFakes()
		ask(t, NewEngine(engine, Options{}), "PATCH", "/api/v1/addons/"+someID, `{"status":"`+status+`"}`)
		if engine.desired != want {
			t.Errorf("%s: desired is %q", status, engine.desired)
		}
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	h := NewEngine(engine, Options{})
	if w := ask(t, h, "DELETE", "/api/v1/addons/"+someID, ""); w.Code != 200 || !strings.Contains(w.Body.String(), someID) {
		t.Errorf("not disabled: %d %s", w.Code, w.Body)
	}
	engine.removed = true
	if w := ask(t, h, "DELETE", "/api/v1/addons/"+someID, ""); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("disabled: %d %s", w.Code, w.Body)
	}
}

// Data is kept only if that is asked for, and removed only if nothing else is meant.
func TestDeleteKeepingData(t *testing.T) {
	t.Parallel()
	for query, kept := range map[string]bool{"": false, "?keep_data=false": false, "?keep_data=": false, "?keep_data=true": true, "?keep_data=1": true} {
		_, engine := newFakes()
		engine.removed = true
		h := NewEngine(engine, Options{})
		if w := ask(t, h, "DELETE", "/api/v1/addons/"+someID+query, ""); w.Code != 204 || engine.kept != kept || engine.whole {
			t.Errorf("%q: %d, kept %v, of one wish %v", query, w.Code, engine.kept, engine.whole)
		}
	}
	_, engine := newFakes()
	engine.err = graft.Errorf(graft.CodeInternal, "it was called")
	h := NewEngine(engine, Options{})
	for _, wrong := range []struct{ method, path string }{
		{"DELETE", "?keep_data=yes"}, {"DELETE", "?uninstall=yes"}, {"GET", "/plan?uninstall=yes"}, {"GET", "/plan?keep_data=true"},
	} {
		if w := ask(t, h, wrong.method, "/api/v1/addons/"+someID+wrong.path, ""); w.Code != 422 {
			t.Errorf("%v: %d %s", wrong, w.Code, w.Body)
		}
	}
}

func TestUninstallIsOneWish(t *testing.T) {
	t.Parallel()
	for query, kept := range map[string]bool{"?uninstall=true": false, "?uninstall=true&keep_data=true": true} {
		_, engine := newFakes()
		h := NewEngine(engine, Options{})
		if w := ask(t, h, "DELETE", "/api/v1/addons/"+someID+query, ""); w.Code != 200 || !engine.whole || engine.kept != kept {
			t.Errorf("%q: %d, of one wish %v, kept %v", query, w.Code, engine.whole, engine.kept)
		}
	}
}

func TestPlanOfARemoval(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	h := NewEngine(engine, Options{})
	for query, kept := range map[string]bool{"?uninstall=true": false, "?uninstall=true&keep_data=true": true} {
		w := ask(t, h, "GET", "/api/v1/addons/"+someID+"/plan"+query, "")
		if w.Code != 200 || engine.kept != kept || !strings.Contains(w.Body.String(), `{"name":"root_a_data","fate":"kept"}`) {
			t.Errorf("%q: %d %s, kept %v", query, w.Code, w.Body, engine.kept)
		}
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	for name, h := range both(market, engine, Options{}) {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		path := map[string]string{"marketplace": "/api/v1/marketplace/addons", "engine": "/api/v1/addons"}[name]
		for _, known := range []bool{true, false} {
			body := strings.NewReader(`{"name":"` + strings.Repeat("x", maxBody) + `"}`)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			if !known {
				r.ContentLength = -1
			}
			response, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("%s, length known %t: %d", name, known, response.StatusCode)
			}
		}
	}
}

// deadlines remembers the read deadline that a handler set last.
type deadlines struct {
	*httptest.ResponseRecorder
	read time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error { d.read = at; return nil }

// The server reads what a handler left of a body before it answers; a deadline
// has to be there as long as something is left.
func TestBodyDeadline(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body    io.Reader
		status  int
		message string
	}{
		"all there": {strings.NewReader(`{"status":"disabling"}`), 200, ""},
		"too slow":  {io.MultiReader(strings.NewReader("{"), iotest.ErrReader(os.ErrDeadlineExceeded)), 400, "did not arrive within 30s"},
		"too large": {strings.NewReader(strings.Repeat(" ", maxBody+1)), 413, "1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, engine := newFakes()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPatch, "/api/v1/addons/"+someID, c.body)
			r.Header.Set("Content-Type", "application/json")
			r.ContentLength = -1
			w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			NewEngine(engine, Options{}).ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.message) {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, c.status, c.message)
			}
			if bounded := !w.read.IsZero(); bounded != (c.status != 200) {
				t.Errorf("the deadline is %s", w.read)
			}
		})
	}
}

func TestNest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		problems graft.Problems
		want     string
	}{
		{graft.Problems{{Message: "all"}}, `["all"]`},
		{graft.Problems{{Path: []string{"a"}, Message: "x"}, {Path: []string{"a"}, Message: "y"}}, `{"a":["x","y"]}`},
		{graft.Problems{{Path: []string{"s", "0", "p", "80", "value"}, Message: "x"}}, `{"s":{"0":{"p":{"80":{"value":["x"]}}}}}`},
		{graft.Problems{{Path: []string{"s"}, Message: "x"}, {Path: []string{"s", "0"}, Message: "y"}}, `{"s":{"0":["y"],"_schema":["x"]}}`},
		{graft.Problems{{Path: []string{"s", "0"}, Message: "y"}, {Path: []string{"s"}, Message: "x"}}, `{"s":{"0":["y"],"_schema":["x"]}}`},
	} {
		got, err := json.Marshal(nest(c.problems))
		if err != nil || string(got) != c.want {
			t.Errorf("%v: %s %v, want %s", c.problems, got, err, c.want)
		}
	}
}

// A reviewer says what he saw; what is no revision is refused.
func TestReviewsSayWhatWasSeen(t *testing.T) {
	t.Parallel()
	market, _ := newFakes()
	h := NewMarketplace(market, Options{})
	for _, verb := range []string{"approve", "reject"} {
		path := "/api/v1/marketplace/addons/" + someID + "/" + verb
		for body, want := range map[string]graft.ReviewRequest{
			`{"reason":"r","revision":7}`: {Reason: "r", Revision: 7}, `{"reason":"r"}`: {Reason: "r"}, `{"revision":1}`: {Revision: 1}, `{}`: {},
		} {
			if w := ask(t, h, "POST", path, body); w.Code != 200 || market.review != want {
				t.Errorf("%s %s: %d, %+v", verb, body, w.Code, market.review)
			}
		}
		for _, body := range []string{`{"revision":0}`, `{"revision":-1}`, `{"revision":"7"}`, `{"revision":1.5}`, `{"revision":null}`, `{"message":"m"}`, `{"reason":"` + strings.Repeat("x", maxText+1) + `"}`} {
			if w := ask(t, h, "POST", path, body); w.Code != 422 {
				t.Errorf("%s %.40s: %d", verb, body, w.Code)
			}
		}
	}
}
