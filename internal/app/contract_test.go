package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/app"
	"github.com/graftplatform/graft/internal/driver/fake"
)

// exchange is a recorded one; see README.md beside the recording.
type exchange struct {
	N       string `json:"n"`
	Case    string `json:"case"`
	Server  string `json:"server"`
	Request struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Headers map[string]string `json:"headers"`
		Body    *string           `json:"body"`
	} `json:"request"`
	Answer struct {
		Status      int             `json:"status"`
		ContentType string          `json:"content_type"`
		Body        json.RawMessage `json:"body"`
	} `json:"old_answer"`
}

// deviation is where Graft answers otherwise than the old system, because
// CONTRACT.md orders it. Fields that the answer has beyond body do not matter.
type deviation struct {
	status int
	body   string // JSON
	reason string
}

func deviations() map[string]deviation {
	const notFound = `{"code":404,"status":"Not Found","message":"Addon not found"}`
	invalid := func(errors string) string {
		return `{"code":422,"status":"Unprocessable Entity","errors":{"json":` + errors + `}}`
	}
	const badID = "a malformed id is the id of nothing; the old system broke on it"
	const onlyStatus = "PATCH changes the desired state and nothing else"
	return map[string]deviation{
		"mp-post-empty-services": {422, invalid(`{"services":["An addon needs at least one service."]}`),
			"an addon without services stayed under_review for ever"},
		"mp-post-unknown-field-nested": {201, `{"name":"x","status":"under_review","services":[{"service_name":"s","privileged":true}]}`,
			"privileged is one of the optional fields that Graft adds"},
		"mp-post-_id-supplied-again": {422, invalid(`{"_id":["Unknown field."]}`), "_id in a request is an unknown field; the old system broke on it"},
		"mp-post-name-empty":         {422, `{"errors":{"json":{}}}`, "names are checked as Docker will check them"},
		"mp-post-ports-garbage-accepted": {422, `{"errors":{"json":{"services":{}}}}`,
			"ports are checked"},
		"mp-post-invalid-utf8-like": {400, `{"code":400,"status":"Bad Request","errors":{"json":["Invalid JSON body."]}}`,
			"half of a surrogate pair is no text; the old system broke on it"},
		"mp-post-image-bad-reference": {422, `{"errors":{"json":{"services":{}}}}`, "image references are checked"},
		"mp-list": {200, `[{"_id":"6b0342fd771242bc7f1c506c","name":"addon-name"},{"_id":"6b0342fd771242bc7f1c506d","name":"min"},
			{"_id":"6b0342fd771242bc7f1c506e","name":"ts"},{"_id":"6b0342fd771242bc7f1c506f","name":"full"},
			{"_id":"6b0342fd771242bc7f1c5070","name":"min"},{"name":"x"},
			{"_id":"6b0342fe771242bc7f1c5075","name":"ipv6yes"},{"_id":"6b0342fe771242bc7f1c5079","name":"vj"}]`,
			"garbage-ports and badname were not accepted, x was (see above), vj is verified by now"},
		"mp-list-double-slash": {404, `{"code":404,"status":"Not Found"}`, "no path is answered with a redirect"},
		"mp-get-badid":         {404, notFound, badID},
		"mp-delete-badid":      {404, notFound, badID},
		"am-get-badid":         {404, notFound, badID},
		"am-patch-badid":       {404, notFound, badID},
		"am-delete-badid":      {404, notFound, badID},
		"am-post-not-in-marketplace": {404, `{"code":404,"status":"Not Found"}`,
			"no such addon is 404; the old system broke on it"},
		"am-post-install-verification-failed": {409, `{"code":409,"status":"Conflict"}`, "what is not approved is not installed"},
		"am-list-filter": {200, `[{"_id":"6b0343026fb885735d3b6b04","name":"min","status":"installing"},
			{"_id":"6b0343026fb885735d3b6b06","name":"addon-name","status":"installing"}]`, "what is not approved is not installed"},
		"am-patch-bad-status": {422, invalid(`{"status":["Must be one of: installing, disabling."]}`), onlyStatus},
		"am-patch-overwrite-services": {422, invalid(`{"services":["Unknown field."],"name":["Unknown field."],
			"status":["Must be one of: installing, disabling."]}`), onlyStatus},
		"am-patch-back-to-installing": {422, invalid(`{"services":["Unknown field."],"name":["Unknown field."]}`), onlyStatus},
		"am-delete-installing": {200, `{"_id":"6b0343026fb885735d3b6b04","name":"min","description":"","volumes":[],"networks":[],"status":"disabling",
			"services":[{"environment":{},"image":"127.0.0.1:5056/base-bb:1","labels":{},"networks":[],"ports":{},"service_name":"s","volumes":[]}]}`,
			"the old answer has what the PATCH requests before it overwrote"},
		"am-patch-to-disabled": {422, invalid(`{"status":["Must be one of: installing, disabling."]}`), onlyStatus},
		"am-cleanup-patch":     {422, invalid(`{"status":["Must be one of: installing, disabling."]}`), onlyStatus},
	}
}

