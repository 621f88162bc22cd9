package draft

import (
	"slices"
	"strings"

	"github.com/graftplatform/graft"
)

// wholeObject is the last element of a problem's path when it is about an object
// as a whole.
const wholeObject = "_schema"

// target is what a problem can be shown beside.
type target struct {
	messages *[]*Message
	beside   string
	input    string // id to go to
	label    string
	control  *Input // nil: none in particular
	item     *Item  // whose less usual fields it is among; nil: it is seen anyway
}

// target makes known what a path of the document is shown as. The first one of a
// path stays: of a repeated key that is where the complaint begins.
func (b *builder) target(t target, path ...string) {
	if key := joined(path); b.targets[key].messages == nil {
		b.targets[key] = t
	}
}

func joined(path []string) string { return strings.Join(path, "\x00") }

// target is where the problems of a row go, which are about one of some controls.
func (r *Row) target(from origin, f *Field, inputs []*Input) target {
	t := target{messages: &r.Messages, beside: r.Name, input: f.Name, label: from.label + f.Label, item: from.item}
	if len(inputs) > 0 {
		t.control, t.input, t.label = inputs[0], inputs[0].Name, t.label+": "+inputs[0].Label
	}
	return t
}

// put shows each problem beside what it is about, or what that is a part of, or on
// top of the form.
func (b *builder) put(problems graft.Problems, tone Tone) {
	for _, problem := range problems {
		path := problem.Path
		if n := len(path); n > 0 && path[n-1] == wholeObject {
			path = path[:n-1]
		}
		m := &Message{Text: problem.Message, Tone: tone}
		b.form.Messages = append(b.form.Messages, m)
		t, rest := b.nearest(path)
		if t.messages == nil {
			b.form.Top = append(b.form.Top, m)
			if len(path) > 0 {
				m.Label = strings.Join(path, ".")
			}
			continue
		}
		// What has no field of its own is called by its name.
		if len(rest) > 0 && !slices.Equal(rest, []string{"key"}) {
			m.Text = strings.Join(rest, ".") + ": " + m.Text
		}
		m.Label, m.Beside, m.Input = t.label, t.beside, t.input
		*t.messages = append(*t.messages, m)
		if t.control != nil && tone == ToneBad {
			t.control.Invalid = true
		}
		if t.item != nil && t.item.Name != t.beside {
			t.item.Open = true
		}
	}
}

// nearest finds what a path, or the longest beginning of it, is shown as, and
// what is left of the path.
func (b *builder) nearest(path []string) (t target, rest []string) {
	for n := len(path); n > 0; n-- {
		if t, ok := b.targets[joined(path[:n])]; ok {
			return t, path[n:]
		}
	}
	return target{}, path
}
