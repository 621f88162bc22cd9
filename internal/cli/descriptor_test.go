package cli

import (
	"strings"
	"testing"
)

func TestSetImage(t *testing.T) {
	t.Parallel()
	one := `{"services": [{"service_name": "web", "image":  "old" , "x": 1}]}`
	two := `{"services": [{"service_name": "a", "image": "old"}, {"service_name": "b"}]}`
	tests := []struct{ name, document, image, want string }{
		{"the only one", one, "r.example:5000/new:1", `{"services": [{"service_name": "web", "image":  "r.example:5000/new:1" , "x": 1}]}`},
		{"by name", two, "a=n", `{"services": [{"service_name": "a", "image": "n"}, {"service_name": "b"}]}`},
		{"without an image", two, "b=n", `{"services": [{"service_name": "a", "image": "old"}, {"image": "n", "service_name": "b"}]}`},
		{"empty service", `{"services": [{ }]}`, "n", `{"services": [{"image": "n" }]}`},
		{"of another type", `{"services": [{"image": {"a": [1]}}]}`, "n", `{"services": [{"image": "n"}]}`},
		{"quoted", one, `a"b`, `{"services": [{"service_name": "web", "image":  "a\"b" , "x": 1}]}`},
		{"which of two", two, "n", ""},
		{"no such service", two, "c=n", ""},
		{"no image", two, "a=", ""},
		{"no services", `{}`, "n", ""},
		{"services of another type", `{"services": ["a"]}`, "n", ""},
		{"no JSON", `hello`, "n", `hello`},
		{"no whole JSON", `{"services": [{`, "n", `{"services": [{`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := setImage(locate([]byte(test.document)), test.image)
			if (err != nil) != (test.want == "") || string(got) != test.want {
				t.Errorf("got %s, %v\nwant %s", got, err, test.want)
			}
		})
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	d := locate([]byte("{\n \"a\": [\n  1,\n  {\"b\":\n   2}\n ],\n \"c\" \n : 3\n}"))
	for path, want := range map[string]int{
		"": 1, "a": 2, "a.0": 3, "a.1": 4, "a.1.b": 5, "a.1.missing": 4, "c": 8, "missing": 1,
	} {
		if got := d.line(strings.Split(path, ".")); got != want {
			t.Errorf("%q: got line %d, want %d", path, got, want)
		}
	}
	if got := locate([]byte("hello")).line([]string{"a"}); got != 0 {
		t.Errorf("no JSON: got line %d", got)
	}
}

func FuzzLocate(f *testing.F) {
	f.Add(`{"services": [{"service_name": "web", "image": "old"}]}`)
	f.Add(`{"services": [{}, {"image": 1}`)
	f.Fuzz(func(_ *testing.T, text string) {
		d := locate([]byte(text))
		_, _ = setImage(d, "n")
		_ = d.line([]string{"services", "0", "image"})
	})
}
