package client

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// read returns what is in a stream, a message a line, and how it ended.
func read(r io.Reader) (string, error) {
	var b strings.Builder
	stream := newMessages(r)
	for {
		m, err := stream.next(func() {})
		if err != nil {
			return b.String(), err
		}
		fmt.Fprintf(&b, "%q", m.data)
		if !m.hasData {
			b.WriteString(" no data")
		}
		if m.id != nil {
			fmt.Fprintf(&b, " id %d", *m.id)
		}
		if m.retry > 0 {
			fmt.Fprintf(&b, " retry %s", m.retry)
		}
		b.WriteByte('\n')
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, stream, want string
		err                error
	}{
		{"nothing", "", "", io.EOF},
		{"one", "id: 1\nevent: x\ndata: a\n\n", "\"a\" id 1\n", io.EOF},
		{"several lines", "data: a\ndata:b\ndata:  c\ndata\n\n", "\"a\\nb\\n c\\n\"\n", io.EOF},
		{"CRLF and CR", "data: a\r\n\r\ndata: b\r\rid: 2\rdata: c\r\n\r\n", "\"a\"\n\"b\"\n\"c\" id 2\n", io.EOF},
		{"comments", ":\n\n: hello\ndata: a\n:\n\n:\n\n", "\"a\"\n", io.EOF},
		{"byte order mark", "\ufeffdata: a\n\n", "\"a\"\n", io.EOF},
		{"preface", "retry: 1500\nid: 0\n\n", "\"\" no data id 0 retry 1.5s\n", io.EOF},
		{"empty data", "data\n\n", "\"\"\n", io.EOF},
		{"bad numbers", "retry: soon\nid: x\nid: -1\nretry: -5\ndata: a\n\n", "\"a\"\n", io.EOF},
		{"unknown fields", "foo: bar\nbar\ndata: a\n\n", "\"a\"\n", io.EOF},
		{"cut in a line", "data: a\n\ndata: b", "\"a\"\n", io.ErrUnexpectedEOF},
		{"cut in a message", "data: a\n\ndata: b\n", "\"a\"\n", io.ErrUnexpectedEOF},
		{"cut in a comment", "data: a\n\n: b\n", "\"a\"\n", io.EOF},
		{"long line", "data: a\n\ndata: " + strings.Repeat("x", maxLine) + "\n\n", "\"a\"\n", errTooLong},
		{"endless message", "data: a\n\n" + strings.Repeat("data: "+strings.Repeat("x", 1<<16)+"\n", 65), "\"a\"\n", errTooLong},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, r := range []io.Reader{strings.NewReader(c.stream), iotest.OneByteReader(strings.NewReader(c.stream))} {
				if got, err := read(r); got != c.want || !errors.Is(err, c.err) {
					t.Errorf("read %s(%v), want %s(%v)", got, err, c.want, c.err)
				}
			}
		})
	}
}

// A message is there as soon as its last line is, also when that ends with CR.
func TestMessagesDoNotWait(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n", "\r\n", "\r"} {
		r, w := io.Pipe()
		stream := newMessages(r)
		go func() { _, _ = io.WriteString(w, "data: a"+end+end) }()
		if m, err := stream.next(func() {}); err != nil || m.data != "a" {
			t.Errorf("%q: %+v, %v", end, m, err)
		}
		w.Close()
	}
}
