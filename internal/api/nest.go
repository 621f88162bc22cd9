package api

import "github.com/graftplatform/graft"

// schemaKey is where the old servers put messages about a whole object.
const schemaKey = "_schema"

// nest lays problems out as the old servers did: objects along the paths, lists
// of messages at their ends.
func nest(problems graft.Problems) any {
	root := &node{}
	for _, p := range problems {
		n := root
		for _, key := range p.Path {
			n = n.child(key)
		}
		n.messages = append(n.messages, p.Message)
	}
	return root.value()
}

type node struct {
	messages []string
	children map[string]*node
}

func (n *node) child(key string) *node {
	if n.children == nil {
		n.children = make(map[string]*node)
	}
	c, ok := n.children[key]
	if !ok {
		c = &node{}
		n.children[key] = c
	}
	return c
}

func (n *node) value() any {
	if n.children == nil {
		return n.messages
	}
	if n.messages != nil {
		// Both a message and fields with messages of their own.
		c := n.child(schemaKey)
		c.messages = append(c.messages, n.messages...)
	}
	object := make(map[string]any, len(n.children))
	for key, c := range n.children {
		object[key] = c.value()
	}
	return object
}
