package draft

import (
	"slices"
	"strings"
)

// spot is where in the document a field of the form belongs.
type spot struct {
	base  *node    // the object that the field is of
	names []string // the way from there
	found *node    // nil: it is not there
	// other is what is there in its place, or on the way, and can't be shown as a
	// field, such as a member that is repeated.
	other *node
}

func find(base *node, name string) spot {
	s := spot{base: base, names: strings.Split(name, ".")}
	at := base
	for _, name := range s.names {
		if at.kind != object {
			s.other = at
			return s
		}
		m, repeated := at.member(name)
		if m == nil {
			return s
		}
		if at = m.value; repeated {
			s.other = at
			return s
		}
	}
	s.found = at
	return s
}

// set puts a value there, and makes the objects on the way.
func (s spot) set(value *node) {
	at, last := s.base, len(s.names)-1
	for i, name := range s.names {
		m := at.restore(name)
		if m == nil {
			m = newMember(name, &node{kind: object})
			at.insert(m)
		}
		if i == last {
			m.value = value
		}
		at = m.value
	}
}

// restore returns a member of that name, gone or not.
func (n *node) restore(name string) *member {
	m, _ := n.member(name)
	for i := 0; m == nil && i < len(n.members); i++ {
		if n.members[i].name == name {
			m = n.members[i]
			m.value.gone = false
		}
	}
	return m
}

// insert adds a member where an author would write it.
func (n *node) insert(m *member) {
	own, at := rank(m.name), 0
	for i, other := range n.members {
		if r := rank(other.name); own < 0 || r >= 0 && r <= own {
			at = i + 1
		}
	}
	n.members = slices.Insert(n.members, at, m)
}

// clear takes the value away, and the objects on the way that have nothing else.
func (s spot) clear() {
	way := []*node{s.base}
	for _, name := range s.names {
		m, _ := way[len(way)-1].member(name)
		if m == nil {
			return
		}
		way = append(way, m.value)
	}
	way[len(way)-1].gone = true
	for i := len(way) - 2; i > 0 && way[i].empty(); i-- {
		way[i].gone = true
	}
}

// settle takes what is gone out of the document.
func (n *node) settle() {
	n.items = slices.DeleteFunc(n.items, func(item *node) bool { return item.gone })
	n.members = slices.DeleteFunc(n.members, func(m *member) bool { return m.value.gone })
	for _, item := range n.items {
		item.settle()
	}
	for _, m := range n.members {
		m.value.settle()
	}
}
