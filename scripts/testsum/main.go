// Testsum reads the output of "go test -json" from its standard input, prints
// a line for every package and the output of everything that failed or was
// skipped, and ends with the counts. A test that is skipped proves nothing, so
// it counts as a failure of the run.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(run(os.Stdin, os.Stdout))
}

func run(in io.Reader, out io.Writer) int {
	w := bufio.NewWriter(out)
	defer w.Flush()
	s := newSummary(w)
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			s.add(line)
			// Whoever watches a long run sees every line at once.
			_ = w.Flush()
		}
		if err == io.EOF {
			return s.finish()
		}
		if err != nil {
			fmt.Fprintln(w, "the output of go test can't be read:", err)
			return 1
		}
	}
}
