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

// fields are those of a body that is an object, and what is wrong with them.
type fields struct {
	values   map[string]json.RawMessage // nil: the body is no object
	problems graft.Problems
	note     string
}

func readFields(w http.ResponseWriter, r *http.Request) (*fields, error) {
	body, note, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	values, problems, err := decodeObject(body)
	if err != nil {
		return nil, err
	}
	return &fields{values, problems, note}, nil
}

func (f *fields) bad(name, message string) {
	f.problems = append(f.problems, graft.Problem{Path: []string{name}, Message: message})
}

// get decodes a field into the value that into points to. It is whether the
// field was there and of that type, which invalid says the lack of.
func (f *fields) get(name string, into any, invalid string) bool {
	raw, ok := f.values[name]
	switch {
	case !ok:
		return false
	case string(raw) == "null":
		f.bad(name, "Field may not be null.")
		return false
	case json.Unmarshal(raw, into) != nil:
		f.bad(name, invalid)
		return false
	}
	return true
}

func (f *fields) string(name string) (value string, given bool) {
	given = f.get(name, &value, "Not a valid string.")
	return value, given
}

// required notes that a field is missing. When the body is no object at all,
// that was said already.
func (f *fields) required(name string) {
	if _, ok := f.values[name]; !ok && f.values != nil {
		f.bad(name, "Missing data for required field.")
	}
}

// err returns what is wrong, fields beyond the known ones included.
func (f *fields) err(known ...string) error {
	for _, key := range slices.Sorted(maps.Keys(f.values)) {
		if !slices.Contains(known, key) {
			f.bad(key, "Unknown field.")
		}
	}
	if f.values == nil {
		return f.problems.Err()
	}
	return annotate(f.problems.Err(), f.note)
}

// choice reads a body that is an object with one string, which is one of the
// choices.
func (f *fields) choice(name string, choices ...string) (string, error) {
	f.required(name)
	value, given := f.string(name)
	if given && !slices.Contains(choices, value) {
		f.bad(name, "Must be one of: "+strings.Join(choices, ", ")+".")
	}
	return value, f.err(name)
}

// install reads what somebody wants installed.
func (f *fields) install() (graft.InstallRequest, error) {
	const id, supersede, plan, consent = "marketplace_id", "supersede", "plan", "consent"
	var request graft.InstallRequest
	f.required(id)
	given, _ := f.string(id)
	f.get(supersede, &request.Supersede, "Not a valid boolean.")
	var hashed bool
	if request.Plan, hashed = f.string(plan); hashed && !graft.IsPlanHash(request.Plan) {
		f.bad(plan, "Not the hash of a plan: sha256: and 64 hex digits.")
	}
	f.get(consent, &request.Consent, "Not a valid list of strings.")
	_, problems := graft.ParseGrants(request.Consent)
	for _, p := range problems {
		f.problems = append(f.problems, graft.Problem{Path: append([]string{consent}, p.Path...), Message: p.Message})
	}
	if err := f.err(id, supersede, plan, consent); err != nil {
		return request, err
	}
	var ok bool
	if request.MarketplaceID, ok = graft.ParseID(given); !ok {
		return request, graft.Errorf(graft.CodeNotFound, "The marketplace has no addon %q: ids are 24 hex digits.", given)
	}
	return request, nil
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
