package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/graftplatform/graft"
)

// The document and the routes say the same, in both directions.
func TestOpenAPIMatchesRoutes(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	for name, h := range both(market, engine, Options{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document := openAPIOf(t, h)
			described := make(map[string]graft.Permission)
			ids := make(map[string]bool)
			for path, item := range document["paths"].(map[string]any) {
				for method, op := range item.(map[string]any) {
					if method == "parameters" {
						continue
					}
					operation := op.(map[string]any)
					described[strings.ToUpper(method)+" "+path] = permission(operation["security"])
					// OpenAPI has no word for a permission that hangs on the query.
					forQuery, _ := operation["x-query-permissions"].(map[string]any)
					for query, needs := range forQuery {
						described[strings.ToUpper(method)+" "+path+"?"+query] = graft.Permission(needs.(string))
					}
					if id := operation["operationId"].(string); ids[id] {
						t.Errorf("operationId %s comes twice", id)
					} else {
						ids[id] = true
					}
				}
			}
			for _, r := range h.(*service).routes {
				key := r.method + " " + r.pattern
				if got, ok := described[key]; !ok || got != r.needs {
					t.Errorf("%s: described %t, permission in the document %q, in the table %q", key, ok, got, r.needs)
				}
				delete(described, key)
			}
			for key := range described {
				t.Errorf("%s is described and does not exist", key)
			}
			checkReferences(t, document, document)
		})
	}
}

// permission returns what an operation needs by its "security": OpenAPI 3.1 lets
// bearer tokens have scopes, too.
func permission(security any) graft.Permission {
	if security == nil {
		return ""
	}
	scopes := security.([]any)[0].(map[string]any)["bearer"].([]any)
	return graft.Permission(scopes[0].(string))
}

func openAPIOf(t *testing.T, h http.Handler) map[string]any {
	t.Helper()
	w := ask(t, h, "GET", "/docs/openapi.json", "")
	var document map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return document
}

// checkReferences fails for references that lead nowhere.
func checkReferences(t *testing.T, document map[string]any, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			at := any(document)
			for _, key := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
				object, _ := at.(map[string]any)
				at = object[key]
			}
			if at == nil || !strings.HasPrefix(ref, "#/components/") {
				t.Errorf("reference to %s leads nowhere", ref)
			}
		}
		for _, child := range v {
			checkReferences(t, document, child)
		}
	case []any:
		for _, child := range v {
			checkReferences(t, document, child)
		}
	}
}

// Whatever is asked for, the answer may be that it is too often, or not now.
func TestEveryOperationMayBeRefused(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	for name, h := range both(market, engine, Options{}) {
		document := openAPIOf(t, h)
		for path, item := range document["paths"].(map[string]any) {
			for method, op := range item.(map[string]any) {
				if method == "parameters" {
					continue
				}
				responses := op.(map[string]any)["responses"].(map[string]any)
				if responses["429"] == nil || responses["503"] == nil {
					t.Errorf("%s: %s %s has %v", name, method, path, responses)
				}
			}
		}
		answers := document["components"].(map[string]any)["responses"].(map[string]any)
		for _, answer := range []string{"TooMany", "Unavailable"} {
			if headers, _ := answers[answer].(map[string]any)["headers"].(map[string]any); headers["Retry-After"] == nil {
				t.Errorf("%s: %s does not tell when to come again", name, answer)
			}
		}
	}
}

