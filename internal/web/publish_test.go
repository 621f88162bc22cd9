package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
)

func TestPublishWantsAPublisher(t *testing.T) {
	t.Parallel()
	r := newReader(t, false)
	if page := r.get("/publish?example=hello"); !strings.HasPrefix(page.path, "/sign-in?to=%2Fpublish%3Fexample%3Dhello") {
		t.Errorf("at %s", page.path)
	}
	// What was typed before a session ended is still there.
	page := r.press(url.Values{"tab": {"json"}, "json": {`{"name":"typed"}`}}, "publish")
	if page.status != http.StatusUnauthorized || !strings.Contains(page.body, "not signed in any more") || filled(t, page.body).Get("json") != `{"name":"typed"}` {
		t.Errorf("%d %s", page.status, page.body)
	}
	if part := r.postPart("/publish/check", url.Values{"tab": {"json"}, "json": {"{}"}}); part.status != http.StatusNoContent {
		t.Errorf("%d %v", part.status, part.header)
	}
	if len(r.shop.posted) > 0 {
		t.Errorf("posted: %q", r.shop.posted)
	}
}

func TestPublishByForm(t *testing.T) {
	t.Parallel()
	r := newReader(t, true)
	page := r.get("/publish")
	if !strings.Contains(page.body, "Add New Addon") || strings.Contains(page.body, `class="bad"`) {
		t.Fatalf("%s", page.body)
	}
	form := filled(t, page.body)
	form.Set("name", "hello")
	form.Set("services.0.service_name", "web")
	form.Set("services.0.image", "127.0.0.1:5000/hello:1")
	page = r.press(form, "add:services.0.ports")
	if _, focused := attribute(element(t, page.body, "services.0.ports.0.key"), "autofocus"); !focused {
		t.Errorf("the new row has no focus: %s", page.body)
	}
	form = filled(t, page.body)
	form.Set("services.0.ports.0.key", "80")
	form.Set("services.0.ports.0.value", "8080")
	form.Set("planes", "root")
	page = r.press(form, "publish")
	if page.path != "/publish/"+publishedID+"/progress" || !strings.Contains(page.body, "Being verified") {
		t.Fatalf("at %s: %s", page.path, page.body)
	}
	var got bytes.Buffer
	if err := json.Compact(&got, []byte(r.shop.posted[0])); err != nil {
		t.Fatal(err)
	}
	want := `{"name":"hello","planes":["root"],"services":[{"service_name":"web","image":"127.0.0.1:5000/hello:1","ports":{"80":"8080"}}]}`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

// Whatever a descriptor has, switching between the tabs changes nothing.
func TestTabsLoseNothing(t *testing.T) {
	t.Parallel()
	r := newReader(t, true)
	const odd = `{
  "x": 1.50,
  "name": "<script>alert('x')</script>",
  "readme": "\nfirst\r\nsecond\u0000",
  "services": [
    {
      "image": "a&b",
      "ports": {
        "80": 8080,
        "\"81\"": "x"
      },
      "command": [
        "a"
      ],
      "depends_on": [
        "y"
      ],
      "volumes": [
        "a:/b:ro",
        "::"
      ],
      "environment": {
        "KEY": "-----\nline\n"
      },
      "read_only": true,
      "restart": "sometimes"
    }
  ],
  "networks": [
    {
      "name": "n",
      "enable_ipv6": "yes"
    }
  ],
  "name": 2
}`
	sources := []string{odd}
	files, err := filepath.Glob("../../testdata/descriptors/good/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, string(data))
	}
	for _, source := range sources {
		page := r.press(url.Values{"tab": {"json"}, "json": {source}}, "tab:form")
		if strings.Contains(page.body, "<script>alert") || page.status != http.StatusOK {
			t.Fatalf("%d %s", page.status, page.body)
		}
		form := filled(t, page.body)
		if form.Get("tab") != "form" {
			t.Fatalf("%s: %s", source, page.body)
		}
		page = r.press(form, "tab:json")
		got := strings.ReplaceAll(filled(t, page.body).Get("json"), "\r\n", "\n")
		var want, is bytes.Buffer
		if err := json.Indent(&want, []byte(source), "", "  "); err != nil {
			t.Fatal(err)
		}
		is.WriteString(got)
		if diff := cmp.Diff(want.String(), is.String()); diff != "" {
			// encoding/json keeps empty objects as they are written.
			var compactWant, compactIs bytes.Buffer
			if json.Compact(&compactWant, want.Bytes()) != nil || json.Compact(&compactIs, is.Bytes()) != nil || compactWant.String() != compactIs.String() {
				t.Error(diff)
			}
		}
	}
}

// Every problem is named by the control that it is about, and every control that
// is described is described by something that is there.
func TestPublishNamesItsProblems(t *testing.T) {
	t.Parallel()
	r := newReader(t, true)
	page := r.press(url.Values{"tab": {"json"}, "json": {`{"name":"a","services":[{"service_name":"s","image":"UPPER","ports":{"80":"x"}}]}`}}, "tab:form")
	ids := map[string]int{}
	for _, n := range parsed(t, page.body) {
		if id, has := attribute(n, "id"); has {
			ids[id]++
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%d elements are %s", n, id)
		}
	}
	for _, n := range parsed(t, page.body) {
		for _, name := range []string{"aria-describedby", "for", "aria-labelledby", "list"} {
			value, _ := attribute(n, name)
			for id := range strings.FieldsSeq(value) {
				if ids[id] == 0 {
					t.Errorf("%s of a %s is %s, which is nowhere", name, n.Data, id)
				}
			}
		}
		if href, _ := attribute(n, "href"); strings.HasPrefix(href, "#") && ids[href[1:]] == 0 {
			t.Errorf("a link leads to %s", href)
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("a %s has %s", n.Data, a.Key)
			}
		}
	}
	for _, id := range []string{"services.0.image", "services.0.ports.0.value"} {
		if invalid, _ := attribute(element(t, page.body, id), "aria-invalid"); invalid != "true" {
			t.Errorf("%s is not marked", id)
		}
	}
	if invalid, _ := attribute(element(t, page.body, "services.0.ports.0.key"), "aria-invalid"); invalid != "" {
		t.Error("the key is marked")
	}
	if got := text(element(t, page.body, "services.0.ports.0-messages")); !strings.Contains(got, "is not a host port") {
		t.Errorf("beside the port is %q", got)
	}
}

