package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	maxLine    = 1 << 20 // of a stream
	maxMessage = 4 << 20 // all data lines of one message
)

// errTooLong is why a stream can't be read on.
var errTooLong = errors.New("a message is too long")

// message is one of a stream of server-sent events.
type message struct {
	id      *int64 // set by this message
	data    string
	hasData bool
	retry   time.Duration // 0: not set by this message
}

// messages reads a stream of server-sent events as the HTML standard has them.
type messages struct {
	lines *bufio.Scanner
	begun bool
}

func newMessages(r io.Reader) *messages {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	s.Split((&lineSplitter{}).split)
	return &messages{lines: s}
}

// next returns the next message, and calls alive for every line: io.EOF after
// the last one, io.ErrUnexpectedEOF when the stream ends within one.
func (m *messages) next(alive func()) (*message, error) {
	var got message
	var data []string
	size, empty := 0, true
	for m.lines.Scan() {
		alive()
		line := m.lines.Text()
		if !m.begun {
			line, m.begun = strings.TrimPrefix(line, "\ufeff"), true
		}
		if line == "" {
			if empty {
				continue // after a comment, or one too many
			}
			got.data, got.hasData = strings.Join(data, "\n"), data != nil
			return &got, nil
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "": // a comment
			continue
		case "data":
			if size += len(value) + 1; size > maxMessage {
				return nil, errTooLong
			}
			data = append(data, value)
		case "id":
			if id, err := strconv.ParseInt(value, 10, 64); err == nil && id >= 0 {
				got.id = &id
			}
		case "retry":
			if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
				got.retry = time.Duration(ms) * time.Millisecond
			}
		}
		empty = false
	}
	err := m.lines.Err()
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, errTooLong
	case err != nil:
		return nil, err
	case !empty:
		return nil, io.ErrUnexpectedEOF
	}
	return nil, io.EOF
}

// lineSplitter splits at LF, CRLF and CR alike. It does not wait for what comes
// after a CR: that may take long.
type lineSplitter struct {
	afterCR bool
	seen    int // bytes that are known to hold no end of a line
}

func (s *lineSplitter) split(data []byte, atEOF bool) (advance int, line []byte, err error) {
	begin := 0
	if s.afterCR && len(data) > 0 {
		s.afterCR = false
		if data[0] == '\n' {
			begin = 1
		}
	}
	from := max(begin, s.seen)
	n := bytes.IndexAny(data[from:], "\r\n")
	if n < 0 {
		s.seen = len(data) - begin
		if atEOF && s.seen > 0 {
			return 0, nil, io.ErrUnexpectedEOF
		}
		return begin, nil, nil
	}
	s.seen = 0
	end := from + n
	s.afterCR = data[end] == '\r'
	return end + 1, data[begin:end], nil
}
