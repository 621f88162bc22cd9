package draft

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/web/words"
)

// maxDepth is how deep a draft nests; descriptors need a third of it. Each level
// is written further to the right, so it bounds what comes of a short text, too.
const maxDepth = 16

// malformed is what is wrong with a text that can't be a draft.
type malformed struct {
	message string
	at      int // byte of the text
}

func (m *malformed) Error() string { return m.message }

// err tells a person where it is wrong.
func (m *malformed) err(source string) *graft.Error {
	line, column := place(source, m.at)
	return graft.Errorf(graft.CodeMalformed, words.BrokenJSON, m.message, line, column)
}

// read reads the object that a text is. A text without anything in it is an
// empty object.
func read(source string) (*node, *malformed) {
	if strings.TrimSpace(source) == "" {
		return &node{kind: object}, nil
	}
	for i, r := range source {
		if r == utf8.RuneError && !strings.HasPrefix(source[i:], string(utf8.RuneError)) {
			return nil, &malformed{words.NotUTF8, i}
		}
	}
	var whole json.RawMessage
	if err := json.Unmarshal([]byte(source), &whole); err != nil {
		return nil, broken(source, err)
	}
	p := &parser{source: source, dec: json.NewDecoder(strings.NewReader(source))}
	p.dec.UseNumber()
	root, wrong := p.value(0)
	if wrong == nil && root.kind != object {
		wrong = &malformed{words.NotAnObject, root.at}
	}
	if wrong != nil {
		return nil, wrong
	}
	return root, nil
}

func broken(source string, err error) *malformed {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return &malformed{err.Error(), 0}
	}
	at := int(syntax.Offset) - 1
	if strings.HasPrefix(err.Error(), "unexpected end") {
		return &malformed{words.EndsTooEarly, len(strings.TrimRight(source, " \t\r\n"))}
	}
	return &malformed{err.Error(), max(0, at)}
}

// place returns where a byte of a text is, counted from 1 in lines and in
// characters of the line.
func place(source string, at int) (line, column int) {
	before := source[:max(0, min(at, len(source)))]
	line = strings.Count(before, "\n") + 1
	return line, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
}

// parser reads a text that is known to be JSON.
type parser struct {
	source string
	dec    *json.Decoder
}

// token returns the next token as it is written, and where.
func (p *parser) token() (raw string, at int, wrong *malformed) {
	from := int(p.dec.InputOffset())
	if _, err := p.dec.Token(); err != nil {
		return "", from, broken(p.source, err)
	}
	to := int(p.dec.InputOffset())
	raw = strings.TrimLeft(p.source[from:to], " \t\r\n,:")
	return raw, to - len(raw), nil
}

func (p *parser) value(depth int) (*node, *malformed) {
	raw, at, wrong := p.token()
	if wrong != nil {
		return nil, wrong
	}
	n := &node{raw: raw, at: at}
	switch raw[0] {
	case 'n':
	case 't', 'f':
		n.kind = boolean
	case '"':
		n.kind = text
	case '[', '{':
		if depth == maxDepth {
			return nil, &malformed{words.NestsTooDeep, at}
		}
		n.raw = ""
		return n, p.parts(n, raw, depth+1)
	default:
		n.kind = number
	}
	return n, nil
}

// parts reads what is in a list or an object, and its closing bracket.
func (p *parser) parts(n *node, open string, depth int) *malformed {
	n.kind = list
	if open == "{" {
		n.kind = object
	}
	for p.dec.More() {
		m := &member{}
		if n.kind == object {
			name, at, wrong := p.token()
			if wrong != nil {
				return wrong
			}
			m.name, m.raw, m.at = unquote(name), name, at
		}
		value, wrong := p.value(depth)
		if wrong != nil {
			return wrong
		}
		if m.value = value; n.kind == object {
			n.members = append(n.members, m)
		} else {
			n.items = append(n.items, value)
		}
	}
	_, _, wrong := p.token()
	return wrong
}
