package mongo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// document is one of a file, as plain JSON.
type document struct {
	place  string // file and line, for people
	fields map[string]any
	broken error // why it has no fields: the others of its file can be read all the same
}

// split reads the documents of a file: one after the other, or in an array. Each
// may have a line of its own, several, or a part of one. With an error, which says
// where, they are those before it.
func split(name string, data []byte) ([]document, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // as editors on Windows write
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, broken(name, errors.New("its text is UTF-16, as PowerShell writes it; give mongoexport the file with --out"))
	}
	place := func(offset int64) string {
		return fmt.Sprintf("%s, line %d", name, 1+bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n")))
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var documents []document
	array := bytes.HasPrefix(bytes.TrimSpace(data), []byte("["))
	if array {
		if _, err := dec.Token(); err != nil {
			return nil, broken(place(0), err)
		}
	}
	for dec.More() {
		begin := start(data, dec.InputOffset())
		var value any
		if err := dec.Decode(&value); err != nil {
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) {
				begin = max(begin, syntax.Offset-1)
			}
			return documents, broken(place(begin), err)
		}
		plain, err := plainOf(value)
		fields, ok := plain.(map[string]any)
		if err == nil && !ok {
			err = errors.New("it is no document")
		}
		if err != nil {
			err = notMongo(err)
		}
		documents = append(documents, document{place(begin), fields, err})
	}
	if array {
		if _, err := dec.Token(); err != nil {
			return documents, broken(place(int64(len(data))), err)
		}
	}
	return documents, nil
}

// start is where the next value begins.
func start(data []byte, offset int64) int64 {
	rest := bytes.TrimLeft(data[offset:], ", \t\r\n")
	return int64(len(data) - len(rest))
}

// broken is why nothing more of a file can be read.
func broken(place string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends in the middle")
	}
	return fmt.Errorf("%s: %w", place, notMongo(err))
}

func notMongo(err error) error { return fmt.Errorf("it is not what mongoexport writes: %w", err) }
