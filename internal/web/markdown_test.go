package web

import (
	"strings"
	"testing"
	"time"
)

// What strangers write runs nothing, loads nothing and looks like nothing of ours.
func TestMarkdown(t *testing.T) {
	t.Parallel()
	const link = ` rel="nofollow noreferrer noopener" target="_blank"`
	for source, want := range map[string]string{
		"":                              "",
		"# A\n\n*b* **c** ~~d~~ `e`":    "<h1>A</h1>\n<p><em>b</em> <strong>c</strong> <del>d</del> <code>e</code></p>\n",
		"[x](https://example.org/a?b)":  `<p><a href="https://example.org/a?b"` + link + ">x</a></p>\n",
		"[x](mailto:a@example.org)":     `<p><a href="mailto:a@example.org" rel="nofollow noreferrer">x</a></p>` + "\n",
		"- a\n- [ ] b":                  "<ul>\n<li>a</li>\n<li> b</li>\n</ul>\n",
		"| a |\n|--:|\n| b |":           "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>b</td>\n</tr>\n</tbody>\n</table>\n",
		"```js\nalert(1)\n```":          "<pre><code>alert(1)\n</code></pre>\n",
		"<script>alert(1)</script>":     "\n",
		"a <b onclick=x>b</b>":          "<p>a b</p>\n",
		"![x](https://evil.example/p)":  "<p></p>\n",
		"[x](javascript:alert(1))":      "<p>x</p>\n",
		"[x](JaVaScRiPt&#58;alert(1))":  "<p>x</p>\n",
		"[x](data:text/html,y)":         "<p>x</p>\n",
		"[x](vbscript:y)":               "<p>x</p>\n",
		"[x](/sign-out)":                "<p>x</p>\n",
		"[x](//evil.example)":           "<p>x</p>\n",
		"<javascript:alert(1)>":         "<p>javascript:alert(1)</p>\n",
		"a{.note}\n\n# b {#main}":       "<p>a{.note}</p>\n<h1>b {#main}</h1>\n",
		"&lt;script&gt;":                "<p>&lt;script&gt;</p>\n",
		"{{.Me}} ${x} <%= y %>":         "<p>{{.Me}} ${x} &lt;%= y %&gt;</p>\n",
		"[x](https://a/ \"on'x\")":      `<p><a href="https://a/"` + link + ">x</a></p>\n",
		"<https://a/\"onmouseover=x()>": "<p><a href=\"https://a/%22onmouseover=x()\"" + link + ">https://a/&#34;onmouseover=x()</a></p>\n",
	} {
		got, err := markdown(source)
		if err != nil || string(got) != want {
			t.Errorf("%q:\n got %q\nwant %q, %v", source, got, want, err)
		}
	}
}

// Whatever HTML is in a readme, none of this is left.
func TestMarkdownOfHTML(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		`<img src=x onerror=alert(1)>`, `<svg><script>alert(1)</script></svg>`, `<svg/onload=alert(1)>`, `<iframe src=//evil.example></iframe>`,
		`<form action=//evil.example><input name=token></form>`, `<style>*{display:none}</style>`, `<link rel=stylesheet href=//evil.example>`,
		`<meta http-equiv=refresh content="0;url=//evil.example">`, `<base href=//evil.example>`, `<object data=x>`, `<embed src=x>`,
		`<div class="note good" id="main" style="position:fixed" hx-get="/tokens" hx-trigger="load">x</div>`,
		`<button hx-post="/sign-out" formaction="/sign-out">x</button>`, `<template><script>alert(1)</script></template>`,
		`<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>`, `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
		"<!--><script>alert(1)</script>-->", "<![CDATA[<script>alert(1)</script>]]>", "<a href=\"java\nscript:alert(1)\">x</a>", `<video autoplay src=x>`,
		"`` <img src=x onerror=alert(1)> ", "[<img src=x onerror=alert(1)>]: x", "> <script>\n> alert(1)</script>",
	} {
		got, err := markdown(source)
		if err != nil {
			t.Fatal(err)
		}
		html := strings.ToLower(string(got))
		for _, never := range []string{"<script", "<img", "<svg", "<iframe", "<form", "<input", "<style", "<link", "<meta", "<base", "<object", "<embed", "<button", "<template", "<video", "<div", " class=", " id=", " style=", " hx-", "\"javascript:", "<!--"} {
			if strings.Contains(html, never) {
				t.Errorf("%s has %s: %s", source, never, html)
			}
		}
	}
}

func TestLongParagraphs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("*x* <b>", longestParagraph/7)
	for source, want := range map[string]string{
		"# A\n" + long + long:    "<pre># A\n" + strings.ReplaceAll(long+long, "<b>", "&lt;b&gt;") + "</pre>",
		"# A\n\nb\n \t\n" + long: "<h1>A</h1>\n<p>b</p>\n<p>" + strings.Repeat("<em>x</em> ", longestParagraph/7) + "</p>\n",
	} {
		got, err := markdown(source)
		if err != nil || string(got) != want {
			t.Errorf("%.20q…: got %.200s, %v", source, got, err)
		}
	}
}

// However a readme is made to be hard to read, one that is eight times as long takes
// about eight times as long.
func TestMarkdownIsQuick(t *testing.T) {
	t.Parallel()
	took := func(source string) time.Duration {
		begin := time.Now()
		if _, err := markdown(source); err != nil {
			t.Fatal(err)
		}
		return time.Since(begin)
	}
	for _, piece := range []string{"[", "![", "](", "*a_ ", "**", "`", "``a", "> ", "- ", "<", "<a ", "<!--", "&", "|a", "[a](", "[a][", "www.a.", "a@", "~~", "1. ", "<div>", "<b><i>", "http://a", "<?", "<![CDATA["} {
		short := strings.Repeat(piece, longestParagraph/len(piece))
		long := strings.Repeat(short, 8)
		once, eight := took(short), took(long)
		for range 5 { // the machine may do other things, too
			once, eight = max(once, took(short)), min(eight, took(long))
		}
		if eight > 32*once && eight > 100*time.Millisecond {
			t.Errorf("%q, again and again, takes %v, and %v eight times as often", piece, once, eight)
		}
	}
}
