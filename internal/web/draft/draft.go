// Package draft is a descriptor while a person writes it: a JSON document that
// need not be valid yet, and a form that shows and changes parts of it. What the
// form does not show, or does not change, stays as it was written: members that
// no descriptor has, repeated ones, the order of all of them, and how numbers are
// spelled.
package draft

import (
	"errors"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/web/words"
)

const indent = "  "

// Draft is the document. It is not safe for concurrent use.
type Draft struct {
	root *node
	// blank has the names of the lists that the form shows an empty row more of,
	// to be filled in. It is not in the document yet.
	blank map[string]bool
	focus string // id of what Do has somebody go on with
}

// New returns the draft to begin with: an addon of one service, nothing of which
// is filled in.
func New() *Draft {
	d, _ := Parse(`{"name":"","services":[{"service_name":"","image":""}]}`) // it is JSON
	return d
}

// Parse reads a draft from JSON with an object at the top; no text at all is an
// empty one. Anything else is a graft.Error with CodeMalformed that says in which
// line and column it is wrong.
func Parse(source string) (*Draft, error) {
	source = strings.TrimPrefix(source, "\ufeff") // what some editors begin files with
	root, wrong := read(source)
	if wrong != nil {
		return nil, wrong.err(source)
	}
	return &Draft{root: root, blank: map[string]bool{}}, nil
}

// Text is the draft as JSON, indented by two spaces.
func (d *Draft) Text() string {
	var b strings.Builder
	d.root.write(&b, "", indent)
	return b.String()
}

// Prune takes away the lists and objects that have nothing in them, and may be left
// out: programs write them, and who reads the draft has more to look at.
func (d *Draft) Prune() {
	prune(d.root)
	for _, s := range sections() {
		if all := find(d.root, s.name).found; all != nil {
			for _, item := range all.items {
				prune(item)
			}
		}
	}
	d.Settle()
}

func prune(n *node) {
	for _, m := range n.members {
		if v := m.value; (v.kind == list || v.kind == object) && v.empty() && m.name != "services" {
			v.gone = true
		}
	}
}

// Check has the platform check the draft as it would when it is published. The
// descriptor is nil if there are errors.
func (d *Draft) Check() (descriptor *graft.Descriptor, problems, warnings graft.Problems) {
	return Check(d.Text())
}

// Check checks a text in the same way. An error with no path is about the text as
// a whole, such as that it is no JSON.
func Check(source string) (descriptor *graft.Descriptor, problems, warnings graft.Problems) {
	if _, wrong := read(source); wrong != nil {
		return nil, graft.Problems{{Message: wrong.err(source).Message}}, nil
	}
	descriptor, warnings, err := graft.ParseDescriptor([]byte(source))
	return descriptor, Refusal(err), warnings
}

// Refusal is why a draft is not taken: the problems of err or, if it has none, its
// message, with no path.
func Refusal(err error) graft.Problems {
	if err == nil {
		return nil
	}
	var e *graft.Error
	if errors.As(err, &e) && len(e.Problems) > 0 {
		return e.Problems
	}
	message := graft.ErrorMessage(err)
	if message == "" {
		message = words.NotTaken
	}
	return graft.Problems{{Message: message}}
}