func TestCheckWhileTyping(t *testing.T) {
	t.Parallel()
	r := newReader(t, true)
	form := filled(t, r.get("/publish?example=plugin").body)
	part := r.postPart("/publish/check", form)
	for _, want := range []string{"Plugin: replaces cluster_scheduler", "Medium-risk rights", "Nothing is wrong"} {
		if !strings.Contains(part.body, want) {
			t.Errorf("the part lacks %q: %s", want, part.body)
		}
	}
	if strings.Contains(part.body, "<input") || strings.Contains(part.body, "<html") {
		t.Errorf("more than the messages is sent: %s", part.body)
	}
	form.Set("version", "one")
	form.Set("services.0.image", "")
	part = r.postPart("/publish/check", form)
	for _, want := range []string{`data-beside="version"`, `data-input="services.0.image"`, "2 problems."} {
		if !strings.Contains(part.body, want) {
			t.Errorf("the part lacks %q: %s", want, part.body)
		}
	}
	part = r.postPart("/publish/check", url.Values{"tab": {"json"}, "json": {"{\n  \"name\": x}"}})
	list := element(t, part.body, "findings-list")
	if marks, _ := attribute(list, "data-marks"); !strings.Contains(marks, `"line":2,"column":11`) || !strings.Contains(text(list), "Line 2, column 11:") {
		t.Errorf("%s", part.body)
	}
}

func TestButtonsInPlace(t *testing.T) {
	t.Parallel()
	r := newReader(t, true)
	form := filled(t, r.get("/publish?example=hello").body)
	form.Set("do", "add:services")
	part := r.postPart("/publish", form)
	if strings.Contains(part.body, "<html") || !strings.Contains(part.body, `id="services.1.image"`) {
		t.Fatalf("%s", part.body)
	}
	form = filled(t, part.body)
	form.Set("do", "publish")
	r.shop.refusal, r.shop.status = "", 0
	if part = r.postPart("/publish", form); part.header.Get("HX-Redirect") != "/publish/"+publishedID+"/progress" {
		t.Errorf("%v %s", part.header, part.body)
	}
	if page := r.press(form, "add:nonsense"); page.status != http.StatusOK || !strings.Contains(page.body, "load the page again") {
		t.Errorf("%d %s", page.status, page.body)
	}
	page := r.press(url.Values{"tab": {"json"}, "json": {"{"}}, "tab:form")
	if !strings.Contains(page.body, "mend it here first") || filled(t, page.body).Get("json") != "{" {
		t.Errorf("%s", page.body)
	}
}

