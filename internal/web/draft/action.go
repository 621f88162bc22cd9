package draft

import (
	"slices"
	"strconv"
	"strings"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/web/words"
)

// Do does what a button of the form says, after Apply and in its numbers, and
// settles the draft:
//
//	add:services              another service, volume or network
//	add:services.0.ports      another row, which is in the form only until it is filled in
//	remove:services.0         a service and what belongs to it
//	remove:services.0.ports.1 a row
//	up:services.1, down:…     the one changes places with the one before, or after
//
// It returns the id of what somebody goes on with, which the form then has the
// focus on. CodeInvalid when there is no
// such button.
func (d *Draft) Do(action string) (focus string, err error) {
	verb, target, _ := strings.Cut(action, ":")
	name, item, rest := split(target)
	at := slices.IndexFunc(sections(), func(s section) bool { return s.name == name })
	d.blank = map[string]bool{}
	switch {
	case verb == "add" && at >= 0 && item == "":
		focus, err = d.addItem(sections()[at])
	case verb == "add":
		focus, err = d.addRow(target)
	case verb == "remove" && at >= 0 && rest == "":
		focus, err = d.removeItem(name, item)
	case verb == "remove":
		focus, err = d.removeRow(target)
	case (verb == "up" || verb == "down") && at >= 0 && rest == "":
		focus, err = d.move(verb, name, item)
	default:
		err = noButton(action)
	}
	d.Settle()
	d.focus = focus
	return focus, err
}

func noButton(action string) error {
	return graft.Errorf(graft.CodeInvalid, words.NoSuchButton, action)
}

// split takes services.0.probe.http apart: services, 0 and probe.http.
func split(target string) (section, item, rest string) {
	section, rest, _ = strings.Cut(target, ".")
	item, rest, _ = strings.Cut(rest, ".")
	return section, item, rest
}

func (d *Draft) addItem(s section) (focus string, err error) {
	spot := find(d.root, s.name)
	if spot.other != nil || spot.found != nil && spot.found.kind != list {
		return "", graft.Errorf(graft.CodeInvalid, words.NoList, s.name)
	}
	if spot.found == nil {
		spot.set(&node{kind: list})
		spot = find(d.root, s.name)
	}
	blank, wrong := read(s.blank)
	if wrong != nil {
		return "", wrong
	}
	all := spot.found
	if len(all.items) >= maxItems {
		return "", graft.Errorf(graft.CodeInvalid, words.TooManyItems, maxItems)
	}
	all.items = append(all.items, blank)
	return s.name + "." + strconv.Itoa(len(all.items)-1) + "." + s.title, nil
}

func (d *Draft) removeItem(name, item string) (focus string, err error) {
	all, i, err := d.item(name, item)
	if err != nil {
		return "", err
	}
	all.items[i].gone = true
	return "add:" + name, nil
}

func (d *Draft) move(verb, name, item string) (focus string, err error) {
	all, i, err := d.item(name, item)
	if err != nil {
		return "", err
	}
	to := i + 1
	if verb == "up" {
		to = i - 1
	}
	if to < 0 || to >= len(all.items) {
		return verb + ":" + name + "." + item, nil
	}
	all.items[i], all.items[to] = all.items[to], all.items[i]
	// The button at the end of the way is of no use any more.
	switch to {
	case 0:
		verb = "down"
	case len(all.items) - 1:
		verb = "up"
	}
	return verb + ":" + name + "." + strconv.Itoa(to), nil
}

// item finds one of a section.
func (d *Draft) item(name, item string) (all *node, i int, err error) {
	all = find(d.root, name).found
	i, err = strconv.Atoi(item)
	if err != nil || all == nil || all.kind != list || i < 0 || i >= len(all.items) {
		return nil, 0, graft.Errorf(graft.CodeInvalid, words.NoSuchItem, name, item)
	}
	return all, i, nil
}

func (d *Draft) addRow(target string) (focus string, err error) {
	s, spot, ok := d.rows(target)
	if !ok || !s.shows(spot.found) {
		return "", noButton("add:" + target)
	}
	d.blank[target] = true
	live := 0
	if spot.found != nil {
		spot.found.settle()
		live = len(spot.found.items) + len(spot.found.members)
	}
	return target + "." + strconv.Itoa(live) + s.first(), nil
}

// first is the ending of the name of a row's first control.
func (s spec) first() string {
	switch s.control {
	case ControlMounts:
		return "." + mountParts()[0]
	case ControlPairs, ControlConditions:
		return ".key"
	}
	return ""
}

func (d *Draft) removeRow(target string) (focus string, err error) {
	dot := strings.LastIndexByte(target, '.')
	if dot < 0 {
		return "", noButton("remove:" + target)
	}
	name := target[:dot]
	i, err := strconv.Atoi(target[dot+1:])
	s, spot, ok := d.rows(name)
	if err != nil || i < 0 || !ok || !s.shows(spot.found) {
		return "", noButton("remove:" + target)
	}
	// A row that is not filled in is not in the document.
	if n := spot.found; n != nil {
		switch {
		case i < len(n.items):
			n.items[i].gone = true
		case i < len(n.members):
			n.members[i].value.gone = true
		}
		if n.empty() {
			spot.clear()
		}
	}
	return "add:" + name, nil
}

// rows finds a field of rows by its name in the form.
func (d *Draft) rows(target string) (s spec, at spot, ok bool) {
	base, specs, name := d.root, addonSpecs(), target
	for _, section := range sections() {
		of, item, rest := split(target)
		if of != section.name {
			continue
		}
		all, i, err := d.item(of, item)
		if err != nil || all.items[i].kind != object {
			return spec{}, spot{}, false
		}
		usual, more := section.specs()
		base, specs, name = all.items[i], slices.Concat(usual, more), rest
	}
	found := slices.IndexFunc(specs, func(s spec) bool { return s.name == name })
	if found < 0 {
		return spec{}, spot{}, false
	}
	at = find(base, name)
	s = specs[found].as(at.found)
	switch s.control {
	case ControlList, ControlMounts, ControlPairs, ControlConditions:
		return s, at, at.other == nil
	}
	return spec{}, spot{}, false
}