// The recording leaves out some requests that later ones build on. They come
// before the exchange of that number; the second column is the id that the
// recording knows the addon by.
func missing() map[string][][2]string {
	const service = `{"image":"127.0.0.1:5056/base-bb:1","service_name":"s"`
	return map[string][][2]string{
		"003": {{"6b0342fd771242bc7f1c506d", `{"name":"min","services":[` + service + `}]}`}},
		"005": {{"6b0342fd771242bc7f1c506f", `{"name":"full","description":"d","networks":[{"name":"n1","enable_ipv6":true}],
			"volumes":[{"name":"v","driver":"local","driver_opts":{"o":"1"},"labels":{"l":"1"}}],"services":[` + service + `,
			"command":"sh -c 'true'","environment":{"A":"b"},"labels":{"x":"y"},"networks":["n1"],"ports":{"80/tcp":"8080"},"volumes":["/a:/b"]}]}`}},
		"037": {{"6b0342fe771242bc7f1c5075", `{"name":"ipv6yes","networks":[{"name":"n","enable_ipv6":true}],"services":[` + service + `}]}`}},
		"051": {
			{"6b0342fe771242bc7f1c507a", `{"name":"noimg","services":[{"image":"127.0.0.1:5056/base-none:1","service_name":"s"}]}`},
			{"6b0342fe771242bc7f1c507c", `{"name":"second-bad","services":[` + service + `},{"image":"127.0.0.1:5056/base-none:1","service_name":"s2"}]}`},
		},
	}
}

// TestContract replays what clients of the old system asked and got.
func TestContract(t *testing.T) {
	t.Parallel()
	// With Docker away nothing is installed while the answers are compared.
	runtime := fake.New(nil)
	runtime.AddImage(fake.AnyImage, fake.Behaviour{})
	runtime.SetAway(true)
	o := options(t)
	o.Roles, o.Auth, o.Driver = []string{app.RoleMarketplace, app.RoleEngine}, app.AuthNone, runtime
	p := &player{t: t, urls: start(t, o).URLs(), deviations: deviations(), images: registryWith(t, "base-bb:1"), ids: map[string]string{}}

	prerequisites := missing()
	for _, x := range recorded(t) {
		for _, m := range prerequisites[x.N] {
			_, body := p.send(app.RoleMarketplace, http.MethodPost, "/api/v1/marketplace/addons", m[1])
			p.learn(m[0], body)
		}
		switch x.N {
		case "053": // the addons are listed: their verification has ended
			p.awaitVerified()
		case "128": // the recording lacks the second DELETE
			runtime.SetAway(false)
			p.uninstall("6b0343026fb885735d3b6b04")
		}
		p.play(x)
	}
}

func recorded(t *testing.T) []exchange {
	t.Helper()
	data, err := os.ReadFile("../api/testdata/contract/exchanges.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var exchanges []exchange
	for line := range bytes.Lines(data) {
		var x exchange
		if err := json.Unmarshal(line, &x); err != nil {
			t.Fatal(err)
		}
		exchanges = append(exchanges, x)
	}
	if len(exchanges) != 68 {
		t.Fatalf("%d exchanges, want 68", len(exchanges))
	}
	return exchanges
}

// player sends recorded requests and compares the answers.
type player struct {
	t          *testing.T
	urls       map[string]string
	images     string // host of the registry
	deviations map[string]deviation
	ids        map[string]string // of the recording → of this run
}

// mapped is text with ids and registry of this run.
func (p *player) mapped(text string) string {
	for old, id := range p.ids {
		text = strings.ReplaceAll(text, old, id)
	}
	return strings.ReplaceAll(text, "127.0.0.1:5056", p.images)
}

func (p *player) send(role, method, path, body string, headers ...string) (*http.Response, []byte) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.urls[role]+p.mapped(path), strings.NewReader(p.mapped(body)))
	if err != nil {
		p.t.Fatal(err)
	}
	if len(headers) == 0 && body != "" {
		headers = []string{"Content-Type", "application/json"}
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	response, err := client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response, answer
}

// learn notes the id that a new document has in this run.
func (p *player) learn(old string, document []byte) {
	p.t.Helper()
	var fields struct {
		ID string `json:"_id"`
	}
	if err := json.Unmarshal(document, &fields); err != nil || fields.ID == "" {
		p.t.Fatalf("for %s there is no id in %s", old, document)
	}
	p.ids[old] = fields.ID
}

