package api

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/graftplatform/graft"
)

//go:embed static/docs.html static/rapidoc-min.js
var static embed.FS

//go:embed openapi/*.json
var documents embed.FS

// docsPolicy lets the page load nothing from elsewhere. RapiDoc puts style
// elements into its shadow trees, hence the one unsafe-inline.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func docsPage(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Security-Policy", docsPolicy)
	return serveStatic(w, r, "docs.html")
}

func docsScript(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "max-age=3600")
	return serveStatic(w, r, "rapidoc-min.js")
}

func serveStatic(w http.ResponseWriter, r *http.Request, name string) error {
	content, err := static.ReadFile("static/" + name)
	if err != nil {
		return err
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	return nil
}

func (s *service) openAPI(w http.ResponseWriter, _ *http.Request) error {
	document, err := s.document()
	if err != nil {
		return err
	}
	writeBody(w, http.StatusOK, "application/json", document)
	return nil
}

// openAPI returns a function that makes a role's document at its first call.
func openAPI(role string) func() ([]byte, error) {
	return sync.OnceValues(func() ([]byte, error) {
		document, err := loadDocument(role + ".json")
		if err != nil {
			return nil, err
		}
		common, err := loadDocument("common.json")
		if err != nil {
			return nil, err
		}
		merge(document, common)
		addRefusals(object(document, "paths"))
		if err := addDescriptor(object(object(document, "components"), "schemas")); err != nil {
			return nil, err
		}
		return json.Marshal(document)
	})
}

func loadDocument(name string) (map[string]any, error) {
	data, err := documents.ReadFile("openapi/" + name)
	if err != nil {
		return nil, err
	}
	var document map[string]any
	if err := json.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return document, nil
}

// merge adds what from has and into lacks, object by object.
func merge(into, from map[string]any) {
	for key, value := range from {
		mine, isObject := into[key].(map[string]any)
		theirs, alsoObject := value.(map[string]any)
		if isObject && alsoObject {
			merge(mine, theirs)
		} else if _, ok := into[key]; !ok {
			into[key] = value
		}
	}
}

// addRefusals adds to every operation what any may be answered: that the client
// asks too often, or that the server can't answer just now.
func addRefusals(paths map[string]any) {
	for path := range paths {
		item := object(paths, path)
		for method := range item {
			if method == "parameters" {
				continue
			}
			responses := object(object(item, method), "responses")
			for status, answer := range map[string]string{"429": "TooMany", "503": "Unavailable"} {
				if responses[status] == nil {
					responses[status] = map[string]any{"$ref": "#/components/responses/" + answer}
				}
			}
		}
	}
}

// object returns the object at key, which is made if there is none.
func object(parent map[string]any, key string) map[string]any {
	child, ok := parent[key].(map[string]any)
	if !ok {
		child = make(map[string]any)
		parent[key] = child
	}
	return child
}

// addDescriptor adds the descriptor's schema and its parts to the document's
// schemas, and the descriptor's fields to those of Addon and Installation.
func addDescriptor(schemas map[string]any) error {
	// References move from the schema's own definitions to the components.
	text := strings.ReplaceAll(string(graft.DescriptorSchema()), `"#/$defs/`, `"#/components/schemas/`)
	var descriptor map[string]any
	if err := json.Unmarshal([]byte(text), &descriptor); err != nil {
		return fmt.Errorf("descriptor schema: %w", err)
	}
	for name, part := range object(descriptor, "$defs") {
		if _, taken := schemas[name]; taken {
			return fmt.Errorf("descriptor schema: the name %s is taken in the OpenAPI document", name)
		}
		schemas[name] = part
	}
	for _, key := range []string{"$defs", "$id", "$schema"} {
		delete(descriptor, key)
	}
	schemas["Descriptor"] = descriptor
	for _, name := range []string{"Addon", "Installation"} {
		if schema, ok := schemas[name].(map[string]any); ok {
			merge(object(schema, "properties"), object(descriptor, "properties"))
		}
	}
	return nil
}
