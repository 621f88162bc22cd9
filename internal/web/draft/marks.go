package draft

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/web/words"
)

// Severities of a Mark.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
)

// Mark is a problem or a warning for an editor of the text.
type Mark struct {
	Line     int    `json:"line"`   // from 1
	Column   int    `json:"column"` // from 1, in units of UTF-16, as editors count
	Message  string `json:"message"`
	Severity string `json:"severity"`
}

// Marks are the problems and warnings of a text, in its order, each where what it
// is about begins. What is not there, such as a required member, is marked where
// it would belong. Of a text that is no draft only the place is marked where it
// can't be read.
func Marks(source string, problems, warnings graft.Problems) []Mark {
	marks := []Mark{}
	root, wrong := read(source)
	if wrong != nil {
		return append(marks, mark(source, wrong.at, words.Sentence(wrong.message), SeverityError))
	}
	add := func(problems graft.Problems, severity string) {
		for _, problem := range problems {
			marks = append(marks, mark(source, root.locate(problem.Path), problem.Message, severity))
		}
	}
	add(problems, SeverityError)
	add(warnings, SeverityWarning)
	slices.SortStableFunc(marks, func(a, b Mark) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return marks
}

func mark(source string, at int, message, severity string) Mark {
	line, column := place(source, at)
	before := source[:min(at, len(source))]
	for _, r := range before[strings.LastIndexByte(before, '\n')+1:] {
		column += utf16.RuneLen(r) - 1 // place counts characters
	}
	return Mark{line, column, message, severity}
}

// locate returns the byte at which what a path leads to begins, or what would
// have it. Of what has parts, or a key that is wrong, it is the name.
func (n *node) locate(path []string) int {
	at, begins := n, n.at
	for i, element := range path {
		switch at.kind {
		case list:
			number, err := strconv.Atoi(element)
			if err != nil || number < 0 || number >= len(at.items) {
				return begins
			}
			at = at.items[number]
			begins = at.at
			continue
		case object:
			if m := at.last(element); m != nil {
				at, begins = m.value, m.value.at
				if at.kind == list || at.kind == object || i+1 < len(path) && path[i+1] == "key" {
					begins = m.at
				}
				continue
			}
		}
		// "key" and "value" of a mapping's member are no members themselves.
		if element != "key" && element != "value" {
			return begins
		}
	}
	return begins
}

// last is the last member of that name.
func (n *node) last(name string) *member {
	for _, m := range slices.Backward(n.members) {
		if m.name == name {
			return m
		}
	}
	return nil
}
