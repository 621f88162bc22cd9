package graft

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxProblems bounds what is said about one document, which may be hostile.
const maxProblems = 200

// wholeField is the path element for what is wrong with an object as a whole;
// old clients look for it.
const wholeField = "_schema"

// location leads to a field of a document. No problem's path may begin with all of
// another's: the API nests them, and a field can't hold messages and fields.
type location []string

// at returns the path to something below p.
func (p location) at(elements ...string) location {
	return append(slices.Clip(p), elements...)
}

// index returns the path to an element of the list at p.
func (p location) index(i int) location { return p.at(strconv.Itoa(i)) }

// key returns the path for what is wrong with a key of the mapping at p, value
// that for its value.
func (p location) key(key string) location   { return p.at(key, "key") }
func (p location) value(key string) location { return p.at(key, "value") }

// complaints collects problems up to a limit.
type complaints struct {
	list Problems
	more bool
}

func (c *complaints) add(at location, format string, args ...any) {
	if len(c.list) >= maxProblems {
		c.more = true
		return
	}
	c.list = append(c.list, Problem{Path: at, Message: fmt.Sprintf(format, args...)})
}

// problems returns what was collected and, when that is not all, says so.
func (c *complaints) problems() Problems {
	if !c.more {
		return c.list
	}
	return append(slices.Clip(c.list), Problem{
		Path:    location{wholeField},
		Message: fmt.Sprintf("There are more than these %d problems.", maxProblems),
	})
}

// addOthers adds the problems of fields that c says nothing about yet: neither
// about the field nor about something around or inside it.
func (c *complaints) addOthers(others Problems) {
	known, inside := map[string]bool{}, map[string]bool{}
	for _, problem := range c.list {
		at := problem.Path
		if len(at) > 0 && at[len(at)-1] == wholeField {
			at = at[:len(at)-1]
		}
		known[joined(at)] = true
		for i := range at {
			inside[joined(at[:i])] = true
		}
	}
	for _, problem := range others {
		if !inside[joined(problem.Path)] && !coversPrefix(known, problem.Path) {
			c.add(problem.Path, "%s", problem.Message)
		}
	}
}

func coversPrefix(known map[string]bool, at location) bool {
	for i := 0; i <= len(at); i++ {
		if known[joined(at[:i])] {
			return true
		}
	}
	return false
}

func joined(at location) string { return strings.Join(at, "\x00") }

// quote quotes what a document says for a message, shortened.
func quote(text string) string {
	const most = 64
	if runes := []rune(text); len(runes) > most {
		return strconv.Quote(string(runes[:most])) + "…"
	}
	return strconv.Quote(text)
}
