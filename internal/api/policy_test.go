package api

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/graftplatform/graft"
)

// A policy is replaced as a whole; what is wrong with one is told by field.
func TestSetPolicy(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	h := NewEngine(engine, Options{})
	w := ask(t, h, "PUT", "/api/v1/policy", `{"rights":{"docker_socket":"deny"},"registries":["ghcr.io"],"host_paths":["/srv/"]}`)
	var got graft.Policy
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if got.Rights[graft.RightDockerSocket] != graft.PolicyDeny || got.Rights[graft.RightHostPort] != graft.PolicyAllow ||
		!slices.Equal(got.HostPaths, []string{"/srv"}) || !slices.Equal(got.Registries, []string{"ghcr.io"}) {
		t.Errorf("policy is %+v", got)
	}
	for body, field := range map[string]string{
		`{"rights":{"docker_socket":"maybe"}}`: "rights.docker_socket",
		`{"rights":{"docker":"deny"}}`:         "rights.docker",
		`{"rights":["docker_socket"]}`:         "rights",
		`{"registries":["ghcr.io","a b"]}`:     "registries.1",
		`{"host_paths":["srv"]}`:               "host_paths.0",
		`{"host_paths":null}`:                  "host_paths",
		`{"paths":[]}`:                         "paths",
		`[]`:                                   "_schema",
	} {
		engine.policy = graft.Policy{}
		w := ask(t, h, "PUT", "/api/v1/policy", body)
		problems, _ := json.Marshal(errorOf(t, w)["problems"])
		want, _ := json.Marshal(strings.Split(field, "."))
		if w.Code != 422 || !strings.Contains(string(problems), string(want)) || len(engine.policy.Rights) > 0 {
			t.Errorf("%s: %d %s, want a problem at %s", body, w.Code, w.Body, field)
		}
	}
}

// What is missing comes as a list that programs can read.
func TestConsentIsAskedFor(t *testing.T) {
	t.Parallel()
	right := graft.HostNetwork("web", "why")
	for code, status := range map[graft.Code]int{graft.CodeConsent: 403, graft.CodeForbidden: 403} {
		_, engine := newFakes()
		engine.err = &graft.Error{Code: code, Message: "It is dangerous.", Rights: []graft.Right{right}}
		w := ask(t, NewEngine(engine, Options{}), "POST", "/api/v1/addons", `{"marketplace_id":"`+someID+`"}`)
		body := errorOf(t, w)
		rights, _ := body["rights"].([]any)
		if w.Code != status || body["error_code"] != string(code) || body["message"] != "It is dangerous." || len(rights) != 1 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		got := rights[0].(map[string]any)
		if keys := slices.Sorted(maps.Keys(got)); got["kind"] != "host_network" || !slices.Equal(keys, []string{"dangerous", "kind", "level", "service_name", "text"}) {
			t.Errorf("right is %v", got)
		}
	}
}

func TestConsentThatIsNone(t *testing.T) {
	t.Parallel()
	for consent, path := range map[string]string{
		`["privileged","everything"]`: `["consent","1"]`, `["host_path:srv"]`: `["consent","0"]`,
		`"privileged"`: `["consent"]`, `null`: `["consent"]`,
	} {
		_, engine := newFakes()
		w := ask(t, NewEngine(engine, Options{}), "POST", "/api/v1/addons", `{"marketplace_id":"`+someID+`","consent":`+consent+`}`)
		problems, _ := json.Marshal(errorOf(t, w)["problems"])
		if w.Code != 422 || !strings.Contains(string(problems), path) || engine.asked.MarketplaceID != "" {
			t.Errorf("%s: %d %s", consent, w.Code, w.Body)
		}
	}
}
