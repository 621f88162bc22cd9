package draft

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Apply puts into the draft what is filled in in a form that was made of it. Only
// fields whose value is another one than the form showed change anything, and
// fields that are not in the form at all don't. What is emptied is taken away,
// unless no descriptor can do without it; rows that are emptied keep their number
// until Do or Settle.
func (d *Draft) Apply(form url.Values) {
	a := newApplier(form)
	for _, s := range addonSpecs() {
		a.field(d.root, "", s)
	}
	for _, section := range sections() {
		all := find(d.root, section.name).found
		if all == nil || all.kind != list || len(all.items) > maxItems {
			continue
		}
		usual, more := section.specs()
		for i, item := range all.items {
			if item.kind != object {
				continue
			}
			for _, s := range slices.Concat(usual, more) {
				a.field(item, section.name+"."+strconv.Itoa(i)+".", s)
			}
		}
	}
}

// Settle takes the rows out that were emptied: those after them get other numbers.
func (d *Draft) Settle() { d.root.settle() }

type applier struct {
	form url.Values
	rows map[string][]int // numbers that the form has, by the names before them
}

func newApplier(form url.Values) applier {
	a := applier{form, map[string][]int{}}
	for control := range form {
		for end := 0; end < len(control); {
			start := end
			if end = strings.IndexByte(control[start:], '.') + start; end < start {
				end = len(control)
			}
			if number, ok := rowNumber(control[start:end]); ok && start > 0 {
				name := control[:start-1]
				a.rows[name] = append(a.rows[name], number)
			}
			end++
		}
	}
	return a
}

// rowNumber reads the number of a row, as it is written in the names of controls.
func rowNumber(text string) (number int, ok bool) {
	if text == "" || len(text) > 6 || strings.Trim(text, "0123456789") != "" || text[0] == '0' && text != "0" {
		return 0, false
	}
	number, err := strconv.Atoi(text)
	return number, err == nil
}

// get returns what a control is filled in with; ok is whether there is one that
// was changed.
func (a applier) get(name, shown string) (value string, ok bool) {
	if !a.form.Has(name) {
		return shown, false
	}
	value = normal(a.form.Get(name))
	return value, value != rendered(shown)
}

// normal undoes what browsers make of line breaks.
func normal(value string) string {
	return strings.ReplaceAll(strings.ReplaceAll(value, "\r\n", "\n"), "\r", "\n")
}

// rendered is a text as it comes back from a page that shows it.
func rendered(value string) string { return normal(strings.ReplaceAll(value, "\x00", "\ufffd")) }

func (a applier) field(base *node, prefix string, s spec) {
	spot, name := find(base, s.name), prefix+s.name
	s = s.as(spot.found)
	if spot.other != nil || !s.shows(spot.found) {
		return
	}
	switch s.control {
	case ControlCheck:
		a.check(spot, name, s)
	case ControlChecks:
		a.checks(spot, name, s)
	case ControlList, ControlMounts:
		a.list(spot, name, s)
	case ControlPairs, ControlConditions:
		a.pairs(spot, name, s)
	default:
		a.text(spot, name, s)
	}
}

func (a applier) text(spot spot, name string, s spec) {
	value, changed := a.get(name, s.value(spot.found))
	switch {
	case !changed:
	case value == "" && !s.required:
		spot.clear()
	case s.number && isNumber(value):
		spot.set(&node{kind: number, raw: value})
	default:
		spot.set(textNode(value))
	}
}

func isNumber(value string) bool {
	return value != "" && strings.Contains("-0123456789", value[:1]) && json.Valid([]byte(value)) && strings.TrimSpace(value) == value
}

func (a applier) check(spot spot, name string, s spec) {
	on := slices.Contains(a.form[name], "true")
	switch {
	case !a.form.Has(name) || on == s.checked(spot.found):
	case on:
		spot.set(&node{kind: boolean, raw: "true"})
	default:
		spot.clear()
	}
}

func (a applier) checks(spot spot, name string, s spec) {
	if !a.form.Has(name) {
		return
	}
	kept, changed := &node{kind: list}, false
	for _, choice := range s.choices {
		has, wanted := spot.found.has(choice), slices.Contains(a.form[name], choice)
		changed = changed || has != wanted
		if wanted && !has {
			kept.items = append(kept.items, textNode(choice))
		}
	}
	if !changed {
		return
	}
	if spot.found != nil {
		kept.items = append(slices.DeleteFunc(slices.Clone(spot.found.items), func(item *node) bool {
			value, _ := item.isText()
			return !slices.Contains(a.form[name], value)
		}), kept.items...)
	}
	if len(kept.items) == 0 {
		spot.clear()
		return
	}
	spot.set(kept)
}

