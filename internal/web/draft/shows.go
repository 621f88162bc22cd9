package draft

import (
	"slices"

	"github.com/graftplatform/graft"
)

// maxRows is how many rows a field can show, and maxAllRows a form: with three
// controls each, and all there are of as many services as an addon can have, it
// stays below the 10,000 values that net/url reads of one.
const (
	maxRows    = 500
	maxAllRows = 1000
)

// shows is whether a field can show, and give back, what is there; nil is nothing.
func (s spec) shows(n *node) bool {
	if n == nil {
		return true
	}
	switch s.control {
	case ControlCheck:
		return n.kind == boolean || s.loose && (slices.Contains(yes(), word(n)) || slices.Contains(no(), word(n)))
	case ControlChecks:
		seen := map[string]bool{}
		return n.kind == list && !slices.ContainsFunc(n.items, func(item *node) bool {
			value, ok := item.isText()
			odd := !ok || !slices.Contains(s.choices, value) || seen[value]
			seen[value] = true
			return odd
		})
	case ControlList, ControlMounts:
		return n.kind == list && len(n.items) <= maxRows
	case ControlPairs, ControlConditions:
		return n.kind == object && len(n.members) <= maxRows
	}
	if n.kind == number {
		return s.number
	}
	value, ok := n.isText()
	// Text in the place of a number is wrong though it looks right: the form would
	// show what is to be mended as if it were.
	return ok && (!s.number || s.either || !isNumber(value))
}

// value is the text that a field shows.
func (s spec) value(n *node) string {
	if n != nil && n.kind == number {
		return n.raw
	}
	value, _ := n.isText()
	return value
}

func (s spec) checked(n *node) bool {
	return n != nil && (n.raw == "true" || s.loose && slices.Contains(yes(), word(n)))
}

// word is what a loose check looks at.
func word(n *node) string {
	if value, ok := n.isText(); ok {
		return value
	}
	return n.raw
}

// What the old marketplace takes for true, and for false.
func yes() []string {
	return []string{"1", "t", "T", "true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"}
}

func no() []string {
	return []string{"0", "f", "F", "false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF"}
}

// second is the name of the control beside that of the key.
func (s spec) second() string {
	if s.control == ControlConditions {
		return "condition"
	}
	return "value"
}

// pairValue returns what is shown beside a key.
func (s spec) pairValue(n *node) (value string, ok bool) {
	if s.control == ControlConditions {
		if n.kind != object || len(n.members) != 1 || n.members[0].name != "condition" {
			return "", false
		}
		n = n.members[0].value
	}
	return n.isText()
}

// pairNode makes what pairValue reads.
func (s spec) pairNode(value string) *node {
	if s.control != ControlConditions {
		return textNode(value)
	}
	if value == "" {
		value = graft.ServiceStarted
	}
	return &node{kind: object, members: []*member{newMember("condition", textNode(value))}}
}
