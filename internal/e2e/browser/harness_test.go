package browser_test

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// What must not happen on a page is noticed, with this browser and this version of
// what drives it: no other test here can be believed without.
func TestFaultsAreNoticed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		policy, page string
		want         string
	}{
		"an error in the console":        {"", `<script>console.error("so it", 7)</script>`, "console: so it 7"},
		"an exception":                   {"", `<script>throw new Error("thrown here")</script>`, "thrown here"},
		"a promise that nobody looks at": {"", `<script>Promise.reject(new Error("rejected here"))</script>`, "rejected here"},
		"a dialog":                       {"", `<script>alert("it ran")</script>`, "dialog: it ran"},
		"a picture from another host":    {"", `<img alt="" src="http://elsewhere.test/x.png">`, "request to another host: http://elsewhere.test/x.png"},
		"a call to another port":         {"", `<script>fetch("http://127.0.0.1:9/x").catch(() => {})</script>`, "request to another host: http://127.0.0.1:9/x"},
		"a web socket elsewhere":         {"", `<script>new WebSocket("ws://elsewhere.test/")</script>`, "request to another host: ws://elsewhere.test/"},
		"a file that is not there":       {"", `<script src="/none.js"></script>`, "404"},
		"an inline script":               {strict, `<script>document.title = "ran"</script>`, "policy script-src-elem"},
		"an inline handler":              {strict, `<img alt="" src="data:," onerror="document.title = 'ran'">`, "policy script-src-attr"},
		"an inline style":                {strict, `<p style="color: red">red</p>`, "policy style-src-attr"},
		"a style element":                {strict, `<style>p { color: red }</style>`, "policy style-src-elem"},
		"a script from another host":     {strict, `<script src="http://elsewhere.test/x.js"></script>`, "policy script-src-elem"},
		"code from a text":               {strict, `<script src="/eval.js"></script>`, "policy script-src"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newUnwatchedTab(t, serve(t, test.policy, map[string]string{
				"/": test.page, "/eval.js": `try { new Function("return 1")(); } catch {}`,
			}))
			p.open("/")
			p.until("the page is complete", `() => document.readyState === "complete"`)
			// Some of them come by other ways than what the page says itself.
			late := time.Now().Add(patience)
			for faults := []string{}; !slices.ContainsFunc(faults, func(fault string) bool { return strings.Contains(fault, test.want) }); {
				if time.Now().After(late) {
					t.Fatalf("not noticed %q, but %q", test.want, faults)
				}
				p.watch.flush(p.ctx, t)
				faults = append(faults, p.watch.takeFaults()...)
			}
		})
	}
}

// A page without faults has none.
func TestNoFaults(t *testing.T) {
	t.Parallel()
	p := newUnwatchedTab(t, serve(t, strict, map[string]string{
		"/":        `<link rel="stylesheet" href="/own.css"><script src="/own.js"></script><p>Good morning</p><img alt="" src="/static/icons.svg">`,
		"/own.css": `p { color: black }`, "/own.js": `console.log("hello"); document.title = "ran";`,
	}))
	p.open("/")
	p.hasTitle("ran")
	p.see("Good morning")
	p.watch.flush(p.ctx, t)
	if faults := p.watch.takeFaults(); len(faults) > 0 {
		t.Errorf("faults: %q", faults)
	}
	p.accessible()
	p.fits()
}

func TestBarriersAreNoticed(t *testing.T) {
	t.Parallel()
	p := newTab(t, serve(t, "", map[string]string{"/": `<style>p { color: #aaa; background: #fff }</style>
		<p>too pale to read</p><img src="/static/icons.svg"><button></button><input>`}))
	p.open("/")
	found := p.barriers()
	for _, id := range []string{"color-contrast", "image-alt", "button-name", "label"} {
		if !slices.ContainsFunc(found, func(b barrier) bool { return b.ID == id && strings.Contains(b.String(), "\n") }) {
			t.Errorf("%s is not found: %v", id, found)
		}
	}
}

// The sentences do on a page what a person would.
func TestSentences(t *testing.T) {
	t.Parallel()
	p := newTab(t, serve(t, strict, map[string]string{
		"/": `<script type="module" src="/page.js"></script><link rel="stylesheet" href="/page.css"><main><h1>Sign in</h1>
			<form><label>Token <input type="password" name="token"></label><button>Sign in</button></form></main>`,
		"/page.css": `.late { display: none }`,
		"/page.js": `document.forms[0].addEventListener("submit", (event) => {
			event.preventDefault();
			if (document.forms[0].token.value === "secret") setTimeout(() => { location.href = "/form"; }, 30);
		});`,
		"/form": `<script type="module" src="/form.js"></script><link rel="stylesheet" href="/page.css"><main><h1>A form</h1>
			<p class="late" id="late">Came later</p>
			<section id="one"><h2>One</h2><button>Add</button></section>
			<section id="two"><h2>Two</h2><button>Add</button></section>
			<label for="n">Name</label> <input id="n" value="old"> <label>Kind <select><option>plugin<option>addon</select></label>
			<label>File <input type="file" id="file"></label>
			<button id="ask">Delete</button> <a href="/">Leave</a> <output id="out"></output></main>`,
		"/form.js": `const out = document.getElementById("out"), say = (text) => { out.textContent += text + ";"; };
			setTimeout(() => document.getElementById("late").classList.remove("late"), 50);
			for (const s of document.querySelectorAll("section")) s.querySelector("button").onclick = () => say("add " + s.id);
			document.getElementById("n").oninput = (e) => say("name " + e.target.value);
			document.querySelector("select").onchange = (e) => say("kind " + e.target.value);
			document.getElementById("file").onchange = (e) => say("file " + e.target.files[0].name);
			document.getElementById("ask").onclick = () => { if (confirm("Delete all of it?")) say("deleted"); };
			document.onkeydown = (e) => { if (e.key === "/" ) say("slash"); };`,
	}))
	p.open("/")
	p.signIn("secret")
	p.isAt("/form")
	p.see("Came later")
	p.within("#two").click("Add")
	p.see("add two;")
	p.notSee("add one;")
	p.fill("Name", "new")
	p.see("name new;")
	p.fill("Name", "")
	p.see("name ;")
	p.choose("Kind", "addon")
	p.see("kind addon;")
	p.upload("#file", "go.mod")
	p.see("file go.mod;")
	p.agreeTo("all of it")
	p.click("Delete")
	p.see("deleted;")
	p.tabTo("Leave")
	p.press("/")
	p.see("slash;")
	p.press("\r")
	p.isAt("/")
	p.hasTitle("A page")
}

func TestWidePagesAreNoticed(t *testing.T) {
	t.Parallel()
	p := newTab(t, serve(t, strict, map[string]string{
		"/": `<link rel="stylesheet" href="/wide.css"><p id="wide">wide</p>`, "/wide.css": `#wide { width: 500px }`,
	}))
	p.open("/")
	if over := p.tooWide(); len(over) > 0 {
		t.Errorf("nothing is too wide, but %q", over)
	}
	p.look(light, narrowWidth)
	if over := p.tooWide(); len(over) != 2 || !strings.Contains(over[1], `id="wide"`) {
		t.Errorf("too wide: %q", over)
	}
}
