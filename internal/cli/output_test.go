package cli

import (
	"bytes"
	"slices"
	"testing"
)

func TestWriteYAML(t *testing.T) {
	t.Parallel()
	value := struct {
		Z     string            `json:"z"`
		Lines string            `json:"lines"`
		Empty []string          `json:"empty"`
		Map   map[string]string `json:"map"`
		Int   int64             `json:"int"`
		Float float64           `json:"float"`
		Bool  bool              `json:"bool"`
		None  *int              `json:"none"`
		List  []any             `json:"list"`
	}{"true", "a\nb <&>\n", []string{}, map[string]string{"80": "8080", "a: b": "é"}, 1 << 53, 0.5, true, nil, []any{map[string]any{"x": 1}, []any{}}}
	want := `z: "true"
lines: |
  a
  b <&>
empty: []
map:
  "80": "8080"
  'a: b': é
int: 9007199254740992
float: 0.5
bool: true
none: null
list:
  - x: 1
  - []
`
	var got bytes.Buffer
	if err := writeYAML(&got, value); err != nil {
		t.Fatal(err)
	}
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	if got := oneLine("a\x1b[31mred\r\nb\t c\u202e\x00"); got != "a[31mred b c" {
		t.Errorf("got %q", got)
	}
	if got := shorten("grüße", 4); got != "grü…" {
		t.Errorf("got %q", got)
	}
}

func TestNear(t *testing.T) {
	t.Parallel()
	names := []string{"scheduler", "root_scheduler", "hello", "hello", "grafana"}
	for name, want := range map[string][]string{
		"helo":      {"hello"},
		"Shceduler": {"scheduler"},
		"sched":     {"scheduler", "root_scheduler"},
		"zzz":       nil,
		"":          nil,
	} {
		if got := near(name, names); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}
