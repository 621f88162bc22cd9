package graft

import "strings"

// SplitCommand splits a command line into words as a POSIX shell does: quotes
// and backslashes, but no expansion and no operators, so that $, * and ; stand
// for themselves.
func SplitCommand(line string) ([]string, error) {
	s := splitter{line: line}
	for s.pos < len(line) {
		if err := s.step(); err != nil {
			return nil, err
		}
	}
	s.endWord()
	return s.words, nil
}

type splitter struct {
	line   string
	pos    int
	words  []string
	word   strings.Builder
	inWord bool
}

// step reads one character, or everything between two quotes.
func (s *splitter) step() error {
	c := s.line[s.pos]
	s.pos++
	switch c {
	case ' ', '\t', '\n', '\r':
		s.endWord()
		return nil
	case '\\':
		return s.escape()
	case '\'', '"':
		s.inWord = true
		return s.quoted(c)
	}
	s.put(c)
	return nil
}

// escape reads what follows a backslash outside of quotes.
func (s *splitter) escape() error {
	if s.pos == len(s.line) {
		return Errorf(CodeInvalid, "the backslash at the end of the command has nothing to quote")
	}
	if c := s.line[s.pos]; c != '\n' { // a line that goes on is one line
		s.put(c)
	}
	s.pos++
	return nil
}

// quoted reads up to the closing quote.
func (s *splitter) quoted(quote byte) error {
	start := s.pos - 1
	for s.pos < len(s.line) {
		c := s.line[s.pos]
		s.pos++
		switch {
		case c == quote:
			return nil
		case c == '\\' && quote == '"' && s.pos < len(s.line) && strings.IndexByte("$`\"\\\n", s.line[s.pos]) >= 0:
			if s.line[s.pos] != '\n' {
				s.put(s.line[s.pos])
			}
			s.pos++
		default:
			s.put(c)
		}
	}
	return Errorf(CodeInvalid, "the quote %c at character %d of the command is never closed",
		quote, len([]rune(s.line[:start]))+1)
}

func (s *splitter) put(c byte) {
	s.word.WriteByte(c)
	s.inWord = true
}

func (s *splitter) endWord() {
	if s.inWord {
		s.words = append(s.words, s.word.String())
	}
	s.word.Reset()
	s.inWord = false
}
