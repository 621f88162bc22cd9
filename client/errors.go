package client

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/graftplatform/graft"
)

// ConnectionError is the cause of an Error when a server gave no answer, or not
// a whole one. There is none when the caller's context ended.
type ConnectionError struct {
	Server Server
	URL    string
	Err    error
}

func (e *ConnectionError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ConnectionError) Unwrap() error { return e.Err }

// errorBody is the body of every error of the API.
type errorBody struct {
	Status    string         `json:"status"`
	Message   string         `json:"message"`
	Errors    any            `json:"errors"`
	ErrorCode graft.Code     `json:"error_code"`
	Problems  graft.Problems `json:"problems"`
	Rights    []graft.Right  `json:"rights"`
}

// decodeError makes an Error of an answer that is none of 2xx.
func decodeError(where string, status int, body []byte) *graft.Error {
	var b errorBody
	err := json.Unmarshal(body, &b)
	ours := err == nil && b.Status != ""
	e := &graft.Error{Code: b.ErrorCode, Message: b.Message, Problems: b.Problems, Rights: b.Rights}
	if e.Code == "" {
		e.Code = codeOf(status, b.Message, ours)
	}
	if len(e.Problems) == 0 {
		e.Problems = flatten(b.Errors)
	}
	if e.Message != "" || len(e.Problems) > 0 {
		return e
	}
	e.Message = "the " + where + " answers " + strconv.Itoa(status) + " " + http.StatusText(status)
	if !ours && e.Code == graft.CodeUpstream {
		e.Message += ", and not in the words of the API: check its URL"
	}
	return e
}

// codeOf translates an HTTP status. An error that is not in the API's words
// comes from some other server, or from a proxy, which can speak for itself
// only.
func codeOf(status int, message string, ours bool) graft.Code {
	switch status {
	case http.StatusUnauthorized:
		return graft.CodeUnauthorized
	case http.StatusForbidden:
		return graft.CodeForbidden
	case http.StatusRequestEntityTooLarge:
		return graft.CodeTooLarge
	case http.StatusTooManyRequests:
		return graft.CodeTooMany
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return graft.CodeUnavailable
	}
	if !ours {
		return graft.CodeUpstream
	}
	switch status {
	case http.StatusBadRequest:
		if strings.Contains(message, "already exists") { // the old engine's only conflict
			return graft.CodeExists
		}
		return graft.CodeMalformed
	case http.StatusNotFound:
		return graft.CodeNotFound
	case http.StatusConflict:
		return graft.CodeConflict
	case http.StatusUnprocessableEntity:
		return graft.CodeInvalid
	case http.StatusInternalServerError:
		return graft.CodeInternal
	}
	return graft.CodeUpstream
}

// flatten turns the nested errors of the old system, {"json": {field: {index:
// {field: [message]}}}}, into Problems in a stable order.
func flatten(errs any) graft.Problems {
	places, _ := errs.(map[string]any)
	var problems graft.Problems
	for _, place := range slices.Sorted(maps.Keys(places)) {
		problems = appendProblems(problems, nil, places[place])
	}
	return problems
}

func appendProblems(problems graft.Problems, path []string, errs any) graft.Problems {
	switch errs := errs.(type) {
	case string:
		return append(problems, graft.Problem{Path: slices.Clone(path), Message: errs})
	case []any:
		for _, e := range errs {
			problems = appendProblems(problems, path, e)
		}
	case map[string]any:
		for _, key := range slices.SortedFunc(maps.Keys(errs), byIndexThenName) {
			problems = appendProblems(problems, append(path, key), errs[key])
		}
	}
	return problems
}

// byIndexThenName puts list index 2 before 10.
func byIndexThenName(a, b string) int {
	i, errA := strconv.Atoi(a)
	j, errB := strconv.Atoi(b)
	if errA == nil && errB == nil {
		return cmp.Compare(i, j)
	}
	return cmp.Compare(a, b)
}
