package browser_test

import (
	"context"
	_ "embed" // axe
	"fmt"
	"strings"
)

// axe looks for what keeps people with disabilities from using a page.
//
//go:embed testdata/axe.min.js
var axe string

// barrier is one kind of them on a page.
type barrier struct {
	ID     string
	Impact string
	Help   string
	Nodes  []struct {
		HTML           string
		FailureSummary string
	}
}

func (b barrier) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s (%s): %s", b.ID, b.Impact, b.Help)
	for i, node := range b.Nodes {
		if i == 5 {
			fmt.Fprintf(&text, "\n  and %d more", len(b.Nodes)-i)
			break
		}
		html := words(node.HTML)
		if len(html) > 300 {
			html = html[:300] + "…"
		}
		fmt.Fprintf(&text, "\n  %s\n    %s", html, strings.ReplaceAll(node.FailureSummary, "\n", "\n    "))
	}
	return text.String()
}

// accessible fails if the page, as it looks now, is against a rule of WCAG 2.2,
// level A or AA, that can be checked by a program; or against these rules only.
func (p *tab) accessible(rules ...string) {
	p.t.Helper()
	for _, b := range p.barriers(rules...) {
		p.t.Errorf("at %s: %s", p.address(), b)
	}
}

func (p *tab) barriers(rules ...string) []barrier {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	var found []barrier
	var there bool
	err := p.ask(ctx, &there, "() => !!window.axe")
	if err == nil && !there {
		// What is evaluated from here is not subject to the page's policy.
		err = p.ask(ctx, nil, "() => {\n"+axe+"\n}")
	}
	if err != nil {
		p.t.Fatalf("axe does not load: %v", err)
	}
	err = p.ask(ctx, &found, `async (rules) => {
		const result = await axe.run(document, {
			runOnly: rules ? { type: "rule", values: rules } :
				{ type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"] },
			rules: { "target-size": { enabled: true } },
			resultTypes: ["violations"],
		});
		if (!rules && !result.passes.length) throw new Error("axe has checked nothing");
		// The focus goes into what can be edited, which this rule does not know.
		const known = (id, [selector]) => id === "scrollable-region-focusable" && document.querySelector(selector + " > [contenteditable=true]");
		return result.violations.map(({ id, impact, help, nodes }) => ({
			id, impact, help, nodes: nodes.filter(({ target }) => !known(id, target)).map(({ html, failureSummary }) => ({ html, failureSummary })),
		})).filter(({ nodes }) => nodes.length > 0);
	}`, rules)
	if err != nil {
		p.t.Fatalf("axe: %v", err)
	}
	return found
}