func (p *player) play(x exchange) {
	role := app.RoleEngine
	if x.Server == "marketplace-manager" {
		role = app.RoleMarketplace
	}
	var body string
	if x.Request.Body != nil {
		body = *x.Request.Body
	}
	headers := []string{"X-Case", x.Case}
	for name, value := range x.Request.Headers {
		headers = append(headers, name, value)
	}
	response, answer := p.send(role, x.Request.Method, x.Request.Path, body, headers...)
	name := x.N + " " + x.Case
	want := x.Answer
	other, deviates := p.deviations[x.Case]
	if deviates {
		if other.status == want.Status && other.body == string(want.Body) {
			p.t.Errorf("%s is no deviation", name)
		}
		want.Status, want.Body, want.ContentType = other.status, json.RawMessage(other.body), "application/json"
		name += " (" + other.reason + ")"
	}
	if response.StatusCode != want.Status {
		p.t.Errorf("%s: %d %s, want %d %s", name, response.StatusCode, answer, want.Status, want.Body)
		return
	}
	var got, old any = string(answer), nil
	if err := json.Unmarshal(want.Body, &old); err != nil {
		p.t.Fatalf("%s: %s: %v", name, want.Body, err)
	}
	if _, text := old.(string); !text {
		if err := json.Unmarshal(answer, &got); err != nil {
			p.t.Errorf("%s: %s: %v", name, answer, err)
			return
		}
		if kind := response.Header.Get("Content-Type"); kind != "application/json" {
			p.t.Errorf("%s: content type %q", name, kind)
		}
		if document, ok := old.(map[string]any); ok && document["_id"] != nil && x.Request.Method == http.MethodPost {
			p.learn(document["_id"].(string), answer)
		}
	}
	if err := json.Unmarshal([]byte(p.mapped(string(want.Body))), &old); err != nil {
		p.t.Fatal(err)
	}
	for _, difference := range differences("", old, got) {
		p.t.Errorf("%s: %s\ngot %s", name, difference, answer)
	}
}

// differences compares everything that old has with what came. Messages under
// errors must be the same and no more, unless old leaves them open.
func differences(path string, old, got any) []string {
	switch old := old.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is no object", path)}
		}
		var all []string
		if strings.HasPrefix(path, ".errors.json") && len(old) > 0 && len(object) > len(old) {
			all = append(all, path+" has more fields")
		}
		for key, value := range old {
			if _, ok := object[key]; !ok {
				all = append(all, path+"."+key+" is missing")
				continue
			}
			all = append(all, differences(path+"."+key, value, object[key])...)
		}
		return all
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(old) {
			return []string{fmt.Sprintf("%s is %v, want %v", path, got, old)}
		}
		var all []string
		for i := range old {
			all = append(all, differences(fmt.Sprintf("%s.%d", path, i), old[i], counterpart(old[i], i, list))...)
		}
		return all
	}
	if !reflect.DeepEqual(old, got) {
		return []string{fmt.Sprintf("%s is %v, want %v", path, got, old)}
	}
	return nil
}

// counterpart returns the element of list with the id (or else the name) of
// old, which is at i. Documents that are made within one second have no order.
func counterpart(old any, i int, list []any) any {
	wanted, ok := old.(map[string]any)
	if !ok {
		return list[i]
	}
	for _, key := range []string{"_id", "name"} {
		if wanted[key] == nil {
			continue
		}
		for _, candidate := range list {
			if object, ok := candidate.(map[string]any); ok && object[key] == wanted[key] {
				return object
			}
		}
		return nil
	}
	return list[i]
}

// awaitVerified waits until no addon is under review.
func (p *player) awaitVerified() {
	p.t.Helper()
	for _, id := range p.ids {
		var addon graft.Addon
		for addon.Status == "" || addon.Status == graft.AddonUnderReview {
			_, body := p.send(app.RoleMarketplace, http.MethodGet,
				fmt.Sprintf("/api/v1/marketplace/addons/%s?since=%d&timeout=10s", id, addon.Revision), "")
			if err := json.Unmarshal(body, &addon); err != nil {
				p.t.Fatalf("%s: %v", body, err)
			}
		}
	}
}

// uninstall waits until an installation is disabled and deletes it.
func (p *player) uninstall(id string) {
	p.t.Helper()
	var inst graft.Installation
	for inst.Status != graft.StatusDisabled {
		_, body := p.send(app.RoleEngine, http.MethodGet, fmt.Sprintf("/api/v1/addons/%s?since=%d&timeout=10s", id, inst.Revision), "")
		if err := json.Unmarshal(body, &inst); err != nil {
			p.t.Fatalf("%s: %v", body, err)
		}
	}
	if response, body := p.send(app.RoleEngine, http.MethodDelete, "/api/v1/addons/"+id, ""); response.StatusCode != http.StatusNoContent {
		p.t.Fatalf("DELETE of a disabled addon: %d %s", response.StatusCode, body)
	}
}
