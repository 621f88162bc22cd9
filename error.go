package graft

import (
	"errors"
	"fmt"
	"strings"
)

// Code says what kind of failure an Error is. The set is closed; the API maps
// each code to one HTTP status.
type Code string

const (
	CodeMalformed    Code = "malformed"    // the request can't be read at all
	CodeInvalid      Code = "invalid"      // it can be read, and is wrong; see Problems
	CodeExists       Code = "exists"       // the same thing is there already
	CodeNotFound     Code = "not_found"    // no such thing
	CodeConflict     Code = "conflict"     // the state of something forbids it
	CodeRefused      Code = "refused"      // nothing was touched, on purpose
	CodeUnauthorized Code = "unauthorized" // who are you?
	CodeForbidden    Code = "forbidden"    // you may not
	CodeConsent      Code = "consent"      // you may, once you agree to the Rights
	CodeTooLarge     Code = "too_large"    // the body is beyond its limit
	CodeTooMany      Code = "too_many"     // slow down
	CodeUpstream     Code = "upstream"     // another server gave a bad answer
	CodeUnavailable  Code = "unavailable"  // something is away and may come back
	CodeInternal     Code = "internal"     // a fault of ours
)

// Error is the one error type that crosses package borders. Message is written
// for the person who reads it: what is wrong, where, and what to do. Err is
// the cause, for logs; it is never sent to clients.
type Error struct {
	Code     Code
	Message  string
	Problems Problems
	// Rights are those of an addon that consent is missing for (CodeConsent) or
	// that a policy denies (CodeForbidden).
	Rights []Right
	Err    error
}

func (e *Error) Error() string {
	message := e.Message
	if message == "" && len(e.Problems) > 0 {
		message = e.Problems.String()
	}
	if e.Err == nil {
		return message
	}
	return strings.TrimSuffix(message, ".") + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error without a cause.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WrapError makes an Error whose cause is err.
func WrapError(code Code, err error, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Err: err}
}

// ErrorCode returns the code of the first Error in err's chain, CodeInternal
// for any other error, and "" for nil.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// ErrorMessage returns the message of the first Error in err's chain, which a
// client may see. It is empty for errors of any other type.
func ErrorMessage(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return ""
	}
	if e.Message == "" {
		return e.Problems.String()
	}
	return e.Message
}

// Problem is one thing that is wrong with (or odd about) a document.
type Problem struct {
	// Path leads to the field: names of fields, keys of mappings, indices of
	// lists. It is empty for the document itself.
	Path    []string `json:"path"`
	Message string   `json:"message"`
}

// Field is the path in one string, its elements joined by dots.
func (p Problem) Field() string { return strings.Join(p.Path, ".") }

func (p Problem) String() string {
	if len(p.Path) == 0 {
		return p.Message
	}
	return p.Field() + ": " + p.Message
}

// Problems is everything that is wrong with a document.
type Problems []Problem

func (p Problems) String() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Err returns p as an Error with CodeInvalid, nil when there are none.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return &Error{Code: CodeInvalid, Problems: p}
}
