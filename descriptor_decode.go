package graft

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// A reader puts a value of a document where it belongs, or complains. Readers
// are about types only; Validate is about meaning.
type reader func(c *complaints, at location, value any)

// field is a field that an object may have.
type field struct {
	name     string
	required bool
	read     reader
}

// record reads an object that has exactly these fields, none of them null.
func record(fields []field) reader {
	return func(c *complaints, at location, value any) {
		members, ok := value.(object)
		if !ok {
			c.add(at.at(wholeField), "Invalid input type.")
			return
		}
		seen := make(map[string]bool, len(members))
		for m, repeated := range members.unique() {
			seen[m.name] = true
			i := slices.IndexFunc(fields, func(f field) bool { return f.name == m.name })
			switch here := at.at(m.name); {
			case i < 0:
				c.add(here, "Unknown field.")
			case repeated:
				c.add(here, "Duplicate field.")
			case m.value == nil:
				c.add(here, "Field may not be null.")
			default:
				fields[i].read(c, here, m.value)
			}
		}
		for _, f := range fields {
			if f.required && !seen[f.name] {
				c.add(at.at(f.name), "Missing data for required field.")
			}
		}
	}
}

// unique yields each member once, at its first place, and whether its name
// comes again: which of the values is meant can't be known then.
func (o object) unique() func(yield func(m member, repeated bool) bool) {
	return func(yield func(member, bool) bool) {
		count := make(map[string]int, len(o))
		for _, m := range o {
			count[m.name]++
		}
		for _, m := range o {
			if n := count[m.name]; n > 0 && !yield(m, n > 1) {
				return
			}
			delete(count, m.name)
		}
	}
}

// records reads a list of objects.
func records[T any](into *[]T, fields func(*T) []field) reader {
	return func(c *complaints, at location, value any) {
		list, ok := value.([]any)
		if !ok {
			c.add(at, "Invalid type.")
			return
		}
		if len(list) > maxItems {
			c.add(at, "At most %d are allowed.", maxItems)
			return
		}
		*into = make([]T, len(list))
		for i, item := range list {
			record(fields(&(*into)[i]))(c, at.index(i), item)
		}
	}
}

// pointer reads into a new T.
func pointer[T any](into **T, read func(*T) reader) reader {
	return func(c *complaints, at location, value any) {
		*into = new(T)
		read(*into)(c, at, value)
	}
}

// text reads a string.
func text[S ~string](into *S) reader {
	return func(c *complaints, at location, value any) {
		switch value := value.(type) {
		case nil:
			c.add(at, "Field may not be null.")
		case string:
			*into = S(value)
		default:
			c.add(at, "Not a valid string.")
		}
	}
}

// texts reads a list of strings.
func texts[S ~string](into *[]S) reader {
	return func(c *complaints, at location, value any) {
		list, ok := value.([]any)
		if !ok {
			c.add(at, "Not a valid list.")
			return
		}
		*into = nil
		for i, item := range list {
			var s S
			text(&s)(c, at.index(i), item)
			*into = append(*into, s)
		}
	}
}

// textOrTexts reads a list of strings, or a string that split makes one of.
func textOrTexts(into *[]string, split func(string) ([]string, error)) reader {
	return func(c *complaints, at location, value any) {
		line, ok := value.(string)
		if !ok {
			texts(into)(c, at, value)
			return
		}
		words, err := split(line)
		if err != nil {
			c.add(at, "%s", complaint(err))
			return
		}
		*into = words
	}
}

// mapping reads an object whose values are all read the same way.
func mapping[T any](into *map[string]T, read func(*T) reader) reader {
	return func(c *complaints, at location, value any) {
		members, ok := value.(object)
		if !ok {
			c.add(at, "Not a valid mapping type.")
			return
		}
		*into = nil
		for m, repeated := range members.unique() {
			if repeated {
				c.add(at.key(m.name), "Duplicate field.")
				continue
			}
			var v T
			before := len(c.list)
			read(&v)(c, at.value(m.name), m.value)
			if len(c.list) == before {
				put(into, m.name, v)
			}
		}
	}
}

// textMap reads an object whose values are strings.
func textMap(into *map[string]string) reader { return mapping(into, text[string]) }

