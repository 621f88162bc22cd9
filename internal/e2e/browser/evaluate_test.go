package browser_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// The browser's protocol is spoken here with types that have only what is needed:
// a newer browser has values of enumerations that generated types refuse to read.

// call sends one command of the protocol.
func (p *tab) call(ctx context.Context, method string, params, result any) error {
	return chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) error {
		var raw json.RawMessage
		if err := cdp.Execute(ctx, method, params, &raw); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(raw, result)
	}))
}

// answer is what a function of the page gave.
type answer struct {
	Result struct {
		Value    json.RawMessage `json:"value"`
		ObjectID string          `json:"objectId"`
	} `json:"result"`
	ExceptionDetails *struct {
		Text      string `json:"text"`
		Exception struct {
			Description string `json:"description"`
		} `json:"exception"`
	} `json:"exceptionDetails"`
}

// into reads the answer into a value, unless that is nil.
func (a *answer) into(value any) error {
	if a.ExceptionDetails != nil {
		return errors.New(a.ExceptionDetails.Text + " " + a.ExceptionDetails.Exception.Description)
	}
	if value == nil || a.Result.Value == nil {
		return nil
	}
	return json.Unmarshal(a.Result.Value, value)
}

// ask calls a JavaScript function on the page, awaits it if it is asynchronous, and
// reads what it returns.
func (p *tab) ask(ctx context.Context, result any, function string, arguments ...any) error {
	var list []string
	for _, argument := range arguments {
		encoded, err := json.Marshal(argument)
		if err != nil {
			return err
		}
		list = append(list, string(encoded))
	}
	var a answer
	err := p.call(ctx, "Runtime.evaluate", map[string]any{
		"expression":   "(" + function + ")(" + strings.Join(list, ",") + ")",
		"awaitPromise": true, "returnByValue": true,
	}, &a)
	if err != nil {
		return err
	}
	return a.into(result)
}

// evaluate is ask for what can't go wrong.
func (p *tab) evaluate(result any, function string, arguments ...any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := p.ask(ctx, result, function, arguments...); err != nil {
		p.t.Fatal(err)
	}
}

// until waits until a function of the page returns true. It is called again
// whenever the page changes, and on each page that comes after it.
func (p *tab) until(what, function string, arguments ...any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for {
		var holds bool
		err := p.holds(ctx, &holds, function, arguments)
		if err == nil && holds {
			return
		}
		if ctx.Err() != nil {
			p.t.Fatalf("at %s, waited %v in vain until %s", p.address(), patience, what)
		}
		if err != nil && !pageIsGone(err) {
			p.t.Fatalf("until %s: %v", what, err)
		}
	}
}

// holds is whether a function of the page returns true soon.
func (p *tab) holds(ctx context.Context, result *bool, function string, arguments []any) error {
	if !p.noScripts {
		return p.ask(ctx, result, strings.Replace(waiting, "CONDITION", function, 1), arguments)
	}
	// Nothing that comes later is called on such a page.
	select {
	case <-time.After(50 * time.Millisecond):
	case <-ctx.Done():
	}
	return p.ask(ctx, result, function, arguments...)
}

// awaitFrame waits until the page is there, with its scripts, and the browser has drawn
// what it is now: before a new page's first frame it lets go of what comes from mouse
// and keyboard.
func (p *tab) awaitFrame() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for {
		err := p.frame(ctx)
		switch {
		case err == nil:
			return
		case ctx.Err() != nil || !pageIsGone(err):
			p.t.Fatalf("no picture of %s: %v", p.address(), err)
		}
	}
}

// frame returns when the page was drawn. One without scripts can't tell; a picture of
// it, however small, makes the browser draw it.
func (p *tab) frame(ctx context.Context) error {
	if p.noScripts {
		return p.call(ctx, "Page.captureScreenshot", map[string]any{"clip": map[string]any{"x": 0, "y": 0, "width": 1, "height": 1, "scale": 1}}, nil)
	}
	return p.ask(ctx, nil, `() => new Promise((done) => {
		const drawn = () => requestAnimationFrame(() => requestAnimationFrame(() => done()));
		if (document.readyState === "complete") drawn();
		else addEventListener("load", drawn, { once: true });
	})`)
}

// waiting resolves to whether a condition held within a second. Not everything that
// a condition asks for is told as a change of the document: a style's end is not.
const waiting = `(list) => new Promise((done) => {
	const holds = CONDITION;
	const check = () => { if (holds(...(list ?? []))) end(true); };
	const end = (held) => { observer.disconnect(); clearInterval(again); clearTimeout(late); done(held); };
	const observer = new MutationObserver(check);
	observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
	const again = setInterval(check, 50), late = setTimeout(() => end(false), 1000);
	check();
})`

// pageIsGone is whether a call failed because another page has come meanwhile.
func pageIsGone(err error) bool {
	text := err.Error()
	for _, part := range []string{
		"Execution context was destroyed", "Cannot find context", "Inspected target navigated", "Cannot find default execution context",
		"Could not find node", "No node", "Node with given id does not belong", "uniqueContextId not found", "not attached",
	} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// address is where the tab is.
func (p *tab) address() string {
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	var at string
	if err := p.ask(ctx, &at, "() => location.href"); err != nil {
		return "an unknown page"
	}
	return at
}