// has is whether a list has a text.
func (n *node) has(value string) bool {
	return n != nil && slices.ContainsFunc(n.items, func(item *node) bool {
		own, ok := item.isText()
		return ok && own == value
	})
}

func (a applier) list(spot spot, name string, s spec) {
	rows := spot.found
	if rows == nil {
		rows = &node{kind: list}
	}
	changed := false
	for i, item := range rows.items {
		shown, ok := item.isText()
		value, other := a.row(name, i, s, shown)
		if !ok || !other {
			continue
		}
		if changed = true; value == "" {
			item.gone = true
		} else {
			*item = node{kind: text, raw: quote(value), at: item.at}
		}
	}
	for _, i := range a.added(name, len(rows.items)) {
		if value, other := a.row(name, i, s, ""); other {
			rows.items, changed = append(rows.items, textNode(value)), true
		}
	}
	a.keep(spot, rows, changed)
}

// row returns what a row of a list is filled in with.
func (a applier) row(name string, i int, s spec, shown string) (value string, changed bool) {
	name += "." + strconv.Itoa(i)
	if s.control != ControlMounts {
		return a.get(name, shown)
	}
	if !canSplit(shown) {
		return shown, false
	}
	parts := splitMount(shown)
	for part := range parts {
		var other bool
		parts[part], other = a.get(name+"."+mountParts()[part], parts[part])
		changed = changed || other
	}
	return joinMount(parts), changed
}

func mountParts() []string { return []string{"source", "path", "mode"} }

// splitMount splits what ParseMount reads; what is wrong with it stays in the
// last part.
func splitMount(value string) [3]string {
	var parts [3]string
	copy(parts[:], strings.SplitN(value, ":", len(parts)))
	return parts
}

func joinMount(parts [3]string) string {
	return strings.TrimRight(strings.Join(parts[:], ":"), ":")
}

// canSplit is whether the parts make the whole again.
func canSplit(value string) bool { return joinMount(splitMount(value)) == value }

func (a applier) pairs(spot spot, name string, s spec) {
	rows := spot.found
	if rows == nil {
		rows = &node{kind: object}
	}
	changed := false
	for i, m := range rows.members {
		shown, ok := s.pairValue(m.value)
		if !ok {
			continue
		}
		key, value, keyChanged, valueChanged := a.pair(name, i, s, m.name, shown)
		changed = changed || keyChanged || valueChanged
		if keyChanged {
			m.name, m.raw = key, quote(key)
		}
		if valueChanged {
			m.value = s.pairNode(value)
		}
		// A condition is chosen, not filled in: its row is empty without a name.
		m.value.gone = (keyChanged || valueChanged) && key == "" && (value == "" || s.control == ControlConditions)
	}
	for _, i := range a.added(name, len(rows.members)) {
		key, value, keyChanged, valueChanged := a.pair(name, i, s, "", "")
		if keyChanged || valueChanged && s.control != ControlConditions {
			rows.members, changed = append(rows.members, newMember(key, s.pairNode(value))), true
		}
	}
	a.keep(spot, rows, changed)
}

// pair returns what a row of an object is filled in with.
func (a applier) pair(name string, i int, s spec, key, shown string) (newKey, value string, keyChanged, valueChanged bool) {
	name += "." + strconv.Itoa(i) + "."
	newKey, keyChanged = a.get(name+"key", key)
	value, valueChanged = a.get(name+s.second(), shown)
	return newKey, value, keyChanged, valueChanged
}

// added returns the numbers of the rows that the form has more than the document.
func (a applier) added(name string, have int) []int {
	numbers := slices.DeleteFunc(slices.Clone(a.rows[name]), func(i int) bool { return i < have })
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// keep puts rows into the document that were not there before, or takes them
// away when the form has emptied the last one.
func (a applier) keep(spot spot, rows *node, changed bool) {
	switch {
	case !changed:
	case rows.empty():
		if spot.found != nil {
			spot.clear()
		}
	case spot.found == nil:
		spot.set(rows)
	}
}
