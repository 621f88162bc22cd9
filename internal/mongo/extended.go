package mongo

import (
	"encoding/json"
	"fmt"
	"strings"
)

// plainOf makes plain JSON of MongoDB Extended JSON v2, canonical or relaxed, as
// far as it can occur in documents that came in as JSON: ids, numbers and times.
// Fields that are null are left out, as good as never set. See
// https://github.com/mongodb/specifications/blob/master/source/extended-json.md.
func plainOf(value any) (any, error) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			if strings.HasPrefix(key, "$") {
				return special(value, key, inner)
			}
			plain, err := plainOf(inner)
			if err != nil {
				return nil, err
			}
			if value[key] = plain; plain == nil {
				delete(value, key)
			}
		}
	case []any:
		for i, inner := range value {
			plain, err := plainOf(inner)
			if err != nil {
				return nil, err
			}
			value[i] = plain
		}
	}
	return value, nil
}

// special is a value that has one field, whose name says what it is.
func special(value map[string]any, key string, inner any) (any, error) {
	written, isText := inner.(string)
	if len(value) == 1 {
		switch key {
		case "$oid":
			if isText {
				return written, nil
			}
		case "$numberInt", "$numberLong", "$numberDouble", "$numberDecimal":
			if isText && json.Valid([]byte(written)) {
				return json.Number(written), nil
			}
		case "$date":
			return plainOf(inner)
		}
	}
	return nil, fmt.Errorf("%q is no kind of value that an addon has", key)
}
