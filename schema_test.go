package graft_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/graftplatform/graft"
)

const schemaID = "urn:graft:descriptor:1"

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(graft.DescriptorSchema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertVocabs()
	if err := compiler.AddResource(schemaID, document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(schemaID)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validateSchema(schema *jsonschema.Schema, data []byte) error {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return schema.Validate(document)
}

func TestSchemaTakesGoodDescriptors(t *testing.T) {
	t.Parallel()
	schema := compileSchema(t)
	descriptorFiles(t, "good", func(t *testing.T, _ string, data []byte) {
		if err := validateSchema(schema, data); err != nil {
			t.Error(err)
		}
		d, _, err := graft.ParseDescriptor(data)
		if err != nil {
			t.Fatal(err)
		}
		canonical, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := validateSchema(schema, canonical); err != nil {
			t.Errorf("canonical: %v", err)
		}
	})
}

func TestSchemaRefusesBadStructure(t *testing.T) {
	t.Parallel()
	schema := compileSchema(t)
	descriptorFiles(t, "bad/structure", func(t *testing.T, _ string, data []byte) {
		if validateSchema(schema, data) == nil {
			t.Error("the schema takes what the parser doesn't")
		}
	})
}

// TestSchemaHasAllFields holds the schema to the Go structs, and back.
func TestSchemaHasAllFields(t *testing.T) {
	t.Parallel()
	type node struct {
		Properties map[string]struct {
			Description string
			Ref         string `json:"$ref"`
		}
		Defs map[string]json.RawMessage `json:"$defs"`
	}
	var root node
	if err := json.Unmarshal(graft.DescriptorSchema(), &root); err != nil {
		t.Fatal(err)
	}
	for name, goType := range map[string]reflect.Type{
		"":            reflect.TypeFor[graft.Descriptor](),
		"service":     reflect.TypeFor[graft.Service](),
		"healthcheck": reflect.TypeFor[graft.Healthcheck](),
		"probe":       reflect.TypeFor[graft.Probe](),
		"http_probe":  reflect.TypeFor[graft.HTTPProbe](),
		"tcp_probe":   reflect.TypeFor[graft.TCPProbe](),
		"dependency":  reflect.TypeFor[graft.Dependency](),
		"volume":      reflect.TypeFor[graft.Volume](),
		"network":     reflect.TypeFor[graft.Network](),
	} {
		schema := root
		if name != "" {
			schema = node{}
			if err := json.Unmarshal(root.Defs[name], &schema); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if diff := cmp.Diff(jsonFields(goType), slices.Sorted(maps.Keys(schema.Properties))); diff != "" {
			t.Errorf("%v (-struct +schema):\n%s", goType, diff)
		}
		for field, property := range schema.Properties {
			if property.Description == "" && property.Ref == "" {
				t.Errorf("%v: the schema does not describe %s", goType, field)
			}
		}
	}
}

func jsonFields(structType reflect.Type) []string {
	var names []string
	for field := range structType.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
