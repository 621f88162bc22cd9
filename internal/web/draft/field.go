package draft

import (
	"slices"
	"strconv"
	"strings"

	"github.com/graftplatform/graft/internal/web/words"
)

// field makes what the form shows of one member.
func (b *builder) field(base *node, from origin, s spec) *Field {
	spot := find(base, s.name)
	s, said := s.as(spot.found), from.words[s.name]
	if s.orList && s.control == ControlList {
		said.Columns = []string{said.Item}
	}
	f := &Field{
		Input:   Input{Name: from.prefix + s.name, Label: said.Label, Required: s.required, List: s.suggest},
		Control: s.control, Hint: said.Hint, Columns: said.Columns, Add: said.Add,
	}
	f.DescribedBy = f.Name + "-messages"
	if f.Hint != "" {
		f.DescribedBy = f.Name + "-hint " + f.DescribedBy
	}
	path := slices.Concat(from.path, spot.names)
	here := target{messages: &f.Messages, beside: f.Name, input: f.Name, label: from.label + f.Label, control: &f.Input, item: from.item}
	// What is wrong with an object on the way is shown with its first field.
	for n := len(path); n > len(from.path); n-- {
		b.target(here, path[:n]...)
	}
	f.Focus, f.FocusAdd = b.focus == f.Name, b.focus == "add:"+f.Name
	if spot.found != nil || spot.other != nil || f.FocusAdd {
		from.open()
	}
	switch {
	case spot.other != nil:
		f.Locked = spot.other.compact(maxShown)
	case !s.shows(spot.found):
		f.Locked = spot.found.compact(maxShown)
	case spot.found != nil && b.rowsShown+len(spot.found.items)+len(spot.found.members) > maxAllRows:
		f.Locked = spot.found.compact(maxShown)
	default:
		b.fill(f, spot.found, s, path, from)
	}
	return f
}

// open has a service show what it has of the less usual.
func (o origin) open() {
	if o.item != nil {
		o.item.Open = true
	}
}

func (b *builder) fill(f *Field, n *node, s spec, path []string, from origin) {
	switch s.control {
	case ControlCheck:
		f.Checked = s.checked(n)
	case ControlChecks:
		for _, choice := range s.choices {
			f.Options = append(f.Options, Option{choice, choice, n.has(choice)})
		}
	case ControlChoice:
		f.Options = options(s.choices, s.value(n))
	case ControlList, ControlMounts, ControlPairs, ControlConditions:
		b.rows(f, n, s, path, from)
	default:
		f.Value = s.value(n)
		f.Lines = s.control == ControlArea || hasLines(f.Value)
	}
}

// hasLines is whether a text has what controls of one line throw away.
func hasLines(value string) bool { return strings.ContainsAny(value, "\r\n") }

// options are what can be chosen, with what is chosen already even if it is none
// of that.
func options(choices []string, chosen string) []Option {
	if !slices.Contains(choices, chosen) {
		choices = append(slices.Clone(choices), chosen)
	}
	all := make([]Option, len(choices))
	for i, choice := range choices {
		all[i] = Option{choice, words.Choice(choice), choice == chosen}
	}
	return all
}

// rows shows what is in a list or an object, and an empty row if one was asked
// for. Rows that the form has emptied keep their places; in the document, those
// after them have other numbers already.
func (b *builder) rows(f *Field, n *node, s spec, path []string, from origin) {
	f.List = ""
	if n == nil {
		n = &node{}
	}
	written := 0
	for i, item := range n.items {
		value, ok := item.isText()
		ok = ok && (s.control != ControlMounts || canSplit(value))
		if item.gone {
			value = ""
		}
		row := b.row(f, i, s, ok, item, "", value)
		if item.gone {
			continue
		}
		here := row.target(from, f, row.Inputs)
		b.target(here, append(slices.Clip(path), strconv.Itoa(written))...)
		written++
	}
	for i, m := range n.members {
		key := m.name
		value, ok := s.pairValue(m.value)
		if m.value.gone {
			key, value = "", ""
		}
		row := b.row(f, i, s, ok, m.value, key, value)
		if m.value.gone {
			continue
		}
		here := append(slices.Clip(path), key)
		b.target(row.target(from, f, row.Inputs), here...)
		if ok {
			second := row.target(from, f, row.Inputs[1:])
			b.target(second, append(slices.Clip(here), "value")...)
			b.target(second, append(slices.Clip(here), "value", "condition")...)
		}
	}
	if b.blank[f.Name] {
		b.row(f, len(n.items)+len(n.members), s, true, nil, "", "")
		from.open()
	}
}

// row adds a row, which is locked unless its text can be shown.
func (b *builder) row(f *Field, i int, s spec, ok bool, n *node, key, value string) *Row {
	row := &Row{Name: f.Name + "." + strconv.Itoa(i), Number: i + 1}
	f.Rows = append(f.Rows, row)
	b.rowsShown++
	if !ok {
		row.Locked = n.compact(maxShown)
		if key != "" {
			row.Locked = quote(key) + ":" + row.Locked
		}
		return row
	}
	add := func(ending, label, value string) *Input {
		in := &Input{Name: row.Name + ending, Value: value, Lines: hasLines(value)}
		in.Focus, in.DescribedBy = in.Name == b.focus, row.Name+"-messages"
		in.Label = label + " " + strconv.Itoa(row.Number)
		row.Inputs = append(row.Inputs, in)
		return in
	}
	switch s.control {
	case ControlMounts:
		parts := splitMount(value)
		for i, name := range mountParts() {
			in := add("."+name, f.Columns[i], parts[i])
			switch name {
			case "source":
				in.List = s.suggest
			case "mode":
				in.Options = options([]string{"", "ro", "rw"}, parts[i])
			}
		}
	case ControlPairs:
		add(".key", f.Columns[0], key)
		add(".value", f.Columns[1], value)
	case ControlConditions:
		add(".key", f.Columns[0], key).List = s.suggest
		add(".condition", f.Columns[1], "").Options = options(s.choices, orFirst(value, s.choices))
	default:
		add("", f.Columns[0], value).List = s.suggest
	}
	return row
}

func orFirst(value string, choices []string) string {
	if value == "" {
		return choices[0]
	}
	return value
}
