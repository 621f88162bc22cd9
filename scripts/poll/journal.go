package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// journal writes down who answers. Knocks report in any order.
type journal struct {
	out     io.Writer
	prefix  string        // of every line
	notable time.Duration // a shorter silence is not worth a line

	mu       sync.Mutex
	who      string    // who answered last
	last     time.Time // when
	answers  int
	failures int
	silence  time.Duration // the longest between two answers
	slowest  time.Duration // of the answers
}

func (j *journal) write(begin, end time.Time, who string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.failures++
		return
	}
	j.answers++
	j.slowest = max(j.slowest, end.Sub(begin))
	if end.Before(j.last) {
		return
	}
	if !j.last.IsZero() {
		silence := end.Sub(j.last)
		j.silence = max(j.silence, silence)
		if silence >= j.notable {
			j.line(end, fmt.Sprintf("no answer for %v", silence.Round(time.Millisecond)))
		}
	}
	if who != j.who {
		j.line(end, "answers: "+who)
	}
	j.who, j.last = who, end
}

func (j *journal) line(at time.Time, text string) {
	fmt.Fprintf(j.out, "%s%s %s\n", j.prefix, at.Format("15:04:05.000"), text)
}

// finish writes the sums.
func (j *journal) finish() {
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintf(j.out, "%s%d answers, %d knocks failed; the port did not answer for %v at most; the slowest answer took %v\n",
		j.prefix, j.answers, j.failures, j.silence.Round(time.Millisecond), j.slowest.Round(time.Millisecond))
}
