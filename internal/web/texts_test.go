package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What the dashboard says is in templates and in package words: neither scripts nor
// other code have texts of their own.

// wordy is a text for people: more than one word, one that begins as a sentence does,
// or a part of a sentence.
var wordy = regexp.MustCompile(`\pL[,.:;]? \pL|^\s*\p{Lu}\p{Ll}+[,.:;!?]*\s*$|^,? \pL|\pL,? $`)

func TestScriptsHaveNoTexts(t *testing.T) {
	t.Parallel()
	scripts, err := static.ReadDir("static")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, script := range scripts {
		if filepath.Ext(script.Name()) != ".js" {
			continue
		}
		read++
		source, err := static.ReadFile("static/" + script.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range textsOfScript(t, string(source)) {
			t.Errorf("%s says %q: let the page say it", script.Name(), text)
		}
	}
	if read < 3 {
		t.Errorf("%d scripts were read", read)
	}
}

// What scripts read from pages is in one: a name that nobody has reads as "undefined".
func TestPagesHaveWhatScriptsSay(t *testing.T) {
	t.Parallel()
	all := func(files interface {
		fs.ReadDirFS
		fs.ReadFileFS
	}, dir, kind string) string {
		var text strings.Builder
		found, err := files.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			if filepath.Ext(file.Name()) != kind {
				continue
			}
			data, err := files.ReadFile(dir + "/" + file.Name())
			if err != nil {
				t.Fatal(err)
			}
			text.Write(data)
		}
		return text.String()
	}
	scripts, pages := all(static, "static", ".js"), all(templates, "templates", ".html")
	capital := regexp.MustCompile(`\p{Lu}`)
	read := map[string]bool{}
	for _, match := range regexp.MustCompile(`\b(?:words|times|dataset)\.(\w+)|\bnote\("(\w+)"\)`).FindAllStringSubmatch(scripts, -1) {
		want := `<template id="` + match[2] + `">`
		if match[1] != "" {
			want = " data-" + strings.ToLower(capital.ReplaceAllString(match[1], "-$0")) + `="`
		}
		if read[want] = true; !strings.Contains(strings.ReplaceAll(pages, "\n", " "), want) {
			t.Errorf("no page has%s, which a script reads: %s", want, match[0])
		}
	}
	if len(read) < 15 {
		t.Errorf("scripts read %d things from pages", len(read))
	}
}

// textsOfScript returns the literals of a script that are texts for people.
func textsOfScript(t *testing.T, source string) []string {
	t.Helper()
	// What the browser and the engine call things.
	known := []string{"AbortError", "Files", "graft | "}
	selects := regexp.MustCompile(`\.(querySelector|querySelectorAll|closest|matches)\($`)
	shows := regexp.MustCompile(`(\.(textContent|innerText|innerHTML|outerHTML|title|placeholder|alt|ariaLabel)\s*\+?=[^=]|\b(alert|confirm|prompt)\()[^;\n]*$`)
	var texts []string
	for _, l := range literals(t, source) {
		before := source[:l.at]
		switch {
		case slices.Contains(known, l.text), selects.MatchString(before):
		case wordy.MatchString(l.text), shows.MatchString(before) && strings.TrimSpace(l.text) != "":
			texts = append(texts, l.text)
		}
	}
	return texts
}

// literal is a string in a script, or a part of a template between its values.
type literal struct {
	text string
	at   int // where it begins, with its quote
}

// literals reads a script as far as it takes to know what are strings in it. Regular
// expressions with quotes in them would need more.
func literals(t *testing.T, source string) []literal {
	t.Helper()
	token := regexp.MustCompile("(?s)^(?://[^\n]*|/\\*.*?\\*/|\"(?:[^\"\\\\\n]|\\\\.)*\"|'(?:[^'\\\\\n]|\\\\.)*')")
	part := regexp.MustCompile("(?s)^[`}]((?:[^`$\\\\]|\\\\.|\\$[^{])*)(`|\\$\\{)")
	var found []literal
	var nested []int // braces that are open in each value of a template
	for at := 0; at < len(source); {
		in := len(nested) - 1
		quote := source[at]
		if quote == '`' || quote == '}' && in >= 0 && nested[in] == 0 {
			match := part.FindStringSubmatch(source[at:])
			if match == nil {
				t.Fatalf("a template has no end: %.40q", source[at:])
			}
			found = append(found, literal{match[1], at})
			if quote == '}' {
				nested = nested[:in]
			}
			if match[2] == "${" {
				nested = append(nested, 0)
			}
			at += len(match[0])
			continue
		}
		if match := token.FindString(source[at:]); match != "" {
			if quote != '/' {
				found = append(found, literal{match[1 : len(match)-1], at})
			}
			at += len(match)
			continue
		}
		switch {
		case quote == '"' || quote == '\'':
			t.Fatalf("a string has no end: %.40q", source[at:])
		case quote == '{' && in >= 0:
			nested[in]++
		case quote == '}' && in >= 0:
			nested[in]--
		}
		at++
	}
	if len(nested) > 0 {
		t.Fatal("a value of a template has no end")
	}
	return found
}

