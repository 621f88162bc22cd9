package api

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
)

// fieldsOf returns the names that a struct's fields have in JSON.
func fieldsOf(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		switch {
		case t.Field(i).Anonymous && name == "":
			names = append(names, fieldsOf(t.Field(i).Type)...)
		case name != "-" && name != "":
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The document has every field of what the engine answers, and no other.
func TestSchemasKnowEveryField(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	schemas := openAPIOf(t, NewEngine(engine, Options{}))["components"].(map[string]any)["schemas"].(map[string]any)
	for name, value := range map[string]any{
		"StatusDetails": graft.StatusDetails{}, "Withdrawal": graft.Withdrawal{}, "ServiceStatus": graft.ServiceStatus{},
		"PullStatus": graft.PullStatus{}, "Event": graft.Event{}, "Plan": graft.Plan{}, "PlannedSwap": graft.PlannedSwap{},
		"Token": graft.Token{}, "IssuedToken": graft.IssuedToken{}, "AuditEntry": graft.AuditEntry{},
		"PlannedImage": graft.PlannedImage{}, "PlannedConflict": graft.PlannedConflict{}, "Component": graft.Component{},
		"Right": graft.Right{}, "Consent": graft.Consent{}, "Policy": graft.Policy{},
		"ServiceUsage": graft.ServiceUsage{}, "Principal": graft.Principal{},
		"UpgradeStatus": graft.UpgradeStatus{}, "PlannedUpgrade": graft.PlannedUpgrade{},
	} {
		schema, ok := schemas[name].(map[string]any)
		if !ok {
			t.Errorf("there is no schema %s", name)
			continue
		}
		got := slices.Sorted(maps.Keys(schema["properties"].(map[string]any)))
		if diff := cmp.Diff(fieldsOf(reflect.TypeOf(value)), got); diff != "" {
			t.Errorf("%s (-Go +schema):\n%s", name, diff)
		}
	}
}
