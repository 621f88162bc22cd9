package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	const pass = `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"p"}` + "\n"
	for name, test := range map[string]struct {
		in   string
		code int
		want []string
	}{
		"all pass": {pass, 0, []string{"1 passed, 0 failed, 0 skipped\n"}},
		"one fails": {
			pass + `{"Action":"output","Package":"q","Test":"TestB","Output":"why\n"}
{"Action":"fail","Package":"q","Test":"TestB"}
{"Action":"fail","Package":"q"}`,
			1,
			[]string{"--- fail: q TestB\nwhy\n", "1 passed, 1 failed, 0 skipped\n"},
		},
		"one is skipped": {
			pass + `{"Action":"skip","Package":"q","Test":"TestB"}`, 1,
			[]string{"skipped:\n  q TestB\n", "1 passed, 0 failed, 1 skipped\n"},
		},
		"a figure": {
			`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: FIGURE: 7 cases\n"}` + "\n" + pass, 0,
			[]string{"TestA: 7 cases\n", "1 passed, 0 failed, 0 skipped\n"},
		},
		"a package without tests": {pass + `{"Action":"skip","Package":"q"}`, 0, []string{"1 passed, 0 failed, 0 skipped\n"}},
		"a package that does not build": {
			`{"ImportPath":"q","Action":"build-output","Output":"syntax error\n"}
{"Action":"fail","Package":"q"}`,
			1,
			[]string{"syntax error\n", "0 passed, 1 failed, 0 skipped\n"},
		},
		"a crash in a test": {
			`{"Action":"output","Package":"q","Test":"TestB","Output":"panic: oh\n"}
{"Action":"fail","Package":"q"}`,
			1,
			[]string{"--- did not end: q TestB\npanic: oh\n", "0 passed, 1 failed, 0 skipped\n"},
		},
		"nothing at all": {"go: no such module\n", 1, []string{"go: no such module\n", "no test ran"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			if code := run(strings.NewReader(test.in), &out); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, want := range test.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is missing in:\n%s", want, out.String())
				}
			}
		})
	}
}
