package draft

import (
	"encoding/json"
	"strings"
)

// kind is what a JSON value is.
type kind int

const (
	null kind = iota
	boolean
	number
	text
	list
	object
)

// node is a JSON value, with the spelling of its text and numbers. encoding/json
// would lose that, the order of members, and those that are repeated.
type node struct {
	kind    kind
	raw     string // of what is neither a list nor an object
	items   []*node
	members []*member
	at      int // byte at which it begins in the text that it was read from
	// gone is whether the form has emptied it. It keeps its place, which other
	// fields of the form are counted by, and is no longer written.
	gone bool
}

type member struct {
	name  string
	raw   string // name as it was written
	value *node
	at    int
}

// textNode is a JSON string.
func textNode(value string) *node { return &node{kind: text, raw: quote(value)} }

func newMember(name string, value *node) *member {
	return &member{name: name, raw: quote(name), value: value}
}

// quote writes a JSON string with no more escapes than it needs.
func quote(value string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value) // strings can always be written
	return strings.TrimSuffix(b.String(), "\n")
}

// unquote reads a JSON string.
func unquote(raw string) string {
	var value string
	_ = json.Unmarshal([]byte(raw), &value) // the parser has seen it before
	return value
}

// isText returns the text that n is.
func (n *node) isText() (value string, ok bool) {
	if n == nil || n.kind != text {
		return "", false
	}
	return unquote(n.raw), true
}

// member returns the member of that name, nil if there is none, and whether it
// is repeated: then nobody knows which one counts.
func (n *node) member(name string) (found *member, repeated bool) {
	for _, m := range n.members {
		if m.name != name || m.value.gone {
			continue
		}
		if found != nil {
			return found, true
		}
		found = m
	}
	return found, false
}

// empty is whether nothing is left in a list or an object.
func (n *node) empty() bool {
	for _, item := range n.items {
		if !item.gone {
			return false
		}
	}
	for _, m := range n.members {
		if !m.value.gone {
			return false
		}
	}
	return true
}

// write appends n with its parts on lines of their own, or without any spaces
// when indent is empty.
func (n *node) write(b *strings.Builder, before, indent string) {
	var first, last string
	switch n.kind {
	case list:
		first, last = "[", "]"
	case object:
		first, last = "{", "}"
	default:
		b.WriteString(n.raw)
		return
	}
	b.WriteString(first)
	inside, parts := before+indent, 0
	next := func() {
		if parts++; parts > 1 {
			b.WriteByte(',')
		}
		if indent != "" {
			b.WriteString("\n" + inside)
		}
	}
	for _, item := range n.items {
		if !item.gone {
			next()
			item.write(b, inside, indent)
		}
	}
	for _, m := range n.members {
		if m.value.gone {
			continue
		}
		next()
		b.WriteString(m.raw + ":")
		if indent != "" {
			b.WriteByte(' ')
		}
		m.value.write(b, inside, indent)
	}
	if parts > 0 && indent != "" {
		b.WriteString("\n" + before)
	}
	b.WriteString(last)
}

// compact is n on one line, cut short after some characters.
func (n *node) compact(most int) string {
	var b strings.Builder
	n.write(&b, "", "")
	if runes := []rune(b.String()); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return b.String()
}
