package graft

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// object is a JSON object with its members in the order of the document,
// repeated ones included: a Go map would lose both.
type object []member

type member struct {
	name  string
	value any
}

// parseJSON reads a whole JSON document as nil, bool, string, json.Number,
// []any and object. It is stricter than encoding/json, which replaces broken
// text by U+FFFD in silence.
func parseJSON(data []byte) (any, error) {
	if !utf8.Valid(data) {
		return nil, Errorf(CodeMalformed, "the document is not JSON: it is not UTF-8 text")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, malformed(data, err)
	}
	if at := loneSurrogate(data); at >= 0 {
		return nil, Errorf(CodeMalformed, "the document is not JSON: %s is half of a surrogate pair (%s)",
			data[at:at+6], position(data, at))
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	value, err := readValue(dec)
	if err != nil {
		return nil, malformed(data, err)
	}
	return value, nil
}

// readValue reads the next value. How deep it nests is limited by
// json.Unmarshal, which has seen the document before.
func readValue(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		return readArray(dec)
	case json.Delim('{'):
		return readObject(dec)
	}
	return token, nil
}

func readArray(dec *json.Decoder) (any, error) {
	list := []any{}
	for dec.More() {
		value, err := readValue(dec)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err := dec.Token() // the closing bracket
	return list, err
}

func readObject(dec *json.Decoder) (any, error) {
	members := object{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		value, err := readValue(dec)
		if err != nil {
			return nil, err
		}
		text, ok := name.(string)
		if !ok {
			return nil, fmt.Errorf("the name of a member is %v", name)
		}
		members = append(members, member{text, value})
	}
	_, err := dec.Token() // the closing brace
	return members, err
}

func malformed(data []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return Errorf(CodeMalformed, "the document is not JSON: %v (%s)", err, position(data, int(syntax.Offset)-1))
	}
	return WrapError(CodeMalformed, err, "the document is not JSON")
}

// position tells a person where in data an offset is.
func position(data []byte, offset int) string {
	before := data[:max(0, min(offset, len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("line %d, column %d", line, column)
}

// loneSurrogate returns the offset of the first \uXXXX in valid JSON that is
// half of a surrogate pair without the other half, -1 if there is none. Outside
// of strings, valid JSON has no backslashes.
func loneSurrogate(data []byte) int {
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		switch unit := utf16Unit(data[i:]); {
		case unit >= 0xd800 && unit < 0xdc00:
			if low := utf16Unit(data[i+6:]); low < 0xdc00 || low > 0xdfff {
				return i
			}
			i += 11
		case unit >= 0xdc00 && unit <= 0xdfff:
			return i
		default:
			i++ // the escaped character, which may be a backslash
		}
	}
	return -1
}

// utf16Unit returns the value of the \uXXXX that data begins with, -1 if it
// doesn't.
func utf16Unit(data []byte) int {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return int(unit)
}
