package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestJournal(t *testing.T) {
	t.Parallel()
	start := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	var out strings.Builder
	j := &journal{out: &out, notable: 50 * time.Millisecond}
	j.write(at(0), at(2), "component", nil)
	j.write(at(10), at(12), "component", nil)
	j.write(at(20), at(21), "", errors.New("refused"))
	j.write(at(300), at(312), "plugin", nil)
	j.write(at(5), at(305), "component", nil) // a knock that hung, heard of late
	j.finish()
	want := `03:04:05.002 answers: component
03:04:05.312 no answer for 300ms
03:04:05.312 answers: plugin
4 answers, 1 knocks failed; the port did not answer for 300ms at most; the slowest answer took 300ms
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}