// What the marketplace refuses is shown where it is, and stays as it was typed.
func TestRefusedDraft(t *testing.T) {
	t.Parallel()
	r := newReader(t, true)
	form := filled(t, r.get("/publish?example=hello").body)
	form.Set("description", "typed <here>")
	for _, c := range []struct {
		status        int
		refusal, want string
		beside        string
	}{
		{422, `{"status":"Unprocessable Entity","error_code":"invalid","problems":[{"path":["services","0","image"],"message":"this registry is not allowed"}]}`, "this registry is not allowed", "services.0.image-messages"},
		{409, `{"status":"Conflict","error_code":"exists","message":"hello 1.0.0 is there already"}`, "hello 1.0.0 is there already", "refused"},
		{403, `{"status":"Forbidden","error_code":"forbidden","message":"the name is bob's"}`, "the name is bob", "refused"},
		{401, `{"status":"Unauthorized","error_code":"unauthorized","message":"revoked"}`, "Sign in in another tab", "refused"},
		{503, `{"status":"Service Unavailable","error_code":"unavailable","message":"it is full"}`, "it is full", "refused"},
	} {
		r.shop.refusal, r.shop.status = c.refusal, c.status
		page := r.press(form, "publish")
		if page.status < 400 || page.path != "/publish" {
			t.Errorf("%d at %s", page.status, page.path)
		}
		if got := text(element(t, page.body, c.beside)); !strings.Contains(got, c.want) {
			t.Errorf("%s is %q", c.beside, got)
		}
		if _, focused := attribute(element(t, page.body, "refused"), "autofocus"); !focused {
			t.Error("the reason has no focus")
		}
		again := filled(t, page.body)
		again.Del("json")
		want := url.Values{}
		for name, values := range form {
			if name != "json" && name != "do" {
				want[name] = values
			}
		}
		if diff := cmp.Diff(want, again); diff != "" {
			t.Error(diff)
		}
	}
}

func TestBeginWithAFile(t *testing.T) {
	t.Parallel()
	r := newReader(t, true)
	open := func(name, content string) seen {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		_ = w.WriteField("text", "")
		if name != "" {
			part, err := w.CreateFormFile("file", name)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(part, content)
		}
		w.Close()
		return r.send("POST", "/publish/file", w.FormDataContentType(), &body, false)
	}
	if form := filled(t, open("addon.json", "\ufeff"+`{"name":"hello","services":[{"ports":{"1":"8088"}}]}`).body); form.Get("name") != "hello" || form.Get("tab") != "form" || form.Get("services.0.ports.0.value") != "8088" {
		t.Errorf("%v", form)
	}
	if form := filled(t, open("addon.json", `{"name": "a",`).body); form.Get("tab") != "json" || form.Get("json") != `{"name": "a",` {
		t.Errorf("%v", form)
	}
	for want, page := range map[string]seen{
		"Choose a file":        open("", ""),
		"with a descriptor in": open("empty.json", " "),
		"not text":             open("image.png", "\x89PNG\x00"),
		"larger than":          open("big.json", strings.Repeat(" ", 1<<20+1)),
	} {
		if page.status < 400 || !strings.Contains(page.body, want) || filled(t, page.body).Get("tab") != "form" {
			t.Errorf("%s: %d %s", want, page.status, page.body)
		}
	}
}

func TestBeginWithAnAddon(t *testing.T) {
	t.Parallel()
	r := newReader(t, true)
	form := filled(t, r.get("/publish?from="+publishedID).body)
	if form.Get("name") != "hello" || form.Get("version") != "" || strings.Contains(form.Get("json"), "[]") || strings.Contains(form.Get("json"), "ann") || strings.Contains(form.Get("json"), publishedID) {
		t.Errorf("%v", form)
	}
	if page := r.get("/publish?from=nonsense"); page.status != http.StatusNotFound {
		t.Errorf("%d", page.status)
	}
}

func TestProgressGoesOn(t *testing.T) {
	t.Parallel()
	r := newReader(t, true)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.base+"/publish/"+publishedID+"/progress/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := r.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	go func() {
		waits := r.shop.addon
		waits.Revision, waits.Verification = 2, &graft.Verification{WaitsForReview: true}
		r.shop.changed <- waits
		failed := waits
		failed.Revision, failed.Status = 3, graft.AddonVerificationFailed
		failed.Verification = &graft.Verification{Checks: []graft.Check{{Name: graft.CheckImages, Status: graft.CheckFailed, Messages: []string{"no such <tag>"}, Mend: "push it"}}}
		r.shop.changed <- failed
	}()
	stream, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	rest := string(stream)
	for _, want := range []string{"Being verified", "a reviewer has to decide", "Verification failed", "/publish?from=" + publishedID, "Edit and publish again", "no such &lt;tag&gt;", "push it", "event: done"} {
		var found bool
		if _, rest, found = strings.Cut(rest, want); !found {
			t.Fatalf("%q does not come, or not in its place, in %s", want, stream)
		}
	}
	r.shop.mu.Lock()
	r.shop.addon.Status = graft.AddonApproved
	r.shop.mu.Unlock()
	page := r.get("/publish/" + publishedID + "/progress")
	if !strings.Contains(page.body, `href="/addons/`+publishedID+`"`) || strings.Contains(page.body, "hx-sse:connect") {
		t.Errorf("%s", page.body)
	}
}
