package browser_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"
)

// htmx and its server-sent events work under the policy of the dashboard. Neither
// script may have "defer": htmx then looks at the page without waiting for the other
// one, and when that comes late, no stream is ever opened.
func TestHtmxUnderThePolicy(t *testing.T) {
	t.Parallel()
	next := make(chan string)
	events := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		for {
			_ = http.NewResponseController(w).Flush() // a tab that is gone ends the request
			select {
			case text := <-next:
				_, _ = fmt.Fprintf(w, "data: <hx-partial hx-target=\"#live\" hx-swap=\"innerHTML\">%s</hx-partial>\n\n", text)
			case <-r.Context().Done():
				return
			}
		}
	})
	p := newTab(t, serve(t, strict, map[string]string{
		"/": `<meta name="htmx-config" content="includeIndicatorCSS:false">
			<script src="/static/vendor/htmx.min.js"></script><script src="/static/vendor/hx-sse.min.js"></script>
			<main><button hx-get="/part" hx-target="#part">Load</button><p id="part">before</p>
			<div hx-sse:connect="/events"></div><p id="live">waiting</p></main>`,
		"/part": `<b>after</b>`,
	}, events))
	p.open("/")
	p.see("before", "waiting")
	p.click("Load")
	p.see("after")
	for _, text := range []string{"first", "second"} {
		select {
		case next <- text:
		case <-time.After(patience):
			t.Fatal("the page has no stream")
		}
		p.see(text)
	}
	p.notSee("waiting")
}

// Every icon of the sprite is drawn, under the policy of the dashboard, in the
// colour of the text around it.
func TestIcons(t *testing.T) {
	t.Parallel()
	sprite, err := os.ReadFile("../../web/static/icons.svg")
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	page.WriteString(`<link rel="stylesheet" href="/own.css"><main>`)
	ids := regexp.MustCompile(`<symbol id="([^"]+)"`).FindAllStringSubmatch(string(sprite), -1)
	for _, id := range ids {
		fmt.Fprintf(&page, `<svg aria-hidden="true"><use href="/static/icons.svg#%s"></use></svg>`, id[1])
	}
	p := newTab(t, serve(t, strict, map[string]string{
		"/": page.String() + `</main>`,
		"/own.css": `:root { color-scheme: light dark; background: Canvas; color: CanvasText }
			svg { width: 1.5rem; height: 1.5rem; margin: .25rem }`,
	}))
	p.open("/")
	p.until("all icons have something in them", `() => [...document.querySelectorAll("use")].every((use) => use.getBBox().width > 0)`)
	var drawn int
	p.evaluate(&drawn, `() => document.querySelectorAll("use").length`)
	if drawn != len(ids) || drawn < 40 {
		t.Errorf("%d of %d icons", drawn, len(ids))
	}
	p.looksGood("icons")
}

const editorPage = `<link rel="stylesheet" href="/static/style.css"><script type="module" src="/own.js"></script>
	<main><form><button>Before</button>
	<label for="source">Descriptor</label>
	<textarea id="source" aria-describedby="hint" placeholder="Paste it here">{"a": 1}</textarea>
	<p id="hint">It is JSON.</p><button type="reset">Reset</button></form><output id="out"></output></main>`

const editorScript = `import { edit } from "/static/vendor/editor.js";
	const source = document.getElementById("source"), out = document.getElementById("out");
	source.addEventListener("input", () => { out.textContent = source.value; });
	window.editor = edit(source);`

// The editor is there, with its styles, under a policy that forbids style elements
// and style attributes; and the text area has what is in it.
func TestEditorUnderThePolicy(t *testing.T) {
	t.Parallel()
	p := newTab(t, serve(t, strict, map[string]string{"/": editorPage, "/own.js": editorScript}))
	p.open("/")
	p.until("the styles apply", `() => {
		const lines = document.querySelector(".cm-scroller");
		return lines && getComputedStyle(lines).fontFamily.includes("monospace") && getComputedStyle(lines).display === "flex";
	}`)
	var value string
	p.fill("Descriptor", "{\n  \"name\": \"web\"\n}")
	p.see(`{ "name": "web" }`)
	p.evaluate(&value, `() => source.value`)
	if value != "{\n  \"name\": \"web\"\n}" {
		t.Errorf("the text area has %q", value)
	}
	p.press("z", input.ModifierCtrl)
	p.until("undo works", `() => source.value === '{"a": 1}' && out.textContent === source.value`)
	p.fill("Descriptor", "[1]")
	p.click("Reset")
	p.until("the form is reset", `() => document.querySelector(".cm-content").innerText.includes('{"a": 1}')`)
	p.evaluate(nil, `() => { source.value = '{"a": 2}'; source.dispatchEvent(new Event("input")); }`)
	p.until("a change by a script is followed", `() => document.querySelector(".cm-content").innerText.includes('{"a": 2}')`)
}

// The tab key leads out of the editor, in both directions, and the label into it.
func TestEditorIsNoTrap(t *testing.T) {
	t.Parallel()
	p := newTab(t, serve(t, strict, map[string]string{"/": editorPage, "/own.js": editorScript}))
	p.open("/")
	p.tabTo("Descriptor")
	p.write(" ")
	p.tabTo("Reset")
	p.press(kb.Tab, input.ModifierShift)
	p.press(kb.Tab, input.ModifierShift)
	p.until("the focus is before the editor", `() => document.activeElement.textContent === "Before"`)
	p.evaluate(nil, `() => document.querySelector("label").click()`)
	p.until("the focus is in the editor", `() => document.activeElement.classList.contains("cm-content")`)
}

// Problems are marked where they are, in words and not by colour alone; and people
// can read all of it, light and dark.
func TestProblemsInTheEditor(t *testing.T) {
	t.Parallel()
	p := newTab(t, serve(t, strict, map[string]string{"/": editorPage, "/own.js": editorScript}))
	p.open("/")
	p.fill("Descriptor", "{\n  \"name\": \"Web\",\n  \"version\": 1,\n  \"more\": [true, null]\n}")
	p.evaluate(nil, `() => editor.setProblems([
		{ line: 2, column: 11, message: "use lower-case letters", severity: "error" },
		{ line: 3, message: "a version is a text", severity: "warning" },
		{ line: 99, column: 99, message: "outside", severity: "info" },
	])`)
	p.until("three lines are marked", `() => document.querySelectorAll(".cm-gutter-lint .cm-lint-marker").length === 3`)
	var marked []string
	p.evaluate(&marked, `() => [...document.querySelectorAll(".cm-lintRange")].map((e) => e.textContent)`)
	if !slices.Equal(marked[:1], []string{`"Web"`}) || !slices.Contains(marked, `"version": 1,`) {
		t.Errorf("marked: %q", marked)
	}
	p.evaluate(nil, `() => editor.goTo(2, 11)`)
	p.press("M", input.ModifierCtrl, input.ModifierShift)
	p.see("use lower-case letters", "a version is a text")
	p.looksGood("editor-problems")
	p.press(kb.Escape)
	p.notSee("a version is a text")
	p.press("f", input.ModifierCtrl)
	p.see("match case")
	p.looksGood("editor-search")

	p.evaluate(nil, `() => editor.setProblems([])`)
	p.until("no line is marked", `() => document.querySelectorAll(".cm-lint-marker").length === 0`)
	p.evaluate(nil, `() => editor.destroy()`)
	p.until("the text area is back", `() => !source.hidden && !document.querySelector(".cm-editor") && source.value.includes("more")`)
}
