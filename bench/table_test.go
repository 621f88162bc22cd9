package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	t.Parallel()
	var figures table
	figures.add(row{what: "fast", value: 1.25, unit: "×", bound: 1.5, decimals: 2})
	figures.add(row{what: "many", value: 90, unit: "/s", bound: 100, lower: true})
	figures.add(row{what: "lost", value: 2, unit: "of 9", never: true})
	figures.add(row{what: "broken", unit: "of 9", never: true})
	figures.add(row{what: "known", value: 7, unit: "ms", old: "2 s", note: "to compare"})
	err := figures.check()
	if err == nil || err.Error() != "beyond their bounds: many; lost" {
		t.Errorf("check: %v", err)
	}
	path := filepath.Join(t.TempDir(), "report.md")
	if err := os.WriteFile(path, []byte("head\n"+beginMark+"old\n"+endMark+"\ntail\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // writing twice changes nothing
		if err := figures.writeInto(path, "here"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `head
<!-- bench: begin -->
here

| what | measured | the old system | bound | measured ÷ bound | |
|---|---:|---:|---:|---:|---|
| fast | 1.25 × |  | ≤ 1.50 × | 0.83 |  |
| many | 90 /s |  | ≥ 100 /s | 0.90 **missed** |  |
| lost | 2 of 9 |  | 0 of 9 | **missed** |  |
| broken | 0 of 9 |  | 0 of 9 |  |  |
| known | 7 ms | 2 s |  |  | to compare |

` + aboutOld + `
<!-- bench: end -->
tail
`
	if string(got) != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestReportWithoutMarks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "report.md")
	if err := os.WriteFile(path, []byte("my notes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&table{}).writeInto(path, ""); err == nil || !strings.Contains(err.Error(), "bench: begin") {
		t.Errorf("error %v", err)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	if got := median([]time.Duration{9, 1, 5}); got != 5 {
		t.Errorf("median %d, want 5", got)
	}
}