// What the servers answer is what the document says they do.
func TestAnswersMatchSchemas(t *testing.T) {
	t.Parallel()
	market, engine := newFakes()
	marketAPI, engineAPI := NewMarketplace(market, Options{}), NewEngine(engine, Options{})
	published := ask(t, marketAPI, "POST", "/api/v1/marketplace/addons", `{"name":"a","services":[{"service_name":"s","image":"i"}]}`)
	installed := *engine.inst
	if err := json.Unmarshal(published.Body.Bytes(), &installed.Descriptor); err != nil {
		t.Fatal(err)
	}
	installed.Rights, installed.Risk = []graft.Right{graft.HostNetwork("s", "w")}, graft.RiskHigh
	installed.Consent = &graft.Consent{Grants: []string{"host_network"}, Rights: installed.Rights, Images: map[string]string{"s": "i@sha256:0"}, By: "a"}
	engine.inst = &installed
	usage, err := json.Marshal(graft.ServiceUsage{InstallationID: someID, Service: "s", ContainerID: "c", CPUs: 0.5, Memory: 1, MemoryLimit: 2})
	if err != nil {
		t.Fatal(err)
	}
	code, gap := 1, int64(180)
	event, err := json.Marshal(graft.Event{
		ID: 1, Type: graft.EventSwapped, InstallationID: someID, Addon: "a", Service: "s", Component: "c",
		Operation: "o", Step: "start s", Status: graft.StatusActive, Outcome: graft.OutcomeDone, Reason: "why",
		ExitCode: &code, Took: 200, Gap: &gap, Way: graft.SwapWarm, Pull: &graft.PullStatus{Image: "i"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		h      http.Handler
		schema string
		answer []byte
	}{
		{marketAPI, "Addon", published.Body.Bytes()},
		{engineAPI, "Installation", ask(t, engineAPI, "GET", "/api/v1/addons/"+someID, "").Body.Bytes()},
		{engineAPI, "Plan", ask(t, engineAPI, "GET", "/api/v1/addons/"+someID+"/plan", "").Body.Bytes()},
		{engineAPI, "Plan", ask(t, engineAPI, "GET", "/api/v1/addons/"+someID+"/plan?uninstall=true&keep_data=true", "").Body.Bytes()},
		{engineAPI, "Plan", ask(t, engineAPI, "POST", "/api/v1/addons?dry_run=true", `{"marketplace_id":"`+someID+`"}`).Body.Bytes()},
		{engineAPI, "Event", event},
		{engineAPI, "Policy", ask(t, engineAPI, "GET", "/api/v1/policy", "").Body.Bytes()},
		{engineAPI, "Principal", ask(t, engineAPI, "GET", "/api/v1/whoami", "").Body.Bytes()},
		{engineAPI, "ServiceUsage", usage},
		{engineAPI, "Version", ask(t, engineAPI, "GET", "/api/v1/version", "").Body.Bytes()},
		{engineAPI, "Error", ask(t, engineAPI, "PATCH", "/api/v1/addons/"+someID, "{}").Body.Bytes()},
	} {
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource("mem:///openapi.json", openAPIOf(t, c.h)); err != nil {
			t.Fatal(err)
		}
		schema, err := compiler.Compile("mem:///openapi.json#/components/schemas/" + c.schema)
		if err != nil {
			t.Fatal(err)
		}
		var answer any
		if err := json.Unmarshal(c.answer, &answer); err != nil {
			t.Fatalf("%s: %v", c.answer, err)
		}
		if err := schema.Validate(answer); err != nil {
			t.Errorf("%s: %s\n%v", c.schema, c.answer, err)
		}
	}
}

func TestDocsPageIsOffline(t *testing.T) {
	t.Parallel()
	market, _ := newFakes()
	h := NewMarketplace(market, Options{})
	page := ask(t, h, "GET", "/api/docs/", "")
	if strings.Contains(page.Body.String(), "://") || !strings.Contains(page.Body.String(), `load-fonts="false"`) {
		t.Errorf("the page names other hosts:\n%s", page.Body)
	}
	policy := page.Header().Get("Content-Security-Policy")
	if strings.Contains(policy, "://") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "script-src 'self';") {
		t.Errorf("policy is %q", policy)
	}
	for _, source := range regexp.MustCompile(`(?:src|spec-url|href)="([^"]*)"`).FindAllStringSubmatch(page.Body.String(), -1) {
		if w := ask(t, h, "GET", source[1], ""); w.Code != 200 {
			t.Errorf("%s: %d", source[1], w.Code)
		}
	}
}

func TestVendoredFiles(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("static/README.md")
	if err != nil {
		t.Fatal(err)
	}
	sums := regexp.MustCompile(`(?m)^    ([0-9a-f]{64})  (\S+)$`).FindAllStringSubmatch(string(readme), -1)
	if len(sums) == 0 {
		t.Fatal("the README has no checksums")
	}
	for _, sum := range sums {
		content, err := os.ReadFile("static/" + sum[2])
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(content); hex.EncodeToString(got[:]) != sum[1] {
			t.Errorf("%s is not the file that was vendored", sum[2])
		}
	}
}
