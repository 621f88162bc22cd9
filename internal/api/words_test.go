package api

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// wordsOf returns the constants of a type of package graft.
func wordsOf(t *testing.T, name string) []string {
	t.Helper()
	files, err := filepath.Glob("../../*.go")
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, path := range files {
		file, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if is, ok := spec.Type.(*ast.Ident); ok && is.Name == name {
				for _, value := range spec.Values {
					word, err := strconv.Unquote(value.(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					words = append(words, word)
				}
			}
			return true
		})
	}
	return words
}

// Where the document lists the words of a closed set, it lists all.
func TestSchemasKnowEveryWord(t *testing.T) {
	t.Parallel()
	_, engine := newFakes()
	schemas := openAPIOf(t, NewEngine(engine, Options{}))["components"].(map[string]any)["schemas"].(map[string]any)
	for _, c := range []struct {
		schema, field, set string
		more               []string
	}{
		{"Installation", "desired_state", "DesiredState", nil},
		{"StatusDetails", "outcome", "Outcome", nil},
		{"ServiceStatus", "state", "ServiceState", nil},
		{"PlannedSwap", "way", "SwapWay", nil},
		{"Event", "type", "EventType", nil},
		{"Event", "outcome", "Outcome", []string{"failed", "interrupted"}},
		{"Event", "way", "SwapWay", nil},
		{"Right", "kind", "RightKind", nil},
		{"Right", "level", "RiskLevel", nil},
		{"Error", "error_code", "Code", nil},
	} {
		properties := schemas[c.schema].(map[string]any)["properties"].(map[string]any)
		var got []string
		for _, word := range properties[c.field].(map[string]any)["enum"].([]any) {
			got = append(got, word.(string))
		}
		want := append(wordsOf(t, c.set), c.more...)
		slices.Sort(got)
		if slices.Sort(want); len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s.%s is one of %q, want %q", c.schema, c.field, got, want)
		}
	}
}
