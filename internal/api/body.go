package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/graftplatform/graft"
)

const (
	maxBody  = 1 << 20
	bodyTime = 30 * time.Second // for a whole body to arrive
)

// readBody returns the request's JSON. As in the old servers a body of another
// type counts as an empty object; note then says so to the author, who would
// else wonder at "Missing data".
func readBody(w http.ResponseWriter, r *http.Request) (body []byte, note string, err error) {
	if r.ContentLength > maxBody {
		return nil, "", tooLarge()
	}
	kind := r.Header.Get("Content-Type")
	if !isJSON(kind) {
		if r.ContentLength != 0 && kind == "" {
			note = "The body was not read: send it with 'Content-Type: application/json'."
		} else if r.ContentLength != 0 {
			note = "The body was not read: its Content-Type is " + kind + ", and must be application/json."
		}
		return []byte("{}"), note, nil
	}
	controller := http.NewResponseController(w)
	// A server without deadlines, such as a test's, reads on without one.
	_ = controller.SetReadDeadline(time.Now().Add(bodyTime))
	body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil { // else the server still waits for the rest
		_ = controller.SetReadDeadline(time.Time{})
	}
	var limit *http.MaxBytesError
	switch {
	case errors.As(err, &limit):
		return nil, "", tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, "", graft.WrapError(graft.CodeMalformed, err, "The body did not arrive within %s.", bodyTime)
	case err != nil:
		return nil, "", graft.WrapError(graft.CodeMalformed, err, "The body ended too early.")
	case len(body) == 0:
		return []byte("{}"), "", nil
	}
	return body, "", nil
}

func tooLarge() error {
	return graft.Errorf(graft.CodeTooLarge, "The body has more than 1 MiB, which is the limit.")
}

func malformed(err error) error {
	return graft.Errorf(graft.CodeMalformed, "The body is no JSON: %v.", err)
}

func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return false
	}
	return kind == "application/json" ||
		strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}

// annotate gives err the note as its message.
func annotate(err error, note string) error {
	var e *graft.Error
	if note == "" || !errors.As(err, &e) {
		return err
	}
	noted := *e
	noted.Message = note
	return &noted
}

// readString reads a body that is an object with one string, which is required
// and, if there are choices, is one of them.
func readString(w http.ResponseWriter, r *http.Request, name string, choices ...string) (string, error) {
	body, note, err := readBody(w, r)
	if err != nil {
		return "", err
	}
	fields, problems, err := decodeObject(body)
	if err != nil {
		return "", err
	}
	if fields == nil {
		return "", problems.Err()
	}
	value, message := decodeString(fields, name, choices)
	if message != "" {
		problems = append(problems, graft.Problem{Path: []string{name}, Message: message})
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if key != name {
			problems = append(problems, graft.Problem{Path: []string{key}, Message: "Unknown field."})
		}
	}
	return value, annotate(problems.Err(), note)
}

func decodeString(fields map[string]json.RawMessage, name string, choices []string) (value, message string) {
	raw, ok := fields[name]
	switch {
	case !ok:
		return "", "Missing data for required field."
	case string(raw) == "null":
		return "", "Field may not be null."
	case json.Unmarshal(raw, &value) != nil:
		return "", "Not a valid string."
	case len(choices) > 0 && !slices.Contains(choices, value):
		return "", "Must be one of: " + strings.Join(choices, ", ") + "."
	}
	return value, ""
}

// decodeObject cuts a JSON object into its fields, which is nil if it is none.
// Unlike json.Unmarshal it tells when a field comes twice.
func decodeObject(data []byte) (map[string]json.RawMessage, graft.Problems, error) {
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, nil, malformed(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	start, err := decoder.Token()
	if err != nil {
		return nil, nil, malformed(err)
	}
	if start != json.Delim('{') {
		return nil, graft.Problems{{Path: []string{schemaKey}, Message: "Invalid input type."}}, nil
	}
	var problems graft.Problems
	fields := make(map[string]json.RawMessage)
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, nil, malformed(err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, nil, malformed(err)
		}
		name, _ := key.(string) // keys of valid objects are strings
		if _, twice := fields[name]; twice {
			problems = append(problems, graft.Problem{Path: []string{name}, Message: "Duplicate field."})
		}
		fields[name] = value
	}
	return fields, problems, nil
}