// dependencies reads depends_on: a mapping or, short for it, a list of names.
func dependencies(into *map[string]Dependency) reader {
	return func(c *complaints, at location, value any) {
		list, short := value.([]any)
		if !short {
			mapping(into, func(d *Dependency) reader { return record(dependencyFields(d)) })(c, at, value)
			return
		}
		*into = nil
		for i, item := range list {
			name, ok := item.(string)
			if !ok {
				text(&name)(c, at.index(i), item)
				continue
			}
			if _, repeated := (*into)[name]; repeated {
				c.add(at.index(i), "%s is in the list already.", quote(name))
			}
			put(into, name, Dependency{Condition: ServiceStarted})
		}
	}
}

// put makes the map if need be: one without entries stays nil.
func put[T any](into *map[string]T, key string, value T) {
	if *into == nil {
		*into = map[string]T{}
	}
	(*into)[key] = value
}

// boolean reads true or false.
func boolean(into *bool) reader {
	return func(c *complaints, at location, value any) {
		b, ok := value.(bool)
		if !ok {
			c.add(at, "Not a valid boolean.")
		}
		*into = b
	}
}

// looseBoolean also reads the words and numbers that the old marketplace took
// for true and false; published descriptors have them.
func looseBoolean(into *bool) reader {
	return func(c *complaints, at location, value any) {
		word := value
		if number, ok := value.(json.Number); ok {
			word = number.String()
		}
		switch word {
		case "1", "t", "T", "true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON":
			*into = true
		case "0", "f", "F", "false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF":
			*into = false
		default:
			boolean(into)(c, at, value)
		}
	}
}

// integer reads a whole number.
func integer(into *int) reader {
	return func(c *complaints, at location, value any) {
		number, ok := value.(json.Number)
		n, err := strconv.ParseInt(number.String(), 10, 32)
		if !ok || err != nil {
			c.add(at, "Not a valid integer.")
			return
		}
		*into = int(n)
	}
}

// portNumber reads a port; it has the range, which the type can't hold more of.
func portNumber(into *uint16) reader {
	return func(c *complaints, at location, value any) {
		var n int
		before := len(c.list)
		integer(&n)(c, at, value)
		switch {
		case len(c.list) != before:
		case n < 1 || n > math.MaxUint16:
			c.add(at, "%s", badPort)
		default:
			*into = uint16(n)
		}
	}
}

// decimal reads a number, or a string that holds one.
func decimal(into *float64) reader {
	return func(c *complaints, at location, value any) {
		word, ok := value.(string)
		if number, isNumber := value.(json.Number); isNumber {
			word, ok = number.String(), true
		}
		n, err := strconv.ParseFloat(word, 64)
		if !ok || err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			c.add(at, "Not a valid number.")
			return
		}
		*into = n
	}
}

// size reads a number of bytes, or a string such as "64m".
func size(into *ByteSize) reader {
	return func(c *complaints, at location, value any) {
		var n int64
		var err error
		switch value := value.(type) {
		case json.Number:
			n, err = strconv.ParseInt(value.String(), 10, 64)
		case string:
			n, err = parseSize(value)
		default:
			err = strconv.ErrSyntax
		}
		if err != nil {
			c.add(at, `Not a valid size: write a whole number of bytes, or text such as "64m".`)
			return
		}
		*into = ByteSize(n)
	}
}

// parseSize keeps from units.RAMInBytes what it would take for a float: signs,
// "inf", "nan", and what is beyond an int64.
func parseSize(text string) (int64, error) {
	if text == "" || !strings.Contains("0123456789", text[:1]) {
		return 0, strconv.ErrSyntax
	}
	n, err := units.RAMInBytes(text)
	if err == nil && (n < 0 || n == math.MaxInt64) {
		err = strconv.ErrRange
	}
	return n, err
}

// duration reads a string such as "1m30s".
func duration(into *Duration) reader {
	return func(c *complaints, at location, value any) {
		var s string
		before := len(c.list)
		text(&s)(c, at, value)
		if len(c.list) != before {
			return
		}
		d, err := time.ParseDuration(s)
		if err != nil {
			c.add(at, `%s is not a duration: write numbers with units, such as "1m30s" or "500ms".`, quote(s))
			return
		}
		*into = Duration(d)
	}
}