// A scan that finds nothing may have looked at nothing.
func TestTextsOfScriptsAreNoticed(t *testing.T) {
	t.Parallel()
	for source, want := range map[string][]string{
		`if (size < 5) return "just now";`:                         {"just now"},
		"let text = `${Math.floor(size / 86400)} days`;":           {" days"},
		"return seconds < 0 ? `in ${text}` : `${text} ago`;":       {"in ", " ago"},
		`tell("The dashboard does not answer.");`:                  {"The dashboard does not answer."},
		"f(`Paused, ${count(x.filter((y) => { return y; }))} in`)": {"Paused, ", " in"},
		`x.textContent = paused ? "Go on" : "Pause";`:              {"Go on", "Pause"},
		`x.textContent = "paused";`:                                {"paused"},
		`if (x.textContent === "paused") return;`:                  nil,
		`alert(a + "!")`:                                            {"!"},
		"/* It's */ f('It\\'s so.') // isn't it":                    {`It\'s so.`},
		"f(`${a ? `one ${b}` : \"two three\"} four`)":               {"one ", "two three", " four"},
		`x.closest("input, textarea, select, [contenteditable]")`:   nil,
		"document.querySelector(`[data-key=\"${key}\"]`)":           nil,
		`x.setAttribute("role", "status"); y.getData("text/plain")`: nil,
	} {
		if got := textsOfScript(t, source); !slices.Equal(got, want) {
			t.Errorf("%s\nhas %q, want %q", source, got, want)
		}
	}
}

func TestCodeHasNoTexts(t *testing.T) {
	t.Parallel()
	read := 0
	for _, pattern := range []string{"*.go", "draft/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			read++
			for _, text := range textsOfCode(t, path, nil) {
				t.Errorf("%s says %s: it belongs into package words", path, text)
			}
		}
	}
	if read < 30 {
		t.Errorf("%d files were read", read)
	}
}

// textsOfCode returns the strings of a file of Go, or of a source, that are texts for
// people. Logs are for those who run the dashboard.
func textsOfCode(t *testing.T, path string, source any) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	unseen := []string{"DebugContext", "InfoContext", "WarnContext", "ErrorContext", "Failed", "Set", "Add", "Get"} // logs and headers
	// What protocols, pages and the old marketplace have, and encoding/json says.
	known := []string{"Bearer", ": still here\n\n", "event: done\ndata: done\n\n", "\ngraft | %s\n", "-hint ", "unexpected end"}
	known = append(known, "True", "Yes", "On", "False", "No", "Off")
	spoken := regexp.MustCompile(`^(GET|POST) /|^\w+/\w+; charset=|^(default|connect)-src |^attachment; |^</?(svg|time|pre)\b|^\(\?i\)`)
	var texts []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field: // with its tag
			return n.Tag == nil
		case *ast.CallExpr:
			called, ok := n.Fun.(*ast.SelectorExpr)
			return !ok || !slices.Contains(unseen, called.Sel.Name)
		case *ast.BasicLit:
			if n.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(n.Value)
			if err != nil {
				t.Fatal(err)
			}
			if wordy.MatchString(text) && !spoken.MatchString(text) && !slices.Contains(known, text) {
				texts = append(texts, n.Value)
			}
		}
		return true
	})
	return texts
}

func TestTextsOfCodeAreNoticed(t *testing.T) {
	t.Parallel()
	source := `package x
var _ = d.show("about", "About", "Uninstall " + name, "network")
func f() { log.WarnContext(ctx, "a page can't be shown", "path", path); fail("%s has no service %q.") }
`
	if got := strings.Join(textsOfCode(t, "x.go", source), " "); got != `"About" "Uninstall " "%s has no service %q."` {
		t.Errorf("found %s", got)
	}
}
