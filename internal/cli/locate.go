package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// maxDepth is how deep values are located; no descriptor is as deep.
const maxDepth = 32

// span is where a JSON value is in its document.
type span struct{ start, end int }

var errTooDeep = errors.New("nested too deep")

// document is JSON text that knows where its values are, as far as it is JSON.
type document struct {
	data  []byte
	whole bool            // all of its values are located
	spans map[string]span // by the elements of the path, joined by NUL
}

func locate(data []byte) *document {
	d := &document{data: data, spans: map[string]span{}}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	// What comes after an error is not located; the parser says what is wrong.
	d.whole = d.value(dec, nil) == nil
	return d
}

// value notes the next value of dec and all that are in it, as far as it is JSON.
func (d *document) value(dec *json.Decoder, path []string) error {
	if len(path) > maxDepth {
		return errTooDeep
	}
	start := int(dec.InputOffset())
	for start < len(d.data) && strings.IndexByte(" \t\r\n:,", d.data[start]) >= 0 {
		start++
	}
	token, err := dec.Token()
	if err != nil {
		return err
	}
	d.spans[key(path)] = span{start, int(dec.InputOffset())}
	if delim, ok := token.(json.Delim); ok {
		for i := 0; dec.More(); i++ {
			name := strconv.Itoa(i)
			if delim == '{' {
				token, err := dec.Token()
				if err != nil {
					return err
				}
				name, _ = token.(string)
			}
			if err := d.value(dec, append(path, name)); err != nil {
				return err
			}
		}
		if _, err := dec.Token(); err != nil {
			return err
		}
	}
	d.spans[key(path)] = span{start, int(dec.InputOffset())}
	return nil
}

func key(path []string) string { return strings.Join(path, "\x00") }

// find returns where a value is.
func (d *document) find(path ...string) (span, bool) {
	s, ok := d.spans[key(path)]
	return s, ok
}

// line returns the line of a value, or of the innermost one around it that
// exists; 0 when the document has no value at all.
func (d *document) line(path []string) int {
	for n := len(path); n >= 0; n-- {
		if s, ok := d.find(path[:n]...); ok {
			return 1 + bytes.Count(d.data[:s.start], []byte("\n"))
		}
	}
	return 0
}

// text returns the string at a path, empty if there is none.
func (d *document) text(path ...string) string {
	var s string
	if at, ok := d.find(path...); ok {
		if json.Unmarshal(d.data[at.start:at.end], &s) != nil {
			return ""
		}
	}
	return s
}
