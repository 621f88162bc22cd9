package browser_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The roles of what can be clicked on, and of what can be filled in, as the browser
// tells them to assistive technology.
var (
	clickable = []string{
		"button", "link", "tab", "menuitem", "menuitemcheckbox", "menuitemradio", "checkbox", "radio", "switch", "option",
		"DisclosureTriangle", "PopUpButton", "ToggleButton",
	}
	fillable = []string{"textbox", "searchbox", "combobox", "spinbutton"}
)

// element is one of the page's, by its id in the browser.
type element int64

// axNode is what assistive technology is told of an element.
type axNode struct {
	Ignored bool `json:"ignored"`
	Role    struct {
		Value string `json:"value"`
	} `json:"role"`
	Name struct {
		Value any `json:"value"`
	} `json:"name"`
	Element element `json:"backendDOMNodeId"`
}

// find waits for the one element of such a role and with this name: what a screen
// reader calls it, which is its text unless its author says otherwise.
func (p *tab) find(name string, roles []string) element {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	var before []element
	var otherwise []string
	for {
		found, others, err := p.named(ctx, name, roles)
		switch {
		case err == nil && len(found) == 1:
			return found[0]
		case ctx.Err() != nil:
			p.t.Fatalf("%s has %d of %s called %q in %s; there are: %s", p.address(), len(before),
				strings.Join(roles, ", "), name, p.scope, strings.Join(otherwise, ", "))
		case err != nil && !pageIsGone(err):
			p.t.Fatalf("%q: %v", name, err)
		case err == nil:
			before, otherwise = found, others
		}
		if p.noScripts {
			time.Sleep(50 * time.Millisecond) // the page can't tell
			continue
		}
		_ = p.ask(ctx, nil, change) // another page may come meanwhile
	}
}

// change resolves when the document changes, and soon in any case: what an element is
// called also changes with styles.
const change = `() => new Promise((done) => {
	const end = () => { observer.disconnect(); clearTimeout(late); done(); };
	const observer = new MutationObserver(end), late = setTimeout(end, 250);
	observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
})`

// named returns the elements with a name, and the names of all others.
func (p *tab) named(ctx context.Context, name string, roles []string) (found []element, others []string, err error) {
	var root answer
	if err := p.call(ctx, "Runtime.evaluate", map[string]any{
		"expression": fmt.Sprintf("document.querySelector(%q)", p.scope),
	}, &root); err != nil {
		return nil, nil, err
	}
	if root.Result.ObjectID == "" {
		return nil, nil, nil // not yet
	}
	var all struct {
		Nodes []axNode `json:"nodes"`
	}
	if err := p.call(ctx, "Accessibility.queryAXTree", map[string]any{"objectId": root.Result.ObjectID}, &all); err != nil {
		return nil, nil, err
	}
	for _, node := range all.Nodes {
		if node.Ignored || !slices.Contains(roles, node.Role.Value) {
			continue
		}
		if text := words(fmt.Sprint(node.Name.Value)); text == name {
			found = append(found, node.Element)
		} else {
			others = append(others, fmt.Sprintf("%s %q", node.Role.Value, text))
		}
	}
	return found, others, nil
}

// words makes all white space between words the same.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }

// on calls a function of the page with an element as this.
func (p *tab) on(ctx context.Context, e element, result any, function string, arguments ...any) error {
	var resolved struct {
		Object struct {
			ObjectID string `json:"objectId"`
		} `json:"object"`
	}
	if err := p.call(ctx, "DOM.resolveNode", map[string]any{"backendNodeId": e}, &resolved); err != nil {
		return err
	}
	list := []map[string]any{}
	for _, argument := range arguments {
		list = append(list, map[string]any{"value": argument})
	}
	var a answer
	if err := p.call(ctx, "Runtime.callFunctionOn", map[string]any{
		"objectId": resolved.Object.ObjectID, "functionDeclaration": function, "arguments": list,
		"awaitPromise": true, "returnByValue": true,
	}, &a); err != nil {
		return err
	}
	return a.into(result)
}
